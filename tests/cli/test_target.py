"""What `lr-find run` finds: files, files of packages, modules, exported notebooks; and what a shell completes."""

import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from lr_finder.cli import main
from lr_finder.cli.target import training_from

RELATIVE = "from .model import build\nfrom ..shared import SHARED\ndef make(): return build(), SHARED\n"
PLAIN = "from model import build\ndef make(): return build()\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """`team/project/` is a package, `scripts/` is not; each has a `model.py`."""
    for directory in ("team/project", "scripts"):
        (tmp_path / directory).mkdir(parents=True)
        (tmp_path / directory / "model.py").write_text(f"def build(): return 'of {directory}'\n")
    (tmp_path / "team/__init__.py").touch()
    (tmp_path / "team/project/__init__.py").touch()
    (tmp_path / "team/shared.py").write_text("SHARED = 'shared'\n")
    (tmp_path / "team/project/train.py").write_text(RELATIVE)
    (tmp_path / "team/project/plain.py").write_text(PLAIN)
    (tmp_path / "scripts/train.py").write_text(PLAIN)
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def made_by(target):
    with training_from(target) as (arguments, _):
        return arguments


@pytest.mark.parametrize("target", ["team/project/train.py:make", "team.project.train:make"])
def test_a_file_of_a_package_imports_relatively(project, target):
    assert made_by(target) == ("of team/project", "shared")


def test_a_file_of_a_package_is_found_from_any_directory(project, monkeypatch):
    monkeypatch.chdir(project / "scripts")
    assert made_by("../team/project/train.py:make") == ("of team/project", "shared")
    assert made_by(f"{project}/team/project/train.py:make") == ("of team/project", "shared")


@pytest.mark.parametrize(
    ("target", "made"), [("scripts/train.py", "scripts"), ("team/project/plain.py", "team/project")]
)
def test_a_file_imports_its_neighbours_plainly(project, target, made):
    assert made_by(f"{target}:make") == (f"of {made}",)


def test_a_file_in_no_package_imports_what_lies_in_the_working_directory(project):
    Path("scripts/other.py").write_text("from team.project.train import make\n")
    assert made_by("scripts/other.py:make") == ("of team/project", "shared")


def test_the_name_of_an_exported_notebook_may_be_any(project):
    Path("scripts/My notebook-1.2.py").write_text("#!/usr/bin/env python\n# In[1]:\ndef make(): return 1\n")
    assert made_by("scripts/My notebook-1.2.py:make") == (1,)


def test_the_lines_of_a_notebook_that_no_program_runs_are_named(project):
    Path("scripts/notebook.py").write_text("get_ipython().run_line_magic('matplotlib', 'inline')\n")
    with pytest.raises(
        ValueError, match=r"notebook\.py has lines that only a notebook can run; delete those with get_ipy"
    ):
        made_by("scripts/notebook.py:make")


def test_a_relative_import_without_a_package_is_told_with_the_way_out(project):
    Path("scripts/relative.py").write_text("from .model import build\n")
    with pytest.raises(ValueError, match=r"put an __init__\.py beside it, or .* package\.relative:FUNCTION"):
        made_by("scripts/relative.py:make")


def test_a_module_that_the_users_own_does_not_find_is_the_users_error(project):
    Path("scripts/needing.py").write_text("import nowhere_to_be_found\n")
    for target in ("scripts/needing.py:make", "scripts.needing:make"):
        with pytest.raises(ModuleNotFoundError, match="nowhere_to_be_found"):
            made_by(target)


def test_the_file_sees_the_arguments_of_a_program_that_was_started_alone(project, monkeypatch):
    Path("scripts/arguments.py").write_text("import sys\ndef make(): return sys.argv\n")
    monkeypatch.setattr(sys, "argv", ["lr-find", "run", "scripts/arguments.py:make", "--num-it", "50"])
    assert made_by("scripts/arguments.py:make") == (["scripts/arguments.py"],)
    assert sys.argv[0] == "lr-find"


def completed(*words):
    *arguments, incomplete = words
    return [
        (item.type, item.value)
        for item in ShellComplete(main, {}, "lr-find", "").get_completions(arguments, incomplete)
    ]


def test_a_shell_completes_files_and_then_the_functions_in_them(project):
    Path("train.py").write_text(
        "def make(): ...\ndef make_it(lr=1): ...\ndef made_of(model): ...\ndef other(*, a): ...\n"
    )
    Path("trial.py").touch()
    assert completed("run", "tr") == [("file", "tr")]
    assert completed("run", "tra") == completed("run", "train.py") == completed("run", "train.py:")
    assert completed("run", "train.py:") == [("plain", "train.py:make"), ("plain", "train.py:make_it")]
    assert completed("run", "train.py:make_") == [("plain", "train.py:make_it")]
    assert completed("run", "nowhere.py:") == []

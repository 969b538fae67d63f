"""The documentation site: what is public is in the reference, and what is shown is what the package says."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.pages.tables import commands, gallery, worth
from benchmarks.pages.tutorials import cells

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "lr_finder"
DOCS = ROOT / "docs"
REFERENCE = {page: page.read_text() for page in sorted((DOCS / "reference").glob("*.md"))}
TUTORIALS = sorted((DOCS / "tutorials").glob("*.py"))


def public_names() -> set[str]:
    """What the package says is public: every `__all__`, and the functions of the integrations that are one file."""
    found = set()
    for path in SOURCE.rglob("*.py"):
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        tree = ast.parse(path.read_text())
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name[0] != "_"}
        exported = set()
        for node in tree.body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
                exported = set(ast.literal_eval(node.value))
        if path.parent == SOURCE / "integrations" and "lr_find" in functions:
            exported |= functions
        found |= {f"{module}.{name}" for name in exported}
    # The command line is told by its own help; `result.apply` leads to what sets a rate, `result.report` to the page.
    told_elsewhere = ("lr_finder.cli.", "lr_finder.report.")
    return {name for name in found if not name.startswith(told_elsewhere) and not name.endswith(".apply")}


def test_every_public_name_is_in_the_reference_once():
    documented = re.findall(r"^::: (\S+)$", "\n".join(REFERENCE.values()), flags=re.MULTILINE)
    assert len(documented) == len(set(documented))
    assert public_names() <= set(documented), "add ::: lines to docs/reference/"


@pytest.mark.parametrize(("name", "help_text"), commands().items())
def test_the_help_of_every_command_is_in_the_reference(name, help_text):
    assert "Options:" in help_text
    assert help_text in (DOCS / "reference" / "command-line.md").read_text(), "run python -m benchmarks.pages.tables"


def test_the_gallery_shows_what_the_finder_said():
    page = (DOCS / "how-to-read-a-curve.md").read_text()
    shown = gallery()
    assert len(shown) > 10
    assert all(text in page for text in shown.values()), "run python -m benchmarks.pages.tables"


def test_the_choices_are_shown_with_what_they_were_worth():
    assert worth() in (DOCS / "how-to-choose.md").read_text(), "run python -m benchmarks.pages.tables"


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_the_page_of_a_tutorial_shows_its_cells_in_their_order(path):
    page = path.with_suffix(".md").read_text()
    places = [page.find(cell.text) for cell in cells(path.read_text())]
    assert len(places) > 5
    assert -1 not in places, f"run python -m benchmarks.pages.tutorials {path.stem}"
    assert places == sorted(places)


@pytest.mark.slow
@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_runs_as_a_script(path, tmp_path):
    done = subprocess.run([sys.executable, path], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "confidence" in done.stdout
    assert not list(tmp_path.iterdir())

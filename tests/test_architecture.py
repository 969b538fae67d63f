"""Who may import whom, what is public, and what importing the package loads."""

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

import lr_finder
from lr_finder.extras import PACKAGES

SOURCE = Path(lr_finder.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))

# Every part of the package, and the parts that it may import. One way only.
MAY_IMPORT = {
    "errors": set(),
    "extras": {"errors"},
    "files": set(),
    "kinds": set(),
    "making": set(),
    "progress": set(),
    "curve": {"errors"},
    "report": {"curve", "errors", "extras", "files"},
    "core": {"curve", "report", "errors", "files", "kinds"},
    "preserve": {"errors"},
    "integrations": {"curve", "core", "preserve", "errors", "extras", "progress"},
    "overloads": {"curve", "core", "learner", "pool"},  # the last two: for type checkers alone
    "find": {"core", "kinds", "overloads"},
    "pool": {"curve", "core", "preserve", "integrations", "find", "kinds", "making", "errors", "extras"},
    "learner": {"curve", "core", "preserve", "integrations", "errors", "extras", "progress"},
    "cli": {"curve", "report", "errors", "extras", "find", "making", ""},
    "__main__": {"cli"},
    "": {"curve", "core", "errors", "find"},  # lr_finder/__init__.py
}
CORE_LIBRARIES = {"numpy"}


def part(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def module_name(path: Path) -> str:
    names = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(names[:-1] if names[-1] == "__init__" else names)


def imports(path: Path) -> set[str]:
    """The modules that a file imports, at its top or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)} - {None}
    return found


@pytest.mark.parametrize("path", FILES, ids=[module_name(path) for path in FILES])
def test_dependencies_point_one_way(path):
    here = part(module_name(path))
    modules = {name for name in imports(path) if name.split(".")[0] == "lr_finder"}
    existing = {name for name in modules if (SOURCE.parent / name.replace(".", "/")).exists()} | {
        name for name in modules if (SOURCE.parent / f"{name.replace('.', '/')}.py").exists()
    }
    allowed = MAY_IMPORT[here] | {here}
    # `from lr_finder import x` names the package itself as well; only the part that it leads to counts.
    reached = {part(name) for name in existing if name != "lr_finder"}
    assert reached <= allowed, f"{here or '__init__'} may import {sorted(allowed)}, and imports {sorted(reached)}"


CORE_FILES = [path for path in FILES if part(module_name(path)) in ("curve", "core")]


@pytest.mark.parametrize("path", CORE_FILES, ids=lambda path: path.stem)
def test_the_core_needs_numpy_and_the_standard_library_only(path):
    outside = {name.split(".")[0] for name in imports(path)} - set(sys.stdlib_module_names) - {"lr_finder"}
    type_checking_only = {"matplotlib"} if path.stem in ("comparison", "result") else set()
    assert outside - type_checking_only <= CORE_LIBRARIES


CORE_TESTS = [path for room in ("curve", "core") for path in sorted((Path(__file__).parent / room).glob("*.py"))]


@pytest.mark.parametrize("path", CORE_TESTS, ids=lambda path: path.stem)
def test_the_tests_of_the_core_run_without_torch_and_frameworks(path):
    outside = {name.split(".")[0] for name in imports(path)} - set(sys.stdlib_module_names) - {"lr_finder", "curves"}
    assert outside <= CORE_LIBRARIES | {"pytest", "hypothesis"}


PUBLIC = {
    "lr_finder": {
        "Comparison",
        "Curve",
        "MissingExtraError",
        "NoSuggestionError",
        "ProcessLeftError",
        "RangeTest",
        "RangeTestResult",
        "ResultFileError",
        "SearchOptions",
        "StopReason",
        "Suggestion",
        "Sweep",
        "compare",
        "lr_find",
        "search",
    },
    "lr_finder.pool": {"ProcessPool", "lr_find"},
    "lr_finder.preserve": {"Snapshot", "preserve"},
    "lr_finder.learner": {
        "Callback",
        "DataBunch",
        "LRFinder",
        "Learner",
        "LearnerCallback",
        "Recorder",
        "accuracy",
        "lr_find",
    },
}


@pytest.mark.parametrize("name", PUBLIC)
def test_what_is_public_is_said_exactly_and_exists(name):
    module = importlib.import_module(name)
    assert set(module.__all__) == PUBLIC[name]
    assert all(getattr(module, public).__doc__ for public in module.__all__)


def loaded_by(code: str) -> set[str]:
    """Top-level packages that a fresh interpreter has loaded after running some code."""
    script = f"{code}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


HEAVY = {"torch", "matplotlib", "tqdm", "click", "scipy", "sklearn", "uniplot", "pandas"}


@pytest.mark.parametrize("code", ["import lr_finder", "from lr_finder.preserve import preserve"])
def test_importing_loads_numpy_and_nothing_heavier(code):
    assert not loaded_by(code) & HEAVY


def test_the_command_line_loads_torch_and_matplotlib_only_when_it_needs_them():
    assert not loaded_by("import lr_finder.cli") & {"torch", "matplotlib", "sklearn"}


MISSING = {
    "learner": ("from lr_finder.learner import Learner", "torch", "pip install torch"),
    "matplotlib": (
        "import numpy as np\n"
        "from lr_finder import Curve, RangeTestResult\n"
        "RangeTestResult(Curve(np.ones(1), np.ones(1)), 1).plot()",
        "matplotlib",
        "pip install matplotlib",
    ),
    "training step": (
        "import lr_finder\nlr_finder.lr_find(lambda: 1.0, optimizer=None)",
        "torch",
        "pip install torch",
    ),
    "ray": ("import lr_finder.pool.ray", "ray", "pip install ray"),
    "loss function": (
        "import lr_finder\nlr_finder.lr_find(lambda params, batch: 0.0, {}, lambda lr: None, [0])",
        "optax",
        "pip install jax optax",
    ),
}


EXTRAS = {
    "accelerate": ("accelerate", "accelerate"),
    "fastai": ("fastai", "fastai"),
    "ignite": ("ignite", "ignite"),
    "keras": ("keras", "keras"),
    "lightning": ("lightning", "lightning"),
    "optax": ("jax", "optax"),
    "optax.nnx": ("flax", "flax"),
    "pytorch_lightning": ("pytorch_lightning", "pytorch-lightning"),
    "skorch": ("skorch", "skorch"),
    "torch": ("torch", "torch"),
    "transformers": ("transformers", "transformers"),
}
MISSING |= {
    module: (f"import lr_finder.integrations.{module}", package, f"pip install {PACKAGES[extra]}")
    for module, (package, extra) in EXTRAS.items()
}


HIDE_ONE_AFTER_ANOTHER = """
import json, sys, traceback

said = {}
for name, (code, package) in json.loads(sys.argv[1]).items():
    assert sys.modules.get(package) is None, f"{package} was imported before {name} could hide it"
    sys.modules[package] = None  # what an import of a missing package meets
    try:
        exec(code, {})
    except Exception as error:
        said[name] = traceback.format_exception_only(error)[-1]
    del sys.modules[package]
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def said():
    """What each use of a missing package raises: in one fresh interpreter, as most import torch, which takes longer."""
    those_that_others_import_first = sorted(MISSING.items(), key=lambda case: case[1][1] not in ("torch", "jax"))
    cases = json.dumps({name: (code, package) for name, (code, package, _) in those_that_others_import_first})
    command = [sys.executable, "-c", HIDE_ONE_AFTER_ANOTHER, cases]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", MISSING)
def test_a_missing_extra_names_the_line_that_installs_it(said, name):
    *_, line = MISSING[name]
    assert "MissingExtraError" in said[name]
    assert line in said[name]

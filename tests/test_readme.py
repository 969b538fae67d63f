"""The code in the README and the docs runs as it stands there, and docstring examples hold."""

import doctest
import importlib
import pkgutil
import random
import re
from pathlib import Path

import numpy as np
import pytest
import torch

import lr_finder

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
# The other pages show one framework each, in lines that go with a training of the reader's; examples/ has whole ones.
RUNNABLE = (
    "README.md",
    "CONTRIBUTING.md",
    "docs/learner.md",
    "docs/nothing-is-disturbed.md",
    "docs/start.md",
    "docs/your-own-loop.md",
)
MODULES = [
    module.name
    for module in pkgutil.walk_packages(lr_finder.__path__, "lr_finder.")
    if not module.name.endswith("__main__") and ".fastai" not in module.name  # fastai is in another environment
]


def blocks(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text(), flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", RUNNABLE)
def test_the_code_blocks_run_one_after_another(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    random.seed(0)  # the pages draw initial weights and data
    np.random.seed(0)
    torch.manual_seed(0)
    namespace = {"__name__": "__main__"}
    for block in blocks(ROOT / name):
        exec(compile(block, name, "exec"), namespace)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_code_block_is_python(page):
    for block in blocks(page):
        compile(block, page.name, "exec")


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_hold(name):
    done = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert done.failed == 0


def test_the_examples_in_docstrings_are_not_all_gone():
    attempted = {name: doctest.testmod(importlib.import_module(name)).attempted for name in MODULES}
    assert {"lr_finder.curve.sweep", "lr_finder.core.range_test"} <= {
        name for name, count in attempted.items() if count
    }


def test_every_link_to_a_file_leads_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
            if not target.startswith(("http:", "https:")):
                assert (page.parent / target).exists(), f"{page.name} links {target}"

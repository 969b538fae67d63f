"""What is told where an optional dependency is missing."""

import re
import sys
from pathlib import Path

import pytest

from lr_finder import MissingExtraError
from lr_finder.extras import PACKAGES, extra

# tomllib is there from Python 3.11 on.
PYPROJECT = (Path(__file__).parent.parent / "pyproject.toml").read_text()
EXTRAS = dict(re.findall(r"^([\w-]+) = \[(.*)\]", PYPROJECT.partition("[project.optional-dependencies]")[2], re.M))


def brought_by(name):
    """The packages that an extra of `pyproject.toml` installs, those of the extras that it names among them."""
    packages = set()
    for requirement in re.findall(r'"(.+?)"', EXTRAS[name]):
        named = re.match(r"lr-finder\[(.+)\]", requirement)
        packages.update(*map(brought_by, named[1].split(",")) if named else [re.findall(r"^[\w-]+", requirement)])
    return packages


@pytest.mark.parametrize("name", PACKAGES)
def test_the_packages_named_are_those_of_the_extra(name):
    assert set(PACKAGES[name].split()) == brought_by(name)


def test_the_package_is_named_by_its_own_name_and_so_is_the_module(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with (
        pytest.raises(MissingExtraError, match=r"^sklearn is needed here and is not installed: pip install .*scikit-l"),
        extra("demo"),
    ):
        import sklearn  # noqa: F401


def test_a_module_of_this_package_that_is_missing_is_no_missing_extra():
    with pytest.raises(ModuleNotFoundError, match="lr_finder"), extra("torch"):
        import lr_finder.nothing  # noqa: F401

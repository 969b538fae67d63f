"""Which room of the benchmarks may import which, and the commands that pages and results name."""

import ast
import re
from pathlib import Path

import pytest

import benchmarks

ROOT = Path(benchmarks.__file__).parent
MAY_IMPORT = {
    "finders": {"finders"},
    "rule": {"finders", "rule"},
    "horizon": {"finders", "horizon"},
    "package": {"package"},
    "pages": {"finders", "pages"},
}


def rooms_imported_by(file: Path) -> set[str]:
    names = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom):
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return {room for room in MAY_IMPORT if any(name.startswith(f"benchmarks.{room}") for name in names)}


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_imports_between_the_rooms_point_one_way(room):
    files = sorted((ROOT / room).rglob("*.py"))
    assert len(files) > 1
    for file in files:
        assert rooms_imported_by(file) <= MAY_IMPORT[room], file.name


def test_every_module_is_in_a_room():
    assert {file.stem for file in ROOT.glob("*.py")} == {"__init__", "result_files"}


def test_every_command_that_is_named_can_be_run():
    named = set()
    for file in [
        *ROOT.rglob("*.py"),
        *ROOT.rglob("*.md"),
        *ROOT.rglob("*.json"),
        *(ROOT.parent / "docs").rglob("*.md"),
    ]:
        named |= set(re.findall(r"python -m benchmarks\.([\w.]*\w)", file.read_text(encoding="utf-8")))
    runnable = {
        ".".join(file.relative_to(ROOT).with_suffix("").parts)
        for file in ROOT.rglob("*.py")
        if 'if __name__ == "__main__":' in file.read_text(encoding="utf-8")
    }
    assert named == runnable

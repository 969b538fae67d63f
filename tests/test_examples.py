"""Every example runs as it stands, prints a suggestion, and leaves no file behind."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_prints_a_suggestion_in_under_sixty_lines(path, tmp_path):
    assert len(path.read_text().splitlines()) < 60
    done = subprocess.run([sys.executable, path], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Start training with" in done.stdout
    assert not list(tmp_path.iterdir())

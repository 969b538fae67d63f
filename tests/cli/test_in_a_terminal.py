"""What the commands print in a real terminal, under tmux."""

import shlex
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from curves import valley_curve
from lr_finder import RangeTestResult

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="there is no tmux"),
]
ENOUGH_SECONDS = 60


@contextmanager
def terminal(folder, columns):
    """A function that runs a line in a terminal of so many columns and gives what it then shows."""
    server = ["tmux", "-S", str(folder / "socket"), "-f", "/dev/null"]

    def tmux(*arguments):
        return subprocess.run([*server, *arguments], check=True, capture_output=True, text=True).stdout

    def show(line, *options):
        tmux("new-session", "-d", "-x", str(columns), "-y", "60", f"{line}; echo that is all; sleep 600")
        end = time.monotonic() + ENOUGH_SECONDS
        while time.monotonic() < end and "that is all" not in tmux("capture-pane", "-p"):
            time.sleep(0.1)
        return [line.rstrip() for line in tmux("capture-pane", "-p", *options).partition("that is all")[0].splitlines()]

    try:
        yield show
    finally:
        subprocess.run([*server, "kill-server"], check=False, capture_output=True)


@pytest.fixture
def command(tmp_path):
    """The line that shows a saved result."""
    RangeTestResult(valley_curve(noise=0.02), 200).save(tmp_path / "lr.json")
    return shlex.join([sys.executable, "-m", "lr_finder", "show", str(tmp_path / "lr.json")])


@pytest.mark.parametrize("columns", [80, 120])
def test_no_line_is_broken_by_the_terminal(command, tmp_path, columns):
    with terminal(tmp_path, columns) as show:
        shown = show(command)
        joined = show(command, "-J")  # lines that the terminal had to break are one again
    assert "that is all" not in shown
    assert shown == joined
    assert 68 <= max(map(len, shown)) <= 80  # no wider, for the eye
    assert any("learning rate" in line for line in shown)


def test_there_is_colour_in_it_and_none_in_a_pipe(command, tmp_path):
    with terminal(tmp_path, 80) as show:
        assert "\x1b[" in "".join(show(command, "-e"))
        lines_with_escapes = show(f"{command} | grep -c \"$(printf '\\033')\"")
    assert lines_with_escapes == ["0"]

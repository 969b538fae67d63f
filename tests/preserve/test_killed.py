"""A running search that is sent a signal: nothing of it is left on disk, and what can be put back is."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux's signals, and its list in /proc"),
]

HERE = Path(__file__).parent


@pytest.fixture
def search(tmp_path, tmp_path_factory):
    """Starts a search whose copies are on disk, and waits for its second step."""
    running = []
    directories = {
        "TMPDIR": tmp_path,
        "PYTHONPATH": os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")]),
        "TORCHINDUCTOR_CACHE_DIR": tmp_path_factory.mktemp("cache"),
    }

    def start(*arguments):
        environment = os.environ | {name: str(path) for name, path in directories.items()}
        command = [sys.executable, HERE / "search_to_kill.py", *arguments]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        running.append(process)
        wait_for("step", process)
        wait_for("step", process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def wait_for(text, process):
    for line in process.stdout:
        if line.strip() == text:
            return
    raise AssertionError(f"the search ended before it said {text!r}: {process.stderr.read()}")


def test_control_c_puts_everything_back_and_leaves_no_file(search, tmp_path):
    process = search()
    process.send_signal(signal.SIGINT)
    said, errors = process.communicate(timeout=60)
    assert said.split("\n")[-2] == "same"
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert list(tmp_path.iterdir()) == []


def test_a_second_control_c_does_not_cut_putting_back_short(search, tmp_path):
    process = search()
    process.send_signal(signal.SIGINT)
    wait_for("putting back", process)
    process.send_signal(signal.SIGINT)
    said, errors = process.communicate(timeout=60)
    assert said.split("\n")[-2] == "same"
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert list(tmp_path.iterdir()) == []


def test_sigterm_with_a_handler_puts_everything_back(search, tmp_path):
    process = search("handle")
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert said.split("\n")[-2] == "same"
    assert process.returncode == 143
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_process_that_is_killed_leaves_no_file(search, tmp_path, number):
    process = search()
    assert str(tmp_path) in "".join(str(link.resolve()) for link in Path(f"/proc/{process.pid}/fd").iterdir())
    process.send_signal(number)
    assert process.wait(timeout=60) == -number
    assert list(tmp_path.iterdir()) == []

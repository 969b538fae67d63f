"""Probes on Ray: a real cluster of two nodes, one of which is lost, and one that the search starts for itself."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from pool.trainings import FOLDER

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux's list of processes in /proc"),
]

HERE = Path(__file__).parent
NODE = ("--num-cpus=1", "--object-store-memory=80000000", "--block")


@pytest.fixture
def processes(tmp_path):
    """Starts processes that note in `tmp_path` what they do, and ends them with all that they have started."""
    running = []
    ray_files = tempfile.mkdtemp(prefix="ray")  # where Ray looks for a running cluster too; sockets need a short path
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "RAY_TMPDIR": ray_files,
        "RAY_AUTH_MODE": "disabled",
        "RAY_USAGE_STATS_ENABLED": "0",
        FOLDER: str(tmp_path),
    }
    environment.pop("RAY_ADDRESS", None)

    def start(*command, **more):
        process = subprocess.Popen(
            command,
            env=environment | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        kill(descendants(process.pid) | {process.pid})
        process.communicate()
    shutil.rmtree(ray_files, ignore_errors=True)


def kill(pids):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def parents():
    """The parent of every process."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            found[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    return found


def descendants(pid):
    parent_of, found = parents(), {pid}
    while more := {child for child, parent in parent_of.items() if parent in found} - found:
        found |= more
    return found - {pid}


def noted(tmp_path):
    """The processes that have made a step of a probe."""
    return {int(path.name) for path in tmp_path.iterdir() if path.name.isdigit()}


def wait_until(holds, process):
    while not holds():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


def search(processes, mode, **environment):
    return processes(sys.executable, HERE / "search_on_ray.py", mode, **environment)


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def test_the_result_is_the_same_where_a_node_is_lost_on_the_way(processes, tmp_path):
    ray = Path(sys.executable).with_name("ray")
    address = f"127.0.0.1:{free_port()}"
    port = address.partition(":")[2]
    head = processes(ray, "start", "--head", f"--port={port}", "--include-dashboard=false", *NODE)
    wait_until(
        lambda: (
            subprocess.run([ray, "health-check", f"--address={address}"], check=False, capture_output=True).returncode
            == 0
        ),
        head,
    )
    node = processes(ray, "start", f"--address={address}", *NODE)
    process = search(processes, "slow", RAY_ADDRESS=address)
    wait_until(lambda: descendants(node.pid) & noted(tmp_path), process)
    kill(descendants(node.pid) | {node.pid})
    said, errors = process.communicate(timeout=300)
    assert said.splitlines()[-1] == "3 same", errors
    assert head.poll() is None  # the cluster goes on


def test_any_function_can_be_sent_and_the_result_is_that_of_one_process(processes):
    process = search(processes, "local_function")
    said, errors = process.communicate(timeout=300)
    assert said.splitlines()[-1] == "4 same", errors


def test_an_exception_arrives_with_its_traceback_and_what_was_measured(processes):
    process = search(processes, "raises")
    said, errors = process.communicate(timeout=300)
    assert said.splitlines()[-1] == "True True", errors


def test_where_every_worker_dies_the_rate_is_told(processes):
    process = search(processes, "dies")
    said, errors = process.communicate(timeout=300)
    assert said.splitlines()[-1].startswith("the training at "), errors
    assert "can't be made on Ray: " in said


def test_control_c_ends_the_tasks_and_the_cluster_that_was_started_for_them(processes, tmp_path):
    process = search(processes, "slow")
    wait_until(lambda: noted(tmp_path), process)
    started = descendants(process.pid)
    assert started & noted(tmp_path)
    process.send_signal(signal.SIGINT)
    said, errors = process.communicate(timeout=300)
    assert said.splitlines()[-1] == "40", errors
    assert not any(Path(f"/proc/{pid}").exists() for pid in started)

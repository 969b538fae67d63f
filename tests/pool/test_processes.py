"""Probes side by side in processes: the result of one process, whatever happens to them."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch

from lr_finder import lr_find
from lr_finder.making import arguments_of
from lr_finder.pool import ProcessPool
from lr_finder.pool.surroundings import Surroundings
from pool import jax_training, trainings
from pool.trainings import FOLDER, QUICK

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux's list of processes in /proc")


def alone(make, **options):
    """The same search in this process, which then is as it was."""
    before = Surroundings.here()
    arguments, keywords = arguments_of(make())
    result = lr_find(*arguments, **keywords, **options)
    before.take_on()
    return result


@pytest.fixture
def notes(tmp_path, monkeypatch):
    """The folder in which trainings note what was done."""
    monkeypatch.setenv(FOLDER, str(tmp_path))
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    "make", [trainings.plain, trainings.skorch, jax_training.linear], ids=lambda make: make.__name__
)
def test_the_result_is_that_of_one_process_to_the_last_bit(make):
    np.random.seed(0)
    torch.manual_seed(0)
    np.random.random(3)
    torch.rand(3)
    result = lr_find(make, pool=ProcessPool(2), **QUICK)
    assert len(result.probes) == QUICK["probes"]
    assert result == alone(make, **QUICK)


@pytest.mark.slow
def test_a_whole_search_is_that_of_one_process_and_leaves_the_generators_alone():
    """The range is found and so are the groups; the batches are an iterator, which can't start over."""
    before = torch.get_rng_state()
    result = lr_find(trainings.by_optimizer, pool="processes", probes=3, probe_steps=8, num_it=60)
    assert torch.equal(torch.get_rng_state(), before)
    assert "searched for alone" in result.curve.notes[-1]
    assert result == alone(trainings.by_optimizer, probes=3, probe_steps=8, num_it=60)
    assert result.record.options["pool"] == "processes"


@pytest.mark.slow
def test_the_workers_may_be_those_of_an_executor():
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        result = lr_find(trainings.plain, pool=executor, **QUICK)
        assert executor.submit(int, "1").result() == 1  # it goes on
    assert result == alone(trainings.plain, **QUICK)


@pytest.mark.slow
def test_a_worker_that_is_killed_is_replaced(notes):
    result = lr_find(trainings.dies_once, pool=ProcessPool(2), **QUICK)
    assert notes.joinpath("died").exists()
    assert result == alone(trainings.dies_once, **QUICK)


@pytest.mark.slow
def test_where_every_worker_dies_the_rate_is_told_and_how():
    told = r"the training at \S+ can't be made: its worker process ended 3 times over, with exit code 9\. .*ProcessPool"
    with pytest.raises(RuntimeError, match=told) as caught:
        lr_find(trainings.always_dies, pool=ProcessPool(1), **QUICK)
    assert len(caught.value.partial_result.curve) > 20


@pytest.mark.slow
def test_an_exception_arrives_with_its_traceback_and_what_was_measured():
    with pytest.raises(KeyError, match="nothing there") as caught:
        lr_find(trainings.raises, pool=ProcessPool(2), **QUICK)
    assert "in look_closely" in str(caught.value.__cause__)
    assert len(caught.value.partial_result.curve) > 20


@pytest.mark.slow
def test_an_exception_that_can_not_be_sent_arrives_by_its_name():
    with pytest.raises(RuntimeError, match=r"^pool\.trainings\.Misfortune: no data \(7\)$") as caught:
        lr_find(trainings.raises_its_own, pool="processes", probes=3)
    assert "in raises_its_own" in str(caught.value.__cause__)


@pytest.mark.slow
def test_a_worker_that_is_ending_already_is_not_disturbed(capfd):
    with pytest.raises(KeyError, match="nothing there"):
        lr_find(trainings.raises_and_takes_its_time_to_end, pool="processes", probes=3)
    assert "_Stopped" not in capfd.readouterr().err


SCRIPT = """
from lr_finder import lr_find
from pool.trainings import slow

{guard}
    try:
        lr_find(slow, pool="processes", start_lr=1e-4, end_lr=1.0, num_it=40, probes=3, progress=False)
    except KeyboardInterrupt as interrupt:
        print(len(interrupt.partial_result.curve))
"""


@pytest.fixture
def script(notes):
    """Starts a script whose probes take a quarter of a minute each."""
    running = []

    def start(guard='if __name__ == "__main__":'):
        path = notes / "script.py"
        path.write_text(SCRIPT.format(guard=guard))
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        process = subprocess.Popen(
            [sys.executable, path], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def wait_for_workers(notes, process, count):
    while len(workers := [path for path in notes.iterdir() if path.name.isdigit()]) < count:
        assert process.poll() is None, process.stderr.read()
    return [int(path.name) for path in workers]


def are_gone(pids):
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


@linux
@pytest.mark.slow
def test_control_c_leaves_no_process_and_what_was_measured(script, notes):
    process = script()
    workers = wait_for_workers(notes, process, 2)
    process.send_signal(signal.SIGINT)
    said, errors = process.communicate(timeout=60)
    assert (said, errors) == ("40\n", "")
    assert are_gone(workers)


@linux
@pytest.mark.slow
def test_workers_end_with_the_process_that_started_them(script, notes):
    process = script()
    workers = wait_for_workers(notes, process, 2)
    process.kill()
    process.communicate()
    while not are_gone(workers):  # each at its next step
        pass


@pytest.mark.slow
def test_a_script_that_each_worker_would_run_again_is_told_how(script):
    process = script(guard="if True:")
    _, errors = process.communicate(timeout=60)
    assert 'A script calls lr_find only under `if __name__ == "__main__":`' in errors.splitlines()[-1]


def test_what_other_processes_can_not_import_is_refused():
    def local():
        return None

    for make in (local, lambda: None):
        with pytest.raises(TypeError, match=r"make must be a function at the top level of a file.* local "):
            lr_find(make, pool="processes", probes=3)


@pytest.mark.parametrize(
    ("arguments", "options", "told"),
    [
        (lambda: trainings.plain()[:4], {}, r"got Sequential, AdamW, CrossEntropyLoss, DataLoader: def make\(\): .*"),
        (lambda: [trainings.plain()[0]], {}, r"pool needs a function that makes the training .* got Sequential: "),
        (lambda: [torch.nn.Linear], {}, "pool needs a function that makes the training"),
        (lambda: [lambda batch: 0], {}, "make must be a function without arguments: missing a required .*'batch'"),
        (lambda: [trainings.plain], {"validate": print}, r'let make\(\) return .*, \{"validate": validate\}'),
        (lambda: [trainings.plain], {"prob": 3}, "is probes meant"),
        (lambda: [trainings.plain], {"pool": "threads"}, "pool must be \"processes\", .* got 'threads'"),
        (lambda: [trainings.plain], {"pool": ThreadPoolExecutor()}, "the threads of a ThreadPoolExecutor share"),
    ],
)
def test_a_mistake_is_told_before_any_process_starts(arguments, options, told):
    with pytest.raises(TypeError, match=told):
        lr_find(*arguments(), **{"pool": "processes", **options})


@pytest.mark.parametrize(("workers", "error"), [(0, ValueError), (1.5, TypeError), (True, TypeError)])
def test_a_number_of_workers_is_whole_and_positive(workers, error):
    with pytest.raises(error, match="workers must be"):
        ProcessPool(workers)

"""A search that a fault ends: everything is put back, the exception is the original one, and the curve is not lost."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lr_finder import StopReason, lr_find
from preserve.faulty import FAULTS, PLACES, Faulty
from preserve.fingerprint import fingerprint
from preserve.test_faults import Ringing

HERE = Path(__file__).parent


class ClosedError(Exception):
    """Takes no attributes but those that Python itself sets."""

    def __setattr__(self, name, value):
        if not name.startswith("__"):
            raise AttributeError(f"cannot assign to field {name!r}")
        super().__setattr__(name, value)


BOUNDS = {"one ramp": {"start_lr": 1e-6, "end_lr": 1e-2, "num_it": 30}, "range found": {"num_it": 60}}


class Searched(Faulty):
    """Warm, and mid-way: the tests put it back each time, or the next one fails."""

    def __init__(self):
        super().__init__()
        self.train()
        self.taken = 0
        self.place = "nowhere"
        self.steps = {kind: self.search(kind).steps_taken for kind in BOUNDS}

    def search(self, kind):
        self.taken = 0
        return lr_find(self.one_step, optimizer=self.optimizer, state=self.state, progress=False, **BOUNDS[kind])

    def one_step(self):
        loss = self.step(next(iter(self.loader)))
        self.taken += 1
        return loss


@pytest.fixture(scope="module")
def training():
    return Searched()


@settings(max_examples=40)
@given(
    place=st.sampled_from(PLACES),
    step=st.integers(0, 1000),
    fault=st.sampled_from(FAULTS),
    kind=st.sampled_from(sorted(BOUNDS)),
)
def test_everything_is_as_before_wherever_and_whenever_a_fault_comes(training, place, step, fault, kind):
    steps = step % training.steps[kind]
    training.place, training.steps_left, training.fault = place, steps, fault("the one")
    before = fingerprint(*training.state)
    with pytest.raises(fault) as caught:
        training.search(kind)
    assert caught.value is training.fault
    assert fingerprint(*training.state) == before
    partial = caught.value.partial_result
    assert partial.stop_reason is StopReason.INTERRUPTED
    assert training.taken == steps
    assert len(partial.losses) == steps if kind == "one ramp" else len(partial.losses) <= steps


def search(model, loss_fn, **keywords):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    options = {"start_lr": 1e-4, "end_lr": 0.1, "num_it": 20, "progress": False} | keywords
    return lr_find(model, optimizer, loss_fn, [(torch.ones(4, 2), torch.ones(4, 2))], **options)


class AtStep:
    """The loss, and at the seventh step something else too."""

    def __init__(self, do):
        self.do, self.calls = do, 0

    def __call__(self, outputs, targets):
        self.calls += 1
        if self.calls == 7:
            self.do()
        return nn.functional.mse_loss(outputs, targets)


def test_running_out_of_memory():
    model = nn.Linear(2, 2)
    before = fingerprint(model)
    with pytest.raises(RuntimeError, match=r"alloc|memory") as caught:
        search(model, AtStep(lambda: torch.empty(2**50)))
    assert fingerprint(model) == before
    assert len(caught.value.partial_result.losses) == 6


def test_the_first_control_c_keeps_its_curve_when_a_second_comes_while_putting_back():
    model = nn.Linear(2, 2)
    before = fingerprint(model)
    with pytest.raises(KeyboardInterrupt) as caught:
        search(model, AtStep(lambda: os.kill(os.getpid(), signal.SIGINT)), state=[Ringing(signal.SIGINT)])
    assert fingerprint(model) == before
    assert len(caught.value.partial_result.losses) == 6


class Terminal:
    """Standard error whose other end is gone from some write on."""

    encoding = "utf-8"

    def __init__(self):
        self.is_gone = False

    def write(self, text):
        if self.is_gone:
            raise BrokenPipeError("nobody reads this")

    def flush(self):
        pass

    def isatty(self):
        return True


def test_a_progress_bar_that_fails_does_not_hide_what_failed_first(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)

    def fail():
        terminal.is_gone = True
        raise ArithmeticError("the one")

    model = nn.Linear(2, 2)
    before = fingerprint(model)
    with pytest.raises(ArithmeticError, match="the one") as caught:
        search(model, AtStep(fail), progress=True)
    assert fingerprint(model) == before
    assert len(caught.value.partial_result.losses) == 6


def test_an_exception_in_the_progress_bar(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)

    def fail():
        terminal.is_gone = True
        time.sleep(0.2)  # the bar writes ten times a second at most

    model = nn.Linear(2, 2)
    before = fingerprint(model)
    with pytest.raises(BrokenPipeError, match="nobody reads this") as caught:
        search(model, AtStep(fail), progress=True)
    assert fingerprint(model) == before
    assert len(caught.value.partial_result.losses) == 7


def test_an_exception_that_takes_no_attributes_reaches_the_user_all_the_same():
    error = ClosedError("the one")

    def fail():
        raise error

    model = nn.Linear(2, 2)
    before = fingerprint(model)
    with pytest.raises(ClosedError) as caught:
        search(model, AtStep(fail))
    assert caught.value is error
    assert fingerprint(model) == before


INTERRUPTED = """
import os, signal, torch
from lr_finder import lr_find
from preserve.test_search_faults import AtStep, search
signal.signal(signal.SIGINT, signal.default_int_handler)
search(torch.nn.Linear(2, 2), AtStep(lambda: os.kill(os.getpid(), signal.SIGINT)))
"""


@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
def test_an_interactive_session_that_control_c_interrupts_is_told_what_there_is_and_where():
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(
        [sys.executable, "-i", "-c", INTERRUPTED],
        input="import sys; print('there are', len(sys.last_value.partial_result.losses))\n",
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "there are 6" in done.stdout, done.stderr
    assert "KeyboardInterrupt" in done.stderr
    if sys.version_info >= (3, 11):
        assert "What was measured so far is on this exception" in done.stderr
        assert "partial_result" in done.stderr

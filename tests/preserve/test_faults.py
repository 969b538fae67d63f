"""Whatever ends the block, everything is put back, and what the user sees is what happened."""

import contextlib
import gc
import os
import signal
import threading

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import DataLoader

from lr_finder.preserve import preserve
from preserve.faulty import FAULTS, PLACES, Faulty
from preserve.fingerprint import fingerprint
from preserve.models import Bookkeeping


@pytest.fixture(autouse=True, scope="module")
def _control_c_interrupts():
    """As it does by default, but not in a shell's background jobs."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


@pytest.fixture(scope="module")
def training():
    """Warm, and mid-way: the tests put it back each time, or the next one fails."""
    training = Faulty()
    training.train()
    return training


@given(place=st.sampled_from(PLACES), step=st.integers(0, 8), kind=st.sampled_from(FAULTS), disk=st.booleans())
def test_everything_is_as_before_wherever_and_whenever_a_fault_comes(training, place, step, kind, disk):
    training.place, training.steps_left, training.fault = place, step, kind("the one")
    before = fingerprint(*training.state)
    with pytest.raises(kind) as caught, preserve(*training.state, storage="disk" if disk else "memory"):
        training.train()
    assert caught.value is training.fault
    assert fingerprint(*training.state) == before


def trained(model):
    for parameter in model.parameters():
        parameter.data += 1


def test_a_break_out_of_the_users_loop_puts_everything_back():
    model = nn.Linear(2, 2)
    before = fingerprint(model)
    for _ in range(3):
        with preserve(model):
            trained(model)
            break
    assert fingerprint(model) == before


def test_a_generator_that_is_closed_puts_everything_back():
    model = nn.Linear(2, 2)
    before = fingerprint(model)

    def losses():
        with preserve(model):
            while True:
                trained(model)
                yield 1.0

    running = losses()
    next(running), next(running)
    running.close()
    assert fingerprint(model) == before


def test_blocks_can_be_nested_and_used_again():
    weights = torch.zeros(2)
    block = preserve(weights)
    for _ in range(2):
        with block:
            weights.add_(1)
            with preserve(weights):
                weights.add_(1)
            assert weights.tolist() == [1, 1]
        assert weights.tolist() == [0, 0]


class Awkward:
    """Can't be put back."""

    __slots__ = ()

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        raise OSError("no way back")


def test_one_thing_that_fails_to_come_back_does_not_stop_the_others():
    first, tensor, last = [0], torch.zeros(2), [0]

    def change():
        with preserve(first, Awkward(), tensor, last):
            first[0] = tensor[0] = last[0] = 1

    with pytest.raises(RuntimeError, match="1 steps of putting everything back failed: no way back") as caught:
        change()
    assert isinstance(caught.value.__cause__, OSError)
    assert first == last == [0]
    assert tensor.tolist() == [0, 0]


def test_the_blocks_own_error_is_not_replaced_by_one_of_putting_back(caplog):
    error = ValueError("the block's own")
    with pytest.raises(ValueError, match="the block's own") as caught, preserve(Awkward()):
        raise error
    assert caught.value is error
    assert "could not be put back" in caplog.text


class Ringing(Awkward):
    """Raises a signal while it is put back, as a hand on the keyboard would."""

    __slots__ = ("numbers",)

    def __init__(self, *numbers):
        self.numbers = numbers

    def load_state_dict(self, state):
        for number in self.numbers:
            os.kill(os.getpid(), number)


def test_control_c_while_putting_back_is_held_back_until_everything_is_back():
    first, last = torch.zeros(2), torch.zeros(2)
    with pytest.raises(KeyboardInterrupt), preserve(first, Ringing(signal.SIGINT), last):
        first.add_(1), last.add_(1)
    assert first.sum() == last.sum() == 0


def test_the_first_control_c_reaches_the_user_when_a_second_comes_while_putting_back():
    error = KeyboardInterrupt()
    error.partial_result = "kept"
    with pytest.raises(KeyboardInterrupt) as caught, preserve(Ringing(signal.SIGINT, signal.SIGINT)):
        raise error
    assert caught.value is error
    os.kill(os.getpid(), 0)  # a bytecode at which a signal still under way would strike


def test_a_handler_of_the_users_own_runs_once_everything_is_back_and_stays_in_place():
    weights, seen = torch.zeros(2), []

    def handler(number, frame):
        seen.append(weights.sum().item())

    previous = signal.signal(signal.SIGTERM, handler)
    try:
        with preserve(Ringing(signal.SIGTERM), weights):
            weights.add_(1)
        assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, previous)
    assert seen == [0]


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="signals to a thread are a thing of POSIX")
def test_control_c_held_down_never_leaves_anything_changed(held_down):
    weights = torch.zeros(100)

    def interrupted():
        with contextlib.suppress(KeyboardInterrupt):
            held_down.armed = True
            with preserve(weights):
                while True:
                    weights.add_(1)

    for _ in range(200):
        while True:  # one may strike between the block and the line below
            with contextlib.suppress(KeyboardInterrupt):
                interrupted()
                held_down.armed = False
                break
        assert weights.sum() == 0
    assert signal.getsignal(signal.SIGINT) == held_down.press


class HeldDown:
    """Ctrl-C some thousand times a second, from a thread of its own."""

    def __init__(self):
        self.armed, self.released = False, threading.Event()
        self._hand = threading.Thread(target=self._hold_down, args=[threading.get_ident()])

    def press(self, number, frame):
        if self.armed:
            raise KeyboardInterrupt

    def _hold_down(self, thread):
        while not self.released.wait(2e-4):
            signal.pthread_kill(thread, signal.SIGINT)

    def __enter__(self):
        gc.collect()  # finalizers of what other tests left would swallow one, as Python has it
        gc.disable()
        self._previous = signal.signal(signal.SIGINT, self.press)
        self._hand.start()
        return self

    def __exit__(self, *_):
        self.released.set()
        self._hand.join()
        signal.signal(signal.SIGINT, self._previous)
        gc.enable()


@pytest.fixture
def held_down():
    with HeldDown() as hand:
        yield hand


def test_signals_are_left_alone_outside_the_main_thread():
    weights = torch.zeros(2)

    def work():
        with preserve(weights):
            weights.add_(1)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert weights.sum() == 0


class Interrupting(Awkward):
    """Interrupts the snapshot while it is taken."""

    __slots__ = ()

    def state_dict(self):
        raise KeyboardInterrupt


def test_an_interrupt_while_the_snapshot_is_taken_changes_nothing():
    model = Bookkeeping()
    loader = DataLoader(torch.zeros(4, 8), num_workers=1, persistent_workers=True)
    epoch = iter(loader)
    before = fingerprint(model, loader)
    with pytest.raises(KeyboardInterrupt), preserve(model, loader, Interrupting()):
        raise AssertionError("the block must not run")
    assert fingerprint(model, loader) == before
    assert len(list(epoch)) == 4


@pytest.mark.parametrize("enabled", [True, False])
def test_the_garbage_collector_stays_as_it_was(enabled):
    def is_enabled_in_and_after():
        with preserve(nn.Linear(2, 2)):
            inside = gc.isenabled()
        with contextlib.suppress(TypeError), preserve(1):
            pass
        return inside, gc.isenabled()

    try:
        (gc.enable if enabled else gc.disable)()
        assert is_enabled_in_and_after() == (enabled, enabled)
    finally:
        gc.enable()

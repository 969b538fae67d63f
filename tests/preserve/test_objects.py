"""Objects of other classes: by their attributes, by their state dict, or refused."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

from lr_finder.preserve import preserve


class Tracker:
    """The user's own: attributes, and nothing that tells them from those of any other object."""

    def __init__(self):
        self.best = 1.0
        self.curve = [1.0]


class Average:
    """Holds a tensor."""

    def __init__(self):
        self.value = torch.zeros(2)
        self.count = 0


class Drawing:
    """Holds a generator."""

    def __init__(self):
        self.noise = np.random.default_rng(0)
        self.count = 0


@dataclass
class Position:
    count: int = 0


@dataclass(slots=True)
class Slotted:
    count: int = 0


class Mixed(Drawing):
    """Has a slot and other attributes; the slot is filled later."""

    __slots__ = ("_Mixed__private", "late")

    def __init__(self):
        super().__init__()
        self.__private = [0]


class Meter:
    """Has a state dict."""

    def __init__(self):
        self.count = 0

    def state_dict(self):
        return {"count": self.count}

    def load_state_dict(self, state):
        self.count = state["count"]


class Native:
    """Keeps its state where only its state dict shows it."""

    __slots__ = ("_count",)

    def __init__(self):
        self._count = [0]

    @property
    def count(self):
        return self._count[0]

    @count.setter
    def count(self, value):
        self._count[0] = value

    def state_dict(self):
        return {"count": self._count}  # an alias, as many are

    def load_state_dict(self, state):
        self._count = state["count"]


def test_an_object_that_is_given_comes_back_by_its_attributes():
    tracker = Tracker()
    with preserve(tracker):
        tracker.best = 0.0
        tracker.curve.append(0.0)
        tracker.extra = 1
    assert vars(tracker) == {"best": 1.0, "curve": [1.0]}


@pytest.mark.parametrize("kind", [Average, Drawing, Position, Slotted, Meter, Native])
def test_an_object_that_holds_state_is_found_in_a_module(kind):
    model = nn.Linear(1, 1)
    model.part = kind()
    with preserve(model):
        model.part.count += 1
    assert model.part.count == 0


def test_an_object_that_holds_no_state_is_left_alone_in_a_module_until_it_is_given():
    model = nn.Linear(1, 1)
    model.part = Tracker()
    with preserve(model):
        model.part.best = 0.5
    assert model.part.best == 0.5
    with preserve(model, model.part):
        model.part.best = 0.0
    assert model.part.best == 0.5


def test_slots_come_back_beside_other_attributes():
    mixed = Mixed()
    with preserve(mixed):
        mixed.count = 1
        mixed._Mixed__private.append(1)
        mixed._Mixed__private = "another"
        mixed.late = 1
    assert (mixed.count, mixed._Mixed__private) == (0, [0])
    assert not hasattr(mixed, "late")


def test_slots_of_a_frozen_object_come_back():
    position = dataclass(frozen=True, slots=True)(type("Position", (), {"__annotations__": {"vector": np.ndarray}}))
    frozen = position(np.zeros(2))
    before = frozen.vector
    with preserve(frozen):
        frozen.vector[0] = 1
        object.__setattr__(frozen, "vector", None)
    assert frozen.vector is before
    assert before.tolist() == [0, 0]


def test_a_state_dict_can_be_put_back_twice():
    native = Native()
    with preserve(native) as snapshot:
        native.count = 1
        snapshot.start_over()
        assert native.count == 0
        native.count = 2
    assert native.count == 0


class Stream:
    """Reads on and on from an iterator, of which its state dict knows the place."""

    def __init__(self):
        self.weights = np.zeros(2)
        self.place, self.running = 0, iter(range(100))

    def read(self):
        self.place += 1
        self.weights += 1
        return next(self.running)

    def state_dict(self):
        return {"place": self.place}

    def load_state_dict(self, state):
        self.place, self.running = state["place"], iter(range(state["place"], 100))


def test_an_object_that_keeps_an_iterator_makes_it_anew_from_its_state_dict():
    stream = Stream()
    stream.read()
    weights = stream.weights
    with preserve(stream) as snapshot:
        assert [stream.read(), stream.read()] == [1, 2]
        snapshot.start_over()
        assert stream.read() == 1
    assert stream.weights is weights
    assert weights.tolist() == [1, 1]
    assert [stream.read(), stream.read()] == [1, 2]


class Engine:
    """Keeps a generator in which it runs, and has a state dict that tells less than there is."""

    def __init__(self):
        self.running, self.step, self.epoch = (n for n in range(3)), 5, 2

    def state_dict(self):
        return {"step": self.step}

    def load_state_dict(self, state):
        self.step, self.epoch = state["step"], state["step"] // 3


def test_what_a_state_dict_does_not_tell_comes_back_all_the_same():
    engine = Engine()
    before = dict(vars(engine))
    with preserve(engine):
        engine.step, engine.epoch = 9, 3
    assert vars(engine) == before


@pytest.mark.parametrize("thing", [None, 3, "model", lambda: None, nn.Linear, (n for n in range(3)), object()])
def test_what_can_not_be_put_back_is_refused_by_name(thing):
    with pytest.raises(TypeError, match=f"got {type(thing).__name__}"), preserve(thing):
        pass

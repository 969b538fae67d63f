"""Lists, dictionaries, sets and arrays: the same container with the same items in the same order."""

from collections import Counter, OrderedDict, defaultdict, deque

import numpy as np
import pytest
import torch

from lr_finder.preserve import preserve


def upset_mapping(container):
    first = next(iter(container))
    container["new"] = container.pop(first)


def upset_sequence(container):
    container.append(container.popleft() if isinstance(container, deque) else container.pop(0))
    container[0] = "other"


CONTAINERS = {
    "dict": ({"a": 1, "b": 2}, upset_mapping),
    "ordered": (OrderedDict(a=1, b=2), upset_mapping),
    "default": (defaultdict(int, a=1), upset_mapping),
    "counter": (Counter("aab"), upset_mapping),
    "list": ([1, 2, 3], upset_sequence),
    "deque": (deque([1, 2, 3], maxlen=3), upset_sequence),
    "set": ({1, 2}, lambda container: container.add(3)),
}


@pytest.mark.parametrize(("container", "upset"), CONTAINERS.values(), ids=CONTAINERS)
def test_a_container_has_its_items_again(container, upset):
    before = repr(container)
    with preserve(container):
        upset(container)
        assert repr(container) != before
    assert repr(container) == before


def test_items_in_containers_in_containers_come_back():
    tensor = torch.zeros(1)
    things = {"a": [({"b": deque([tensor])},)]}
    with preserve(things):
        tensor += 1
    assert tensor.item() == 0


def test_an_array_comes_back_whatever_its_order():
    array = np.arange(12.0).reshape(3, 4).T[::2]
    before = array.copy()
    with preserve(array) as snapshot:
        assert snapshot.nbytes == array.nbytes
        array += 1
    assert np.array_equal(array, before)


def test_an_array_that_can_not_be_written_needs_no_putting_back():
    array = np.arange(3)
    array.flags.writeable = False
    with preserve(array):
        pass
    assert array.tolist() == [0, 1, 2]


def test_what_refers_to_itself_is_followed_once():
    things = [1]
    things.append(things)
    with preserve(things):
        things.clear()
    assert things[0] == 1
    assert things[1] is things

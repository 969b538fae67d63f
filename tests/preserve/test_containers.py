"""Lists, dictionaries, sets and arrays: the same container with the same items in the same order."""

from array import array
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
    values = np.arange(12.0).reshape(3, 4).T[::2]
    before = values.copy()
    with preserve(values) as snapshot:
        assert snapshot.nbytes == values.nbytes
        values += 1
    assert np.array_equal(values, before)


def test_an_array_that_can_not_be_written_needs_no_putting_back():
    values = np.arange(3)
    values.flags.writeable = False
    with preserve(values):
        pass
    assert values.tolist() == [0, 1, 2]


def test_what_an_array_of_objects_holds_comes_back():
    tensor, numbers = torch.zeros(1), [0]
    things = np.array([tensor, numbers, None], dtype=object)
    with preserve(things):
        tensor += 1
        numbers.append(1)
        things[2] = "another"
    assert things.tolist() == [tensor, [0], None]
    assert tensor.item() == 0


@pytest.mark.parametrize("numbers", [bytearray(b"abc"), array("d", [1.0, 2.0, 3.0])], ids=["bytes", "numbers"])
def test_bytes_and_numbers_come_back(numbers):
    before = numbers[:]
    with preserve({"numbers": numbers}) as snapshot:
        assert snapshot.nbytes == memoryview(numbers).nbytes
        numbers[0] = 7
        numbers.pop()
    assert numbers == before


def test_a_set_that_the_block_left_alone_keeps_its_order():
    numbers = set(range(2000))
    for number in range(2000):  # leaves two in a large table, where they stand in another order than in a small one
        if number not in (9, 1000):
            numbers.discard(number)
    before = list(numbers)
    assert before != list(set(numbers))
    with preserve(numbers):
        pass
    assert list(numbers) == before


def test_what_refers_to_itself_is_followed_once():
    things = [1]
    things.append(things)
    with preserve(things):
        things.clear()
    assert things[0] == 1
    assert things[1] is things

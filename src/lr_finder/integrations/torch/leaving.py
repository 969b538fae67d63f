"""How a process that leaves a search tells the others, and how those that wait for it in a collective are freed."""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any, TypeAlias

import torch
import torch.distributed as dist

Group: TypeAlias = Any
"""A `torch.distributed.ProcessGroup`, which builds of torch without distribution do not have."""

FIRST_PAUSE, LONGEST_PAUSE = 0.001, 0.05
"""Seconds between two looks at the store: short at first, as processes that search together come almost together."""

_searches: Counter[str] = Counter()
"""Searches that this process has left, by the name of the group: the same number in all of its processes."""


class Board:
    """Where the processes of a group read who has left their search, and why.

    It is in the store through which they met, which serves also while a collective hangs.
    """

    def __init__(self, group: Group):
        name = group.group_name
        store = dist.distributed_c10d._get_default_store()
        self._group = group
        self._store = dist.distributed_c10d.PrefixStore(f"lr_finder/{name}/{_searches[name]}", store)

    def post(self, why: str) -> None:
        """Says why the search ends; what was posted first stays."""
        self._store.compare_set("why", "", why)

    @property
    def why(self) -> str | None:
        """Why the search ends."""
        return self._store.get("why").decode() if self._store.check(["why"]) else None

    def arrive(self, place: str) -> None:
        """Says that this process has come to a place."""
        self._store.add(place, 1)

    def have_all_arrived(self, place: str) -> bool:
        """Whether every process of the group has come to it."""
        return self._store.add(place, 0) >= self._group.size()

    def close(self) -> None:
        """Has every process break its connections."""
        self._store.set("closed", "")

    @property
    def is_closed(self) -> bool:
        """Whether the connections are being broken, so that an error may come from that."""
        return self._store.check(["closed"])

    def take_down(self) -> None:
        """Goes on to the board of the next search."""
        _searches[self._group.group_name] += 1


def wait_until(is_so: Callable[[], bool], seconds: float) -> bool:
    """Whether something came to be so in that time."""
    end = time.monotonic() + seconds
    pause = FIRST_PAUSE
    while not is_so():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
    return True


def break_off(group: Group) -> None:
    """Breaks the connections of a group, in this process: whoever waits in one of its collectives gets an error.

    The group is of no use afterwards. Gloo can't be aborted, but closes all connections of a group where a wait of
    any kind times out; the other processes see theirs closed. With NCCL each process frees itself, by `abort`.
    """
    for device in group._device_types:
        with suppress(RuntimeError):
            backend = group._get_backend(device)
            if backend.name() == "gloo":
                backend.recv_anysource([torch.empty(1)], 0).wait(timedelta(milliseconds=1))
            else:
                getattr(backend, "abort", getattr(group, "abort", lambda: None))()

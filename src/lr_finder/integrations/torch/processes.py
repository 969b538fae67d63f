"""The processes that train one model together: they see the same losses, and end a search together."""

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import torch
import torch.distributed as dist

from lr_finder.core.range_test import READ_EVERY
from lr_finder.core.step import Read, SharedRead
from lr_finder.errors import ProcessLeftError
from lr_finder.integrations.torch.leaving import Board, Group, break_off, wait_until
from lr_finder.integrations.torch.streams import EvenStream

GRACE_SECONDS = 2.0
"""In that time processes that fail alike have all left; after it one of them is taken to wait in a collective."""

FAREWELL_SECONDS = 3.0
"""For so long a process stays that has left: it may be the one that keeps the store, where others read why."""

WATCH_SECONDS = 0.5


def read_local(losses: Sequence[Any]) -> list[float]:
    """Reads losses from their device in one go."""
    if len(losses) > 1 and all(isinstance(loss, torch.Tensor) for loss in losses):
        return torch.stack([loss.reshape(()) for loss in losses]).double().tolist()
    return [float(loss) for loss in losses]


class Processes(SharedRead):
    """The processes that train a model together. What ends the block in one of them ends it in all.

    A process that leaves on an exception gets that exception. The others get a `ProcessLeftError` that names it, within
    seconds, whatever they wait in. Where all leave by themselves, since all fail alike or notice it between two steps,
    the process group goes on. Where one of them waits in a collective, that can be ended by breaking the group alone:
    it is of no use afterwards, and to train on, one has to destroy it and to make it and the model anew.

    What torch does not give: a process that never comes back from its own code is not freed, nor one in a collective
    of a group that has other processes too. With NCCL it can be that torch's own watchdog ends the waiting process
    before this does, unless TORCH_NCCL_ASYNC_ERROR_HANDLING=0 is set.

    Args:
        groups: Gives their process groups, as far as there are any by now; several where they are a mesh. Left out,
            it is this process alone.
        device: That of the model, where the processes exchange numbers if their group serves no CPU; the current one of
            the group's where left out.
    """

    def __init__(self, groups: Callable[[], Sequence[Group]] | None = None, device: torch.device | None = None):
        self._groups = groups or (lambda: ())
        self._may_be_several = groups is not None
        self._device = device
        self._stream: EvenStream | None = None
        self._meetings = 0
        self._has_ended = threading.Event()

    @property
    def read(self) -> Read:
        """What reads losses: averaged over the processes where there are several."""
        return self if self._may_be_several else read_local

    @property
    def is_first(self) -> bool:
        """Whether this is the one that shows the progress."""
        return all(dist.get_rank(group) == 0 for group in self._groups())

    def __call__(self, losses: Sequence[Any]) -> list[float]:
        """The mean of each loss over the processes, in one message for all of them.

        They are gathered and added here, in the order of the ranks: what a reduction on the way gives depends on how
        many there are, and so on when they are read.
        """
        numbers = [math.inf if self._stream is None else self._stream.look_ahead(), *read_local(losses)]
        for group in self._groups():
            at_hand, *of_all = zip(*self._gather(numbers, group), strict=True)
            numbers = [min(at_hand), *(sum(of_each) / len(of_each) for of_each in of_all)]
        if self._stream is not None:
            self._stream.allow(int(numbers[0]))
        return numbers[1:]

    def _gather(self, numbers: Sequence[float], group: Group) -> list[list[float]]:
        """The numbers of each process, by rank."""
        mine = torch.tensor(numbers, dtype=torch.float64, device=self._device_for(group))
        of_all = [torch.empty_like(mine) for _ in range(dist.get_world_size(group))]
        dist.all_gather(of_all, mine, group=group)
        return torch.stack(of_all).tolist()

    def _device_for(self, group: Group) -> torch.device:
        """Where a group takes numbers."""
        served = [device.type for device in group._device_types]
        given = [] if self._device is None else [self._device]
        return next(device for device in map(torch.device, ("cpu", *given, *served)) if device.type in served)

    def even(self, stream: Iterator[Any]) -> Iterator[Any]:
        """A stream of batches that ends in every process where it ends in one."""
        if not self._groups():
            return stream
        self._stream = EvenStream(stream, READ_EVERY, lambda: self(()))
        return self._stream

    def meet(self, seconds: float = math.inf) -> None:
        """Waits until all processes have come here, and not in a collective, which one may never come to.

        Raises:
            ProcessLeftError: One of them has left.
            RuntimeError: They have not come in that time.
        """
        self._meetings += 1
        place = f"meeting {self._meetings}"
        for board in self._boards():
            board.arrive(place)
            if not wait_until(lambda board=board: board.have_all_arrived(place) or board.why is not None, seconds):
                raise RuntimeError("the data of this process ended, and those of the others go on")
            if not board.have_all_arrived(place):
                raise ProcessLeftError(board.why)

    def __enter__(self) -> "Processes":
        if self._may_be_several:
            threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._has_ended.set()
        told = None
        with suppress(Exception):  # the store may be gone, with the process that kept it
            told = self._leave(error)
        if told is not None:
            left = ProcessLeftError(told)
            left.partial_result = getattr(error, "partial_result", None)
            raise left from error

    def _leave(self, error: BaseException | None) -> str | None:
        """Tells the others, and sees to it that they leave too; what was told where another's error is the cause."""
        boards, told = self._boards(), None
        is_broken = any(board.is_closed for board in boards)
        if isinstance(error, ProcessLeftError):
            why = str(error)
        elif is_broken and isinstance(error, RuntimeError):
            why = told = next(board.why for board in boards if board.why is not None)
        else:
            why = f"rank {_rank()} left the search: {type(error).__name__}: {error}".removesuffix(": ")
        for board in boards:
            if error is not None:
                board.post(why)
            board.arrive("left")

        def all_leave(seconds: float) -> bool:
            try:
                return wait_until(lambda: all(board.have_all_arrived("left") for board in boards), seconds)
            except KeyboardInterrupt:  # a second one asks to wait no longer
                return False

        if error is not None and (is_broken or not all_leave(GRACE_SECONDS)):
            for board in boards:
                board.close()
            self._break_off()
            all_leave(FAREWELL_SECONDS)
        for board in boards:
            board.take_down()
        return told

    def _watch(self) -> None:
        """Frees this process where another has broken the connections, of which NCCL tells nobody."""
        while not self._has_ended.wait(WATCH_SECONDS):
            with suppress(Exception):  # the store may be gone
                if any(board.is_closed for board in self._boards()):
                    self._break_off()
                    return

    def _boards(self) -> list[Board]:
        return [Board(group) for group in self._groups()]

    def _break_off(self) -> None:
        """Breaks the groups whose processes are all among these: a step may wait in any of them."""
        together = [set(dist.get_process_group_ranks(group)) for group in self._groups()]
        for group in list(dist.distributed_c10d._world.pg_map):
            if any(known.issuperset(dist.get_process_group_ranks(group)) for known in together):
                break_off(group)


def _rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0

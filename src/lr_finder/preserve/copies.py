"""Where copied bytes are kept: beside them, in host memory, or in one file that is deleted with the process."""

import errno
import json
import logging
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from io import BufferedRandom
from typing import Literal, Protocol, TypeAlias, get_args

import numpy as np

Storage: TypeAlias = Literal["memory", "disk"]

CHUNK = 16 * 2**20
"""Bytes moved at once between a tensor and the file: all the memory that a copy on disk takes."""

ROOM = 2
"""A copy is kept on an accelerator that has this many times as much free: a training that begins needs room too."""

logger = logging.getLogger("lr_finder")


class Device(Protocol):
    """Where bytes live, in host memory or on an accelerator: one object for each."""

    def free(self) -> float:
        """How many bytes have room beside those that are there; infinite for the host, 0 where that is not known."""
        ...

    def wait(self) -> None:
        """Waits for all that was begun, on any stream."""
        ...


class Buffer(Protocol):
    """Bytes that training may change, wherever they live."""

    @property
    def nbytes(self) -> int:
        """How many there are."""
        ...

    @property
    def device(self) -> Device:
        """Where they live."""
        ...

    def duplicate(self) -> Callable[[], None]:
        """Copies them on their device; returns what puts them back. Neither waits for the device."""
        ...

    def read(self, start: int, into: memoryview) -> None:
        """Copies those from `start` on into host memory."""
        ...

    def write(self, start: int, data: memoryview) -> None:
        """Overwrites those from `start` on."""
        ...


def check_storage(storage: str) -> None:
    """Raises ValueError for a place that is not known."""
    if storage not in get_args(Storage):
        raise ValueError(f'storage must be "memory" or "disk", got {storage!r}')


def copy(buffers: Sequence[Buffer], storage: Storage, resources: ExitStack) -> list[Callable[[], None]]:
    """Copies the buffers; returns the steps that put their bytes back.

    Args:
        buffers: What to copy.
        storage: Where to.
        resources: What the copies need, to be closed once nothing will be put back any more.

    Raises:
        OSError: The disk has no room for the copies.
    """
    by_device: dict[Device, list[Buffer]] = {}
    for buffer in buffers:
        by_device.setdefault(buffer.device, []).append(buffer)
    for device in by_device:
        device.wait()
    if storage == "disk":
        restores = _copy_to_disk(buffers, resources)
    else:
        restores = [restore for device, there in by_device.items() for restore in _copy_to_memory(device, there)]
    for device in by_device:
        device.wait()
    waits = [device.wait for device in by_device]
    return [*waits, *restores, *waits]


def _copy_to_memory(device: Device, buffers: Sequence[Buffer]) -> list[Callable[[], None]]:
    """Copies the buffers of a device on it, where there is room, and else to host memory, which takes far longer."""
    if device.free() >= ROOM * sum(buffer.nbytes for buffer in buffers):
        try:
            return [buffer.duplicate() for buffer in buffers]
        except RuntimeError as error:  # what is free may be in pieces
            logger.info("The copy is kept in host memory: %s", error)
    return [_copy_to_host(buffer) for buffer in buffers]


def _copy_to_host(buffer: Buffer) -> Callable[[], None]:
    saved = np.empty(buffer.nbytes, np.uint8).data
    buffer.read(0, saved)
    return lambda: buffer.write(0, saved)


def _copy_to_disk(buffers: Sequence[Buffer], resources: ExitStack) -> list[Callable[[], None]]:
    sizes = [buffer.nbytes for buffer in buffers]
    _check_room(sum(sizes))
    # A file without a name, readable by this user alone: no other process can open it or stand in its place, and the
    # system deletes it however this one ends, by SIGKILL too.
    file = resources.enter_context(tempfile.TemporaryFile(prefix="lr_finder-"))  # noqa: SIM115
    file.write(_safetensors_header(sizes))
    chunk = memoryview(bytearray(min(CHUNK, max(sizes, default=0))))
    restores = []
    for buffer, size in zip(buffers, sizes, strict=True):
        restores.append(partial(_put_back_from, file, file.tell(), buffer, size, chunk))
        for start in range(0, size, CHUNK):
            part = chunk[: size - start]
            buffer.read(start, part)
            file.write(part)
    file.flush()  # a disk that fills up is noticed here, before anything changes
    return restores


def _put_back_from(file: BufferedRandom, begin: int, buffer: Buffer, size: int, chunk: memoryview) -> None:
    file.seek(begin)
    for start in range(0, size, CHUNK):
        part = chunk[: size - start]
        file.readinto(part)
        buffer.write(start, part)


def _safetensors_header(sizes: Sequence[int]) -> bytes:
    """The first bytes of a safetensors file of byte tensors, so that any tool reads what a hung process holds.

    Written here because the library's own writer takes all tensors at once and copies them in memory.
    """
    entries, offset = {}, 0
    for index, size in enumerate(sizes):
        entries[f"storage_{index}"] = {"dtype": "U8", "shape": [size], "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(entries).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _check_room(nbytes: int) -> None:
    directory = tempfile.gettempdir()
    free = shutil.disk_usage(directory).free
    if free < nbytes:
        raise OSError(
            errno.ENOSPC,
            f"the copy takes {nbytes / 1e6:.0f} MB and {directory} has {free / 1e6:.0f} MB left; set TMPDIR to a "
            'directory with more, or use storage="memory"',
        )

"""The memory under tensors: each storage once, whichever weights are tied or views of one another."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import torch

from lr_finder.preserve.snapshot import Snapshot

_PLAIN = (torch.Tensor, torch.nn.Parameter)  # most; looking up what they lack takes long
_COMPRESSED_BY_ROW = (torch.sparse_csr, torch.sparse_bsr)
_COMPRESSED_BY_COLUMN = (torch.sparse_csc, torch.sparse_bsc)


@dataclass(frozen=True, eq=False)
class StorageDevice:
    """The device that storages are on."""

    device: torch.device

    def free(self) -> float:
        """How many bytes have room beside those that are there; infinite for the host, 0 where that is not known."""
        if self.device.type == "cpu":
            return math.inf
        memory_of = getattr(getattr(torch, self.device.type), "mem_get_info", None)
        return 0 if memory_of is None else memory_of(self.device)[0]

    def wait(self) -> None:
        """Lets an accelerator finish what is under way on its streams, any of which may use the same memory."""
        if self.device.type != "cpu":
            torch.accelerator.synchronize(self.device)


@cache
def _device(device: torch.device) -> StorageDevice:
    return StorageDevice(device)


class StorageBytes:
    """The bytes of a storage, on whatever device."""

    def __init__(self, storage: torch.UntypedStorage):
        self.nbytes = storage.nbytes()
        self.device = _device(storage.device)
        self._storage = storage

    def duplicate(self) -> Callable[[], None]:
        """Copies the bytes on their device; returns what puts them back."""
        saved = _as_bytes(self._storage).clone()
        return lambda: self._overwrite(0, saved)

    def read(self, start: int, into: memoryview) -> None:
        """Copies the bytes from `start` on into host memory."""
        # Not through numpy(), after which a storage can't be resized any more.
        _host_bytes(into).copy_(_as_bytes(self._storage)[start : start + len(into)])

    def write(self, start: int, data: memoryview) -> None:
        """Overwrites the bytes from `start` on."""
        self._overwrite(start, _host_bytes(data))

    def _overwrite(self, start: int, before: torch.Tensor) -> None:
        if self._storage.nbytes() != self.nbytes:  # the block freed or resized it
            self._storage.resize_(self.nbytes)
        now = _as_bytes(self._storage)[start : start + len(before)]
        # Under a tensor may be a file that is mapped for reading only: writing to it ends the process.
        if not (now.is_cpu and torch.equal(now, before)):
            now.copy_(before)


def copy_storage(storage: torch.UntypedStorage, snapshot: Snapshot) -> None:
    """Has the bytes of a storage copied, once."""
    # Every tensor makes a Python object of its own for the storage that it shares: the address tells them apart. The
    # size too, because storages over one array of NumPy's may begin at the same place and end at others.
    if storage.nbytes() and snapshot.skip(storage, key=(storage.device, storage.data_ptr(), storage.nbytes())):
        snapshot.copy(StorageBytes(storage))


def copy_storages(tensor: torch.Tensor, snapshot: Snapshot) -> None:
    """Has the bytes under a tensor copied."""
    for storage in storages(tensor):
        copy_storage(storage, snapshot)


def watch_storages(tensor: torch.Tensor, snapshot: Snapshot) -> None:
    """Has the bytes under a tensor checked, not copied: a change can't be put back and must not go unseen."""
    before = [(storage, _checksum(storage)) for storage in storages(tensor)]

    def check() -> None:
        if any(_checksum(storage) != checksum for storage, checksum in before):
            raise RuntimeError(
                f"a frozen parameter of shape {tuple(tensor.shape)} changed and can't be put back: frozen parameters "
                "that outweigh the trained ones are not copied; hand this parameter in by itself"
            )

    snapshot.on_restore(check)


def storages(tensor: torch.Tensor) -> list[torch.UntypedStorage]:
    """The storages under a tensor; several under a sparse tensor or a wrapper subclass."""
    return [part.untyped_storage() for part in plain_parts(tensor)]


def inner_tensors(tensor: torch.Tensor) -> dict[str, torch.Tensor]:
    """The tensors inside a wrapper subclass (DTensor, quantized and others) by attribute; none in other tensors."""
    if type(tensor) in _PLAIN or not hasattr(tensor, "__tensor_flatten__"):
        return {}
    names = tensor.__tensor_flatten__()[0]  # pyright: ignore[reportAttributeAccessIssue]
    inner = {name: getattr(tensor, name) for name in names}
    return {name: part for name, part in inner.items() if isinstance(part, torch.Tensor)}  # DTensor lists its mesh too


def plain_parts(tensor: torch.Tensor) -> Iterator[torch.Tensor]:
    """The plain tensors that hold a tensor's values: itself, or those inside a wrapper or a sparse tensor."""
    inner = inner_tensors(tensor)
    if inner:
        for part in inner.values():
            yield from plain_parts(part)
    elif tensor.layout is torch.sparse_coo:
        yield from (tensor._indices(), tensor._values())
    elif tensor.layout in _COMPRESSED_BY_ROW:
        yield from (tensor.crow_indices(), tensor.col_indices(), tensor.values())
    elif tensor.layout in _COMPRESSED_BY_COLUMN:
        yield from (tensor.ccol_indices(), tensor.row_indices(), tensor.values())
    elif tensor.device.type != "meta":
        yield tensor


def _as_bytes(storage: torch.UntypedStorage) -> torch.Tensor:
    return torch.empty(0, dtype=torch.uint8, device=storage.device).set_(storage)  # pyright: ignore[reportArgumentType]


def _host_bytes(data: memoryview) -> torch.Tensor:
    return torch.frombuffer(data, dtype=torch.uint8)


def _checksum(storage: torch.UntypedStorage) -> int:
    """The sum of the storage's 64-bit words and of the bytes left over, without a copy."""
    values = _as_bytes(storage)
    words = len(values) // 8 * 8
    return int(values[:words].view(torch.int64).sum()) + int(values[words:].sum())

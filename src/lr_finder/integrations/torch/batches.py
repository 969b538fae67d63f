"""Batches on the model's device."""

import copy
from collections.abc import Mapping, MutableMapping
from typing import Any

import torch


def to_device(batch: Any, device: torch.device) -> Any:
    """A batch with every tensor in it on the device; the containers keep their kinds.

    What has a `.to(device)` of its own (a batch of graphs, of sentences) is moved by that.
    """
    if isinstance(batch, torch.Tensor):
        return batch if batch.device == device else batch.to(device, non_blocking=True)
    if type(batch) in (list, tuple):  # most, and most of their tensors are there already
        is_there = all(isinstance(value, torch.Tensor) and value.device == device for value in batch)
        return type(batch)(batch if is_there else [to_device(value, device) for value in batch])
    if callable(getattr(batch, "to", None)):
        return batch.to(device)
    if isinstance(batch, list):
        same_kind = copy.copy(batch)
        same_kind[:] = [to_device(value, device) for value in batch]
        return same_kind
    if isinstance(batch, tuple):
        make = getattr(type(batch), "_make", type(batch))  # of a named tuple, which may have a constructor of its own
        return make([to_device(value, device) for value in batch])
    if isinstance(batch, Mapping):
        moved = {key: to_device(value, device) for key, value in batch.items()}
        if type(batch) is dict or not isinstance(batch, MutableMapping):
            return moved
        same_kind = copy.copy(batch)  # its constructor may take something else
        same_kind.update(moved)
        return same_kind
    return batch

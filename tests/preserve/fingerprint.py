"""Everything that can be seen of training objects, by its path: what `preserve` must leave as it was.

Written apart from `lr_finder.preserve` and on another plan: it knows no kinds, and follows whatever it meets.
"""

import hashlib
import random
from collections import deque
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch
from torch.nn.parameter import is_lazy
from torch.utils.data.dataloader import _BaseDataLoaderIter

OPAQUE = (FunctionType, BuiltinFunctionType, MethodType, ModuleType, type, _BaseDataLoaderIter)
"""Kinds that are named, but not looked into."""


def fingerprint(*things: Any) -> dict[str, Any]:
    """Path -> value for everything reached from the things, and for the global random generators.

    Tensors are there by the digest of their bytes and by what they are: class, shape, flag, gradient, place in
    memory. Comparing two fingerprints of one process finds also what was replaced by an equal copy.
    """
    found: dict[str, Any] = {
        "python random": _digest(repr(random.getstate()).encode()),
        "numpy random": _digest(repr(np.random.get_state(legacy=False)).encode()),
        "torch random": _digest(torch.get_rng_state().numpy()),
    }
    seen: dict[int, tuple[str, Any]] = {}  # with the object, so that no id is used twice
    for number, thing in enumerate(things):
        _follow(f"{number}:{type(thing).__name__}", thing, found, seen)
    return found


def values_only(prints: dict[str, Any]) -> dict[str, Any]:
    """A fingerprint without places in memory, to compare one training with another."""
    return {path: value for path, value in prints.items() if not path.endswith((" at", "_torchdynamo_wrapper_id"))}


def _follow(path: str, thing: Any, found: dict[str, Any], seen: dict[int, tuple[str, Any]]) -> None:
    if thing is None or isinstance(thing, (bool, int, float, complex, str, bytes)):
        found[path] = repr(thing)
        return
    if id(thing) in seen:
        found[path] = f"same as {seen[id(thing)][0]}"
        return
    seen[id(thing)] = path, thing
    found[path] = type(thing).__qualname__
    found[f"{path} at"] = id(thing)
    if isinstance(thing, torch.Tensor):
        _follow_tensor(path, thing, found, seen)
    elif isinstance(thing, torch.Generator):
        found[f"{path} state"] = _digest(thing.get_state().numpy())
    elif isinstance(thing, np.ndarray):
        found[f"{path} values"] = (thing.shape, _digest(np.ascontiguousarray(thing)))
    elif isinstance(thing, (random.Random, np.random.RandomState)):
        state = thing.getstate() if isinstance(thing, random.Random) else thing.get_state(legacy=False)
        found[f"{path} state"] = _digest(repr(state).encode())
    elif isinstance(thing, np.random.Generator):
        found[f"{path} state"] = repr(thing.bit_generator.state)
    elif isinstance(thing, dict):
        found[f"{path} keys"] = [key if isinstance(key, str) else type(key).__name__ for key in thing]
        for number, (key, value) in enumerate(thing.items()):
            # Hooks have the numbers of one count over all modules there ever were.
            _follow(f"{path}[{repr(key) if isinstance(key, str) else number}]", value, found, seen)
    elif isinstance(thing, (list, tuple, deque)):
        found[f"{path} length"] = len(thing)
        for number, value in enumerate(thing):
            _follow(f"{path}[{number}]", value, found, seen)
    elif isinstance(thing, (set, frozenset)):
        found[f"{path} items"] = sorted(map(repr, thing))
    elif hasattr(thing, "__dict__") and not isinstance(thing, OPAQUE) and "_dynamo" not in type(thing).__module__:
        for name, value in sorted(vars(thing).items()):
            _follow(f"{path}.{name}", value, found, seen)


def _follow_tensor(path: str, tensor: torch.Tensor, found: dict[str, Any], seen: dict[int, tuple[str, Any]]) -> None:
    found[f"{path} kind"] = (tensor.dtype, tensor.layout, tensor.requires_grad, tensor.is_leaf)
    if is_lazy(tensor):
        return
    found[f"{path} shape"] = tuple(tensor.shape)
    hooks = (tensor._backward_hooks, tensor._post_accumulate_grad_hooks)
    found[f"{path} hooks at"] = [list(map(id, (kind or {}).values())) for kind in hooks]
    if tensor.is_leaf:
        _follow(f"{path}.grad", tensor.grad, found, seen)
    if hasattr(tensor, "__tensor_flatten__"):
        for name in tensor.__tensor_flatten__()[0]:
            _follow(f"{path}.{name}", getattr(tensor, name), found, seen)
    elif tensor.layout is torch.sparse_coo:
        found[f"{path} values"] = (tensor.is_coalesced(), _bytes(tensor._indices()), _bytes(tensor._values()))
    else:
        found[f"{path} memory at"] = (tensor.data_ptr(), tensor.stride())
        found[f"{path} bytes"] = _bytes(tensor)
        for name, value in sorted(vars(tensor).items()):
            _follow(f"{path}.{name}", value, found, seen)


def _bytes(tensor: torch.Tensor) -> str:
    return _digest(tensor.detach().reshape(-1).contiguous().view(torch.uint8).numpy())


def _digest(data: Any) -> str:
    return hashlib.sha256(data).hexdigest()[:16]

"""Tensors: their values, the memory that they look at, and what hangs on them: gradient, flag, hooks, attributes."""

from collections.abc import Hashable

import torch
from torch import nn
from torch.autograd.grad_mode import _unsafe_preserve_version_counter
from torch.nn.parameter import is_lazy

from lr_finder.preserve.attributes import save_attributes
from lr_finder.preserve.parameters import save_parameters
from lr_finder.preserve.snapshot import Snapshot, save
from lr_finder.preserve.storages import copy_storage, copy_storages, inner_tensors, plain_parts


@save.register
def _save_tensor(tensor: torch.Tensor, snapshot: Snapshot) -> None:
    with torch._C.DisableTorchFunctionSubclass():  # a lazy parameter would refuse to be looked at
        if isinstance(tensor, nn.Parameter) and not is_lazy(tensor):
            snapshot.postpone(save_parameters, tensor)
        elif not is_lazy(tensor):
            copy_storages(tensor, snapshot)
        if _is_leaf(tensor):
            _save_gradient(tensor, snapshot)  # put back after the memory, whose dtype a gradient must have
            _save_hooks(tensor, snapshot)
        _save_memory(tensor, snapshot)
        _save_version(tensor, snapshot)


@save.register
def _save_storage(storage: torch.UntypedStorage, snapshot: Snapshot) -> None:
    copy_storage(storage, snapshot)


@save.register
def _save_generator(generator: torch.Generator, snapshot: Snapshot) -> None:
    state = generator.get_state()
    snapshot.on_restore(lambda: generator.set_state(state))


def _is_leaf(tensor: torch.Tensor) -> bool:
    """Whether a gradient and hooks may hang on a tensor."""
    try:
        return tensor.is_leaf
    except RuntimeError:  # one of several views whose base was written to, as FSDP1 leaves in modules: it has a graph
        return False


def _save_gradient(tensor: torch.Tensor, snapshot: Snapshot) -> None:
    """Saves `requires_grad` and `.grad`; None stays None."""
    requires_grad, grad = tensor.requires_grad, tensor.grad
    snapshot.add(grad)

    def restore() -> None:
        with torch._C.DisableTorchFunctionSubclass():  # of a parameter that is lazy again
            if not tensor.is_leaf:  # the block wrote something with a graph into it
                tensor.detach_()
            tensor.requires_grad_(requires_grad)
            _set_gradient(tensor, grad)

    snapshot.on_restore(restore)


def _set_gradient(tensor: torch.Tensor, grad: torch.Tensor | None) -> None:
    if grad is None or grad.shape == tensor.shape:
        tensor.grad = grad
        return
    values = tensor.data
    tensor.data = grad.detach()  # a shard, on which FSDP1 has hung the gradient of the whole: `.grad` refuses that
    tensor.grad = grad
    tensor.data = values


def _save_hooks(tensor: torch.Tensor, snapshot: Snapshot) -> None:
    """Saves which hooks see the gradient; they are in dictionaries that the tensor makes for the first of them."""
    before = {name: getattr(tensor, name) for name in ("_backward_hooks", "_post_accumulate_grad_hooks")}
    for hooks in before.values():
        snapshot.add(hooks)

    def restore() -> None:
        for name, hooks in before.items():
            made = getattr(tensor, name)
            if made is not hooks:
                if made:
                    made.clear()  # torch 2.13 goes on calling what is in it
                setattr(tensor, name, hooks)

    snapshot.on_restore(restore)


def _save_memory(tensor: torch.Tensor, snapshot: Snapshot) -> None:
    """Saves where the tensor's values lie; a block may put other memory under it, as `model.half()` does."""
    inner = inner_tensors(tensor)
    if inner:
        _save_inner_memory(tensor, inner, snapshot)
        return
    save_attributes(tensor, snapshot)
    alias = tensor.detach()
    kind, memory = type(tensor), _memory(alias)

    def restore() -> None:
        if type(tensor) is not kind:  # a lazy parameter got its shape
            tensor.__class__ = kind
            tensor.data = alias
        elif not is_lazy(tensor) and _memory(tensor) != memory:
            tensor.data = alias

    snapshot.on_restore(restore)


def _save_inner_memory(tensor: torch.Tensor, inner: dict[str, torch.Tensor], snapshot: Snapshot) -> None:
    for part in inner.values():
        _save_memory(part, snapshot)

    def restore() -> None:
        for name, part in inner.items():
            if getattr(tensor, name) is not part:
                setattr(tensor, name, part)

    snapshot.on_restore(restore)


def _save_version(tensor: torch.Tensor, snapshot: Snapshot) -> None:
    """Saves autograd's count of changes: a graph made before the block still runs backward after it."""
    if not tensor.is_inference():
        snapshot.on_restore(_unsafe_preserve_version_counter(tensor).__exit__)


def _memory(tensor: torch.Tensor) -> Hashable:
    """What tells memory from other memory, and one way to look at it from another."""
    strides = tensor.stride() if tensor.layout is torch.strided else tensor.layout
    is_coalesced = tensor.layout is torch.sparse_coo and tensor.is_coalesced()
    pointers = [part.data_ptr() for part in plain_parts(tensor)]
    return (tensor.dtype, tensor.device, tuple(tensor.shape), strides, is_coalesced, *pointers)

"""Tensors: the bytes of each storage once, and what hangs on a tensor beside its values."""

import torch

from lr_finder.preserve.snapshot import Snapshot, save


@save.register
def _save_tensor(tensor: torch.Tensor, snapshot: Snapshot) -> None:
    save_flags(tensor, snapshot)
    if tensor.layout is not torch.strided:
        saved = tensor.detach().clone()
        snapshot.on_restore(lambda: tensor.detach().copy_(saved))
    elif hasattr(tensor, "__tensor_flatten__"):  # DTensor, quantized and other wrappers around plain tensors
        for name in tensor.__tensor_flatten__()[0]:  # pyright: ignore[reportAttributeAccessIssue]
            snapshot.add(getattr(tensor, name))
    elif tensor.device.type != "meta":
        _save_values(tensor, snapshot)


@save.register
def _save_storage(storage: torch.UntypedStorage, snapshot: Snapshot) -> None:
    saved = storage.clone()
    snapshot.on_restore(lambda: storage.copy_(saved))


@save.register
def _save_generator(generator: torch.Generator, snapshot: Snapshot) -> None:
    state = generator.get_state()
    snapshot.on_restore(lambda: generator.set_state(state))


def save_flags(tensor: torch.Tensor, snapshot: Snapshot) -> None:
    """Saves `requires_grad` and `.grad` (None stays None), without the tensor's own values."""
    if not tensor.is_leaf:
        return
    requires_grad, grad = tensor.requires_grad, tensor.grad
    if grad is not None:
        snapshot.add(grad)

    def restore() -> None:
        tensor.requires_grad_(requires_grad)
        tensor.grad = grad

    snapshot.on_restore(restore)


def _save_values(tensor: torch.Tensor, snapshot: Snapshot) -> None:
    # Tied weights and views share a storage, and each access gives it a new Python object: its address names it.
    storage = tensor.untyped_storage()
    if snapshot.skip(storage, key=(storage.device, storage.data_ptr())):
        _save_storage(storage, snapshot)
    alias = tensor.detach()

    def restore() -> None:
        if tensor.data_ptr() != alias.data_ptr() or tensor.shape != alias.shape:
            tensor.data = alias  # the step put other memory under the tensor

    snapshot.on_restore(restore)

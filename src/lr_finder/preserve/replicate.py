"""`torch.distributed._composable.replicate`: it wraps a module, and sends its weights, at the first forward pass."""

from torch.distributed._composable.replicate import _ReplicateState

from lr_finder.preserve.attributes import save_attributes
from lr_finder.preserve.snapshot import Snapshot, save


@save.register
def _save_replicated(state: _ReplicateState, snapshot: Snapshot) -> None:
    # The wrapper that a block made goes, so that the first forward pass after it makes one anew: the weights which the
    # block's sent from the first process to all were put back, and may differ between them.
    save_attributes(state, snapshot)

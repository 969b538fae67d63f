"""Torch optimizers and schedulers: parameter groups, state, counters, and the parameters themselves."""

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from lr_finder.preserve.snapshot import Snapshot, save, save_attributes


@save.register
def _save_optimizer(optimizer: Optimizer, snapshot: Snapshot) -> None:
    # A cold optimizer has no state: putting back its empty dictionary clears what training made, without any copy.
    save_attributes(optimizer, snapshot)


@save.register
def _save_scheduler(scheduler: LRScheduler, snapshot: Snapshot) -> None:
    save_attributes(scheduler, snapshot)

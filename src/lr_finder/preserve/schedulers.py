"""Torch schedulers that call functions of the user's: these may be objects that count or remember."""

from torch.optim.lr_scheduler import LambdaLR, MultiplicativeLR

from lr_finder.preserve.attributes import save_attributes
from lr_finder.preserve.snapshot import Snapshot, save


@save.register(LambdaLR)
@save.register(MultiplicativeLR)
def _save_lambdas(scheduler: LambdaLR | MultiplicativeLR, snapshot: Snapshot) -> None:
    save_attributes(scheduler, snapshot)
    for function in scheduler.lr_lambdas:
        save_attributes(function, snapshot)

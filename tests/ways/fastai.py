"""fastai 2, on the quadratic."""

import warnings
from typing import Any

import torch

from lr_finder import lr_find
from quadratic import FIRST_WEIGHT, Quadratic, Run, loader, run
from ways.plain_torch import Fault, faulty

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what it imports is deprecated here and there
    from fastai.callback.core import Callback
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from fastai.optimizer import SGD


class Refusing(Callback):
    """Fails at whatever a trial must not fire."""

    def before_fit(self):
        raise AssertionError("a callback of the user's was fired")

    before_batch = after_batch = after_epoch = after_fit = before_fit


def learner(fault: Fault, **bounds: Any) -> Run:
    model = Quadratic()
    dls = DataLoaders(loader(), loader(), device=torch.device("cpu"))
    learn = Learner(dls, model, loss_func=faulty(fault), opt_func=SGD, lr=0.01, cbs=Refusing())

    def check_untouched() -> None:
        assert model.weight.item() == FIRST_WEIGHT
        assert model.weight.grad is None
        assert learn.opt is None
        assert [type(callback) for callback in learn.cbs][-1] is Refusing

    return run(lambda: lr_find(learn, **bounds), check_untouched)

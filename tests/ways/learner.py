"""The reference Learner, on the quadratic."""

from typing import Any

import torch

from lr_finder.learner import DataBunch, Learner
from quadratic import Quadratic, Run, loader, run
from ways.plain_torch import Fault, faulty, untouched


def reference_learner(fault: Fault, **bounds: Any) -> Run:
    model = Quadratic()
    learn = Learner(DataBunch(loader(), loader()), model, opt_func=torch.optim.SGD, loss_func=faulty(fault), wd=0.0)
    learn.create_opt(0.01, 0.0)
    return run(lambda: learn.lr_find(**bounds), untouched(model, learn.opt.opt))

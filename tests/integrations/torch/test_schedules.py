import pytest
import torch
from torch.optim import lr_scheduler
from transformers import get_scheduler

from lr_finder.integrations.torch.schedules import schedule_of


def optimizer() -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)


def warmed_up(sgd: torch.optim.Optimizer) -> lr_scheduler.LRScheduler:
    parts = [lr_scheduler.LinearLR(sgd, total_iters=5), lr_scheduler.CosineAnnealingLR(sgd, T_max=95)]
    return lr_scheduler.SequentialLR(sgd, parts, milestones=[5])


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda sgd: lr_scheduler.CosineAnnealingLR(sgd, T_max=100), "cosine"),
        (lambda sgd: lr_scheduler.CosineAnnealingLR(sgd, T_max=100, eta_min=0.05), None),
        (lambda sgd: lr_scheduler.OneCycleLR(sgd, 0.1, total_steps=100), "one_cycle"),
        (lambda sgd: lr_scheduler.LinearLR(sgd, 1.0, 0.0, total_iters=100), "linear"),
        (lambda sgd: lr_scheduler.LinearLR(sgd, 0.1, 1.0, total_iters=100), None),
        (lambda sgd: lr_scheduler.PolynomialLR(sgd, total_iters=100), "linear"),
        (lambda sgd: lr_scheduler.StepLR(sgd, 10), None),
        (lambda sgd: lr_scheduler.LambdaLR(sgd, lambda step: 1.0), None),
        (warmed_up, "cosine"),
        (lambda sgd: object(), None),
    ],
)
def test_a_scheduler_of_torch_is_known_by_its_class_and_its_end(make, kind):
    assert schedule_of(make(optimizer())) == kind


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("linear", "linear"),
        ("cosine", "cosine"),
        ("constant", "constant"),
        ("constant_with_warmup", "constant"),
        ("inverse_sqrt", "inverse_sqrt"),
        ("warmup_stable_decay", "wsd"),
        ("polynomial", None),
    ],
)
def test_one_of_hugging_face_by_its_function(name, kind):
    more = {"num_decay_steps": 20} if kind == "wsd" else {}
    scheduler = get_scheduler(
        name, optimizer(), num_warmup_steps=5, num_training_steps=100, scheduler_specific_kwargs=more
    )
    assert schedule_of(scheduler) == kind

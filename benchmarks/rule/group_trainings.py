"""Trainings of which two parts want rates of their own."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from torch import nn
from torch.nn import functional
from torch.optim import SGD, AdamW, Muon, Optimizer

from benchmarks.finders.tasks import CASES, WIDER_CASES, Examples, Problem, Task
from benchmarks.finders.tasks.data import ALPHABET, characters, mnist_1d
from benchmarks.finders.tasks.mlps import mlp

Split = Callable[[nn.Module], list[Optimizer]]
"""The optimizers of a model, at the rates that people usually take: two parameter groups, in one or in two of them."""


@dataclass(frozen=True)
class GroupTraining:
    """A task whose model is split in two.

    Attributes:
        name: As in the results.
        task: The data, the model and the loss.
        split: Makes the optimizers.
        grids: The rates of the truth for either part, from and to which power of ten; two a decade.
        is_chosen_on: Whether the way to find the rates was chosen on it.
    """

    name: str
    task: Task
    split: Split
    grids: tuple[tuple[float, float], tuple[float, float]]
    is_chosen_on: bool = False

    @property
    def rates(self) -> tuple[list[float], list[float]]:
        """The rates of the grid, for either part."""
        first, second = (
            [float(f"{10**power:.6g}") for power in np.arange(low, high + 0.25, 0.5)] for low, high in self.grids
        )
        return first, second


def _matrices_by_muon(*outer: str) -> Split:
    """Muon for the hidden matrices; AdamW for the layers named, biases and norms."""

    def split(model: nn.Module) -> list[Optimizer]:
        hidden, rest = [], []
        for name, parameter in model.named_parameters():
            (hidden if parameter.ndim == 2 and not name.startswith(outer) else rest).append(parameter)
        return [Muon(hidden, lr=0.02), AdamW(rest, lr=1e-3)]

    return split


def _in_groups(kind: Callable[..., Optimizer], second: tuple[str, ...], lrs: tuple[float, float], **options) -> Split:
    """One optimizer with the layers named in its second group."""

    def split(model: nn.Module) -> list[Optimizer]:
        groups: tuple[list, list] = [], []
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                groups[any(part in name for part in second)].append(parameter)
        return [kind([{"params": params, "lr": lr} for params, lr in zip(groups, lrs, strict=True)], **options)]

    return split


@cache
def _letters_before() -> Problem:
    """The last of nine letters of English, from the eight before."""
    problem = characters(8)
    parts = (Examples(part.inputs, part.targets[:, -1]) for part in (problem.train, problem.validation))
    return Problem(*parts, problem.constant_loss)


class _Embedded(nn.Module):
    """Small embeddings under a dense net (Bengio et al. 2003)."""

    def __init__(self, width: int = 16):
        super().__init__()
        self.letters = nn.Embedding(len(ALPHABET), width)
        nn.init.normal_(self.letters.weight, std=0.02)
        self.layers = mlp(8 * width, 128, len(ALPHABET))

    def forward(self, numbers):
        return self.layers(self.letters(numbers).flatten(1))


GROUP_TRAININGS = {
    training.name: training
    for training in (
        GroupTraining(
            "transformer, Muon and AdamW",
            CASES["transformer_characters-adamw"].task,
            _matrices_by_muon("letters", "predict"),
            ((-4, 0), (-4, 0)),
            is_chosen_on=True,
        ),
        GroupTraining(
            "fine-tuned convolutions and a fresh head, AdamW",
            CASES["fine_tuned_convolution-adamw"].task,
            _in_groups(AdamW, ("7.",), (1e-4, 1e-3)),
            ((-5, -1), (-4, 0)),
            is_chosen_on=True,
        ),
        GroupTraining(
            "low-rank adaptation, A and B, AdamW",
            WIDER_CASES["low_rank_adaptation-adamw"].task,
            _in_groups(AdamW, ("up", "4."), (1e-3, 1.6e-2)),
            ((-4.5, -0.5), (-4, 0)),
        ),
        GroupTraining(
            "MLP on MNIST-1D, Muon and AdamW",
            Task(
                "wide_mnist_1d", "mlp", (), num_steps=250, batch_size=32, load_problem=mnist_1d,
                make_model=lambda: mlp(40, 128, 128, 128, 10), loss_fn=functional.cross_entropy,
            ),
            _matrices_by_muon("0.", "6."),
            ((-4, 0), (-4, 0)),
        ),
        GroupTraining(
            "embeddings under a dense net, SGD with momentum",
            Task(
                "embedded_letters", "embeddings", (), num_steps=250, batch_size=32, load_problem=_letters_before,
                make_model=_Embedded, loss_fn=functional.cross_entropy,
            ),
            _in_groups(SGD, ("letters",), (1e-2, 1e-1), momentum=0.9),
            ((-3, 1), (-2, 2)),
        ),
    )
}  # fmt: skip

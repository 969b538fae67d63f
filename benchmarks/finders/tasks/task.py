"""What a benchmark task is: a model, data, a loss and a number of steps; a case is a task with an optimizer."""

from collections.abc import Callable, Iterator
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.finders.tasks.optimizers import OPTIMIZERS

Loss = Callable[[Any, Tensor], Tensor]


class Examples(NamedTuple):
    """Inputs and targets, one row an example."""

    inputs: Tensor
    targets: Tensor


@dataclass(frozen=True)
class Problem:
    """The data of a task, the same for every seed, and what giving a constant answer would cost.

    Attributes:
        train: What batches are drawn from.
        validation: What the final loss is measured on.
        constant_loss: Validation loss of the best output that ignores the input, fitted on `train`.
    """

    train: Examples
    validation: Examples
    constant_loss: float


class Setup(NamedTuple):
    """Everything to train a case with, or to search a rate for it; freshly made, owned by the caller."""

    model: nn.Module
    make_optimizer: Callable[[float], torch.optim.Optimizer]
    loss_fn: Loss
    train_loader: DataLoader
    validate: Callable[[], float]


@dataclass(frozen=True)
class Task:
    """A small training problem.

    Attributes:
        name: Unique, and part of the names of its cases.
        family: The kind of task; tasks of one kind share it.
        optimizers: Names in `OPTIMIZERS`.
        num_steps: Optimizer steps of one training.
        batch_size: Examples per step.
        load_problem: Gives the data; called once per process.
        make_model: Gives a freshly initialised model, drawn from torch's generator.
        loss_fn: `(output, targets) -> scalar`, a mean over the batch.
    """

    name: str
    family: str
    optimizers: tuple[str, ...]
    _: KW_ONLY
    num_steps: int
    batch_size: int
    load_problem: Callable[[], Problem]
    make_model: Callable[[], nn.Module]
    loss_fn: Loss

    @cached_property
    def problem(self) -> Problem:
        """The data, loaded at the first use."""
        return self.load_problem()

    def make(self, optimizer_name: str, seed: int) -> Setup:
        """A fresh model, optimizer, loader and validation; the same numbers for the same seed.

        Seeds torch's global generator, so that initialisation and dropout repeat.
        """
        problem = self.problem  # before seeding: generating data may draw random numbers
        torch.manual_seed(seed)
        model = self.make_model()
        make_optimizer = OPTIMIZERS[optimizer_name]
        return Setup(
            model,
            lambda lr: make_optimizer(model, lr),
            self.loss_fn,
            _loader(problem.train, self.batch_size, seed),
            lambda: _validation_loss(model, self.loss_fn, problem.validation),
        )


@dataclass(frozen=True)
class Case:
    """A task with one optimizer: the unit that has a best learning rate."""

    task: Task
    optimizer: str

    @property
    def name(self) -> str:
        """As in the results: `task-optimizer`."""
        return f"{self.task.name}-{self.optimizer}"

    def make(self, seed: int) -> Setup:
        """See `Task.make`."""
        return self.task.make(self.optimizer, seed)


class _Table(TensorDataset):
    """Tensors that give a whole batch in one indexing, many times faster than collating single rows."""

    def __getitems__(self, rows: list[int]) -> tuple[Tensor, ...]:
        return self[torch.tensor(rows)]


def _as_is(batch: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return batch


def _loader(examples: Examples, batch_size: int, seed: int) -> DataLoader:
    generator = torch.Generator().manual_seed(seed)
    return DataLoader(
        _Table(*examples), batch_size, shuffle=True, drop_last=True, generator=generator, collate_fn=_as_is
    )


def _validation_loss(model: nn.Module, loss_fn: Loss, validation: Examples) -> float:
    model.eval()
    with torch.no_grad():
        loss = float(loss_fn(model(validation.inputs), validation.targets))
    model.train()
    return loss


def epochs(loader: DataLoader) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches without end, in a new order each time round."""
    while True:
        yield from loader


def trained_classifier(
    load_problem: Callable[[], Problem], make_model: Callable[[], nn.Module], *, lr: float, num_steps: int
) -> dict[str, Tensor]:
    """The weights of a classifier to be fine-tuned, trained the same way every time; random numbers are left alone."""
    with torch.random.fork_rng():
        source = Task(
            "source",
            "",
            ("adamw",),
            num_steps=num_steps,
            batch_size=32,
            load_problem=load_problem,
            make_model=make_model,
            loss_fn=functional.cross_entropy,
        )
        model, make_optimizer, loss_fn, loader, _ = source.make("adamw", seed=0)
        optimizer = make_optimizer(lr)
        for _, (inputs, targets) in zip(range(num_steps), epochs(loader), strict=False):
            optimizer.zero_grad()
            loss_fn(model(inputs), targets).backward()
            optimizer.step()
    return model.state_dict()

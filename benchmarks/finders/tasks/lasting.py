"""Tasks whose data last: trained 32 times as long as elsewhere, they have not begun to overfit long before the end.

Every layer of theirs can be trained at many rates at once (`benchmarks.horizon.stacked`): no batch norm, no recurrence.
"""

from functools import cache, partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.finders.tasks.constants import constant_binary_cross_entropy, constant_squared_error
from benchmarks.finders.tasks.data import ALPHABET, characters, classification, mnist_1d, split
from benchmarks.finders.tasks.densities import NUM_COMPONENTS, arms, mixture_loss
from benchmarks.finders.tasks.fields import photograph, sine_net
from benchmarks.finders.tasks.later import WordVectors, neighbours, noisy_wave, pinball
from benchmarks.finders.tasks.longer import shifted_digits
from benchmarks.finders.tasks.mlps import mlp
from benchmarks.finders.tasks.moving import Denoiser, noised_digits
from benchmarks.finders.tasks.plateaus import DeepSet, samples_of_numbers
from benchmarks.finders.tasks.tables import friedman
from benchmarks.finders.tasks.task import Examples, Problem, Task

ROWS = 40_000


@cache
def _leaning_table() -> Problem:
    """Yes or no, drawn from a logistic truth in 30 directions whose variances span four decades."""
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(ROWS, 30)) * np.logspace(0.5, -1.5, 30)
    leanings = inputs @ (generator.normal(size=(30, 1)) * np.logspace(-0.5, 1, 30)[:, None])
    targets = (generator.random((ROWS, 1)) < 1 / (1 + np.exp(-leanings))).astype(np.float32)
    train, validation = split(inputs, targets, 1000)
    return Problem(train, validation, constant_binary_cross_entropy(train.targets, validation.targets))


def _drawn_net(*widths: int) -> nn.Sequential:
    """A net to learn from, with weights three times as large as torch's own; the same one every time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = mlp(*widths, activation=nn.Tanh)
    for layer in net[::2]:
        layer.weight.data *= 3
    return net.requires_grad_(False)


@cache
def answers_of_a_net() -> Problem:
    """What a net with 16 inputs answers, without noise, standardised."""
    inputs = torch.randn(ROWS, 16, generator=torch.Generator().manual_seed(0))
    answers = _drawn_net(16, 16, 16, 1)(inputs)
    train, validation = split(inputs.numpy(), ((answers - answers.mean()) / answers.std()).numpy(), 1000)
    return Problem(train, validation, constant_squared_error(train.targets, validation.targets))


@cache
def _doubtful_classes() -> Problem:
    """Five classes of 20 measurements by a drawn net, four in ten training labels drawn at random."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(ROWS, 20, generator=generator)
    right = _drawn_net(20, 20, 5)(inputs).argmax(1)
    drawn = torch.randint(5, (ROWS,), generator=generator)
    is_wrong = (torch.rand(ROWS, generator=generator) < 0.4) & (torch.arange(ROWS) < ROWS - 1000)
    labels = torch.where(is_wrong, drawn, right)
    return classification(Examples(inputs[:-1000], labels[:-1000]), Examples(inputs[-1000:], labels[-1000:]))


class _Attention(nn.Module):
    """One head that looks back, between two nets for single places; gives logits of shape (rows, letters, length)."""

    def __init__(self, width: int = 24, length: int = 12):
        super().__init__()
        self.letters = nn.Embedding(len(ALPHABET), width)
        self.positions = nn.Parameter(0.02 * torch.randn(length, width))
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(3)])
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.mlp = mlp(width, 3 * width, width, activation=nn.GELU)
        self.predict = nn.Linear(width, len(ALPHABET))
        length_mask = torch.full((length, length), -torch.inf).triu(1)
        self.register_buffer("mask", length_mask)

    def forward(self, numbers: Tensor) -> Tensor:
        tokens = self.letters(numbers) + self.positions
        queries, keys, values = self.queries_keys_values(self.norms[0](tokens)).chunk(3, dim=-1)
        looks = (queries @ keys.transpose(-1, -2) / queries.shape[-1] ** 0.5 + self.mask).softmax(-1)
        tokens = tokens + looks @ values
        tokens = tokens + self.mlp(self.norms[1](tokens))
        return self.predict(self.norms[2](tokens)).transpose(-1, -2)


def _convolutions() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.GroupNorm(2, 8), nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.GroupNorm(4, 16), nn.ReLU(),
        nn.Flatten(), nn.Linear(144, 10),
    )  # fmt: skip


def task_of(
    family: str, name: str, optimizers: tuple[str, ...], load_problem, make_model, loss_fn, batch_size: int = 32
) -> Task:
    """A task of 250 steps, which goes on learning for many times as long."""
    return Task(
        f"{family}_{name}",
        f"{family} {name.replace('_', ' ')}",
        optimizers,
        num_steps=250,
        batch_size=batch_size,
        load_problem=load_problem,
        make_model=make_model,
        loss_fn=loss_fn,
    )


_task = partial(task_of, "lasting")
BOTH = ("adamw", "momentum")

LASTING = (
    _task(
        "logistic",
        (*BOTH, "sgd"),
        _leaning_table,
        lambda: nn.Linear(30, 1),
        functional.binary_cross_entropy_with_logits,
    ),
    _task("net", BOTH, answers_of_a_net, lambda: mlp(16, 48, 48, 1), functional.mse_loss),
    _task("doubtful_classes", (*BOTH, "lion"), _doubtful_classes, lambda: mlp(20, 48, 5), functional.cross_entropy),
    _task("robust_regression", BOTH, lambda: friedman(ROWS), lambda: mlp(10, 32, 32, 1), functional.huber_loss),
    _task("quantiles", (*BOTH, "sgd"), lambda: noisy_wave(ROWS), lambda: mlp(3, 32, 32, 3), pinball),
    _task(
        "density", BOTH, lambda: arms(ROWS), lambda: mlp(1, 32, 3 * NUM_COMPONENTS, activation=nn.Tanh), mixture_loss
    ),
    _task("sets", BOTH, lambda: samples_of_numbers(ROWS), DeepSet, functional.mse_loss),
    _task("photograph", (*BOTH, "lion"), photograph, sine_net, functional.mse_loss, batch_size=64),
    _task("signals", BOTH, lambda: mnist_1d(ROWS), lambda: mlp(40, 48, 48, 10), functional.cross_entropy),
    _task("word_vectors", (*BOTH, "sgd"), neighbours, WordVectors, functional.binary_cross_entropy_with_logits),
    _task("diffusion", BOTH, noised_digits, lambda: Denoiser(64), functional.mse_loss, batch_size=16),
    _task("convolution", BOTH, shifted_digits, _convolutions, functional.cross_entropy, batch_size=16),
    _task("letters", BOTH, lambda: characters(12), _Attention, functional.cross_entropy, batch_size=8),
)

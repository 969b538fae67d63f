"""Kinds whose loss first falls because an offset is learned: summed outputs, ratings, word vectors, raw targets."""

from collections import Counter
from functools import cache

import numpy as np
import torch
from sklearn import datasets
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.finders.tasks.constants import constant_binary_cross_entropy, constant_squared_error
from benchmarks.finders.tasks.data import digits, english, split, standardise
from benchmarks.finders.tasks.mlps import mlp
from benchmarks.finders.tasks.task import Examples, Problem, Task


def _summed_squared_error(output: Tensor, targets: Tensor) -> Tensor:
    """Squared distance between the vectors: a sum over the outputs, a mean over the batch."""
    return (output - targets).square().sum(1).mean()


@cache
def _halves() -> Problem:
    """The lower half of each digit from its upper half, pixels standardised but for those that are always empty."""
    images = digits()
    deviation, mean = torch.std_mean(images.train.inputs, dim=0)
    deviation = torch.where(deviation < 0.01, 1, deviation)
    train, validation = (
        Examples(*((part.inputs - mean) / deviation).split(32, dim=1)) for part in (images.train, images.validation)
    )
    constant = train.targets.mean(0).expand_as(validation.targets)
    return Problem(train, validation, float(_summed_squared_error(constant, validation.targets)))


NUM_USERS, NUM_FILMS = 150, 100


@cache
def _stars() -> Problem:
    """Ratings of 1 to 5 stars, 3.5 on average, by generous and strict users, of good and bad films."""
    generator = np.random.default_rng(0)
    tastes = generator.normal(size=(NUM_USERS, 3)), generator.normal(size=(NUM_FILMS, 3))
    generosity, quality = generator.normal(scale=0.4, size=NUM_USERS), generator.normal(scale=0.5, size=NUM_FILMS)
    users, films = np.divmod(generator.permutation(NUM_USERS * NUM_FILMS)[:8000], NUM_FILMS)
    liking = 0.4 * (tastes[0][users] * tastes[1][films]).sum(1) + generosity[users] + quality[films]
    stars = (3.5 + liking + generator.normal(scale=0.3, size=len(users))).round().clip(1, 5)
    inputs, targets = torch.tensor(np.stack([users, films], axis=1)), torch.tensor(stars, dtype=torch.float32)
    train, validation = Examples(inputs[:7000], targets[:7000]), Examples(inputs[7000:], targets[7000:])
    return Problem(train, validation, constant_squared_error(train.targets, validation.targets))


class _DenseFactorisation(nn.Module):
    """The product of a user's and a film's vector, plus a bias of each (Koren, Bell and Volinsky 2009)."""

    def __init__(self, width: int = 8):
        super().__init__()
        self.users, self.films = nn.Embedding(NUM_USERS, width), nn.Embedding(NUM_FILMS, width)
        self.user_biases, self.film_biases = nn.Embedding(NUM_USERS, 1), nn.Embedding(NUM_FILMS, 1)
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=0.1)

    def forward(self, pairs: Tensor) -> Tensor:
        users, films = pairs.unbind(1)
        biases = self.user_biases(users) + self.film_biases(films)
        return (self.users(users) * self.films(films)).sum(1) + biases[:, 0]


NUM_WORDS, NUM_NEGATIVES = 300, 5


@cache
def _skip_grams() -> Problem:
    """Frequent words, each with one of the words up to 2 places away and 5 drawn ones in any order.

    Drawn by frequency to the power of 3/4 (Mikolov et al. 2013). Inputs (rows, 7), the word first; targets (rows, 6)
    say which of the others was near.
    """
    counts = Counter(english().split()).most_common(NUM_WORDS)
    numbers = {word: number for number, (word, _) in enumerate(counts)}
    text = torch.tensor([numbers.get(word, -1) for word in english().split()])
    ahead = torch.cat([torch.stack([text[:-shift], text[shift:]], dim=1) for shift in (1, 2)])
    near = torch.cat([ahead, ahead.flip(1)])
    near = near[(near >= 0).all(1)]
    generator = torch.Generator().manual_seed(0)
    frequencies = torch.tensor([float(count) for _, count in counts]) ** 0.75
    drawn = torch.multinomial(frequencies, len(near) * NUM_NEGATIVES, replacement=True, generator=generator)
    others = torch.cat([near[:, 1:], drawn.reshape(-1, NUM_NEGATIVES)], dim=1)
    places = torch.rand(others.shape, generator=generator).argsort(1)
    inputs, are_near = torch.cat([near[:, :1], others.gather(1, places)], dim=1), (places == 0).float()
    order = torch.randperm(len(inputs), generator=generator)
    train, validation = (Examples(inputs[part], are_near[part]) for part in (order[:-2000], order[-2000:]))
    num_outputs = 1 + NUM_NEGATIVES
    return Problem(train, validation, num_outputs * constant_binary_cross_entropy(train.targets, validation.targets))


def _summed_cross_entropy(output: Tensor, targets: Tensor) -> Tensor:
    """Binary cross-entropy: a sum over the near and the drawn words, a mean over the batch."""
    return functional.binary_cross_entropy_with_logits(output, targets, reduction="sum") / len(output)


class _SkipGrams(nn.Module):
    """Products of word vectors and context vectors, initialised as by Mikolov's own program (2013)."""

    def __init__(self, width: int = 32):
        super().__init__()
        self.words, self.contexts = nn.Embedding(NUM_WORDS, width), nn.Embedding(NUM_WORDS, width)
        nn.init.uniform_(self.words.weight, -0.5 / width, 0.5 / width)
        nn.init.zeros_(self.contexts.weight)

    def forward(self, rows: Tensor) -> Tensor:
        return (self.contexts(rows[:, 1:]) * self.words(rows[:, :1])).sum(2)


@cache
def _diabetes() -> Problem:
    """The progress of diabetes after a year, 25 to 346, from 10 measurements; only these are standardised."""
    inputs, targets = datasets.load_diabetes(return_X_y=True)
    train, validation = standardise(*split(inputs, targets[:, None], 142))
    return Problem(train, validation, constant_squared_error(train.targets, validation.targets))


FIRST_FALLS = (
    Task(
        "summed_outputs",
        "summed outputs",
        ("adamw", "sgd"),
        num_steps=300,
        batch_size=32,
        load_problem=_halves,
        make_model=lambda: mlp(32, 64, 32),
        loss_fn=_summed_squared_error,
    ),
    Task(
        "dense_factorisation",
        "ratings with an offset",
        ("adamw", "momentum"),
        num_steps=300,
        batch_size=128,
        load_problem=_stars,
        make_model=_DenseFactorisation,
        loss_fn=functional.mse_loss,
    ),
    Task(
        "skip_grams",
        "skip-grams",
        ("adamw", "sgd"),
        num_steps=500,
        batch_size=128,
        load_problem=_skip_grams,
        make_model=_SkipGrams,
        loss_fn=_summed_cross_entropy,
    ),
    Task(
        "unscaled_targets",
        "unscaled targets",
        ("adamw", "momentum"),
        num_steps=300,
        batch_size=32,
        load_problem=_diabetes,
        make_model=lambda: mlp(10, 32, 32, 1),
        loss_fn=functional.mse_loss,
    ),
)

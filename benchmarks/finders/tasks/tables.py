"""Regression and classification on tables, very small data, and labels that are partly wrong."""

from functools import cache

import numpy as np
import torch
from sklearn import datasets
from torch import nn
from torch.nn import functional

from benchmarks.finders.tasks.constants import constant_binary_cross_entropy, constant_squared_error
from benchmarks.finders.tasks.data import classification, digits, split, standardise
from benchmarks.finders.tasks.mlps import mlp
from benchmarks.finders.tasks.task import Examples, Problem, Task


@cache
def _diabetes() -> Problem:
    """Progression of diabetes in units of 50: 0.5 to 7, so that the first error is the distance from zero."""
    inputs, targets = datasets.load_diabetes(return_X_y=True)
    train, validation = standardise(*split(inputs, targets[:, None].astype(np.float32) / 50, 142))
    return Problem(train, validation, constant_squared_error(train.targets, validation.targets))


@cache
def _breast_cancer() -> Problem:
    """Malignant or benign, from 30 measurements of cells; the columns keep scales from 0.01 to 1 of their spread."""
    inputs, targets = datasets.load_breast_cancer(return_X_y=True)
    train, validation = standardise(*split(inputs, targets[:, None].astype(np.float32), 169))
    scales = torch.logspace(-2, 0, 30)
    train, validation = (Examples(part.inputs * scales, part.targets) for part in (train, validation))
    return Problem(train, validation, constant_binary_cross_entropy(train.targets, validation.targets))


@cache
def _wine() -> Problem:
    """Three cultivars of wine; 60 bottles to learn from."""
    train, validation = standardise(*split(*datasets.load_wine(return_X_y=True), 118))
    return classification(train, validation)


@cache
def friedman(rows: int = 2000) -> Problem:
    """Friedman's first function (1991) with heavy-tailed noise, standardised."""
    inputs, targets = datasets.make_friedman1(rows, noise=0.0, random_state=0)
    targets = (targets - targets.mean()) / targets.std() + 0.2 * np.random.default_rng(0).standard_t(2, len(targets))
    train, validation = split(inputs, targets[:, None].astype(np.float32), 500)
    constant = functional.huber_loss(train.targets.median().expand_as(validation.targets), validation.targets)
    return Problem(train, validation, float(constant))


@cache
def _ill_conditioned() -> Problem:
    """A linear truth in 20 directions whose variances span four decades: the steep ones limit the rate."""
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(1500, 20)) * np.logspace(0.5, -1.5, 20)
    targets = inputs @ (generator.normal(size=(20, 1)) * np.logspace(-1, 1, 20)[:, None])
    train, validation = split(inputs, (targets + 0.1 * generator.normal(size=targets.shape)).astype(np.float32), 500)
    return Problem(train, validation, constant_squared_error(train.targets, validation.targets))


@cache
def _wrong_labels() -> Problem:
    """Digits of which four in ten training labels were drawn at random; validation labels are right."""
    right = digits()
    generator = torch.Generator().manual_seed(0)
    targets = right.train.targets
    drawn = torch.rand(len(targets), generator=generator) < 0.4
    wrong = torch.randint(10, (len(targets),), generator=generator)
    return classification(Examples(right.train.inputs, torch.where(drawn, wrong, targets)), right.validation)


@cache
def _few_digits() -> Problem:
    """Fifty digits to learn from: what matters is when to stop fitting them."""
    return classification(Examples(*(part[:50] for part in digits().train)), digits().validation)


@cache
def _rare_event() -> Problem:
    """Two classes of 20 measurements, one of which makes up a twentieth."""
    inputs, targets = datasets.make_classification(
        4000, 20, n_informative=6, weights=[0.95], class_sep=1.5, flip_y=0.0, random_state=0
    )
    train, validation = split(inputs, targets[:, None].astype(np.float32), 1000)
    return Problem(train, validation, constant_binary_cross_entropy(train.targets, validation.targets))


@cache
def _counts() -> Problem:
    """How often something happens, 0 to about 60 times, given 8 measurements; its likelihood's loss is negative."""
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(2500, 8))
    log_rates = 1 + inputs[:, 0] * np.tanh(inputs[:, 1]) + 0.5 * np.sin(2 * inputs[:, 2])
    train, validation = split(inputs, generator.poisson(np.exp(log_rates))[:, None].astype(np.float32), 500)
    log_mean = train.targets.mean().log().expand_as(validation.targets)
    return Problem(train, validation, float(functional.poisson_nll_loss(log_mean, validation.targets)))


def _with_dropout() -> nn.Sequential:
    return nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.3), nn.Linear(128, 10))


TABLES = (
    Task(
        "rare_event",
        "rare class",
        ("momentum", "adamw"),
        num_steps=200,
        batch_size=64,
        load_problem=_rare_event,
        make_model=lambda: mlp(20, 32, 1),
        loss_fn=functional.binary_cross_entropy_with_logits,
    ),
    Task(
        "counts",
        "counts",
        ("sgd", "adamw", "rmsprop"),
        num_steps=250,
        batch_size=64,
        load_problem=_counts,
        make_model=lambda: mlp(8, 32, 32, 1),
        loss_fn=functional.poisson_nll_loss,
    ),
    Task(
        "diabetes",
        "table regression",
        ("sgd", "adamw", "rmsprop"),
        num_steps=200,
        batch_size=32,
        load_problem=_diabetes,
        make_model=lambda: mlp(10, 32, 1),
        loss_fn=functional.mse_loss,
    ),
    Task(
        "friedman",
        "robust regression",
        ("momentum", "adamw"),
        num_steps=300,
        batch_size=32,
        load_problem=friedman,
        make_model=lambda: mlp(10, 32, 32, 1),
        loss_fn=functional.huber_loss,
    ),
    Task(
        "ill_conditioned",
        "linear regression",
        ("sgd", "momentum", "adamw"),
        num_steps=300,
        batch_size=32,
        load_problem=_ill_conditioned,
        make_model=lambda: nn.Linear(20, 1),
        loss_fn=functional.mse_loss,
    ),
    Task(
        "breast_cancer",
        "table classification",
        ("sgd", "adamw"),
        num_steps=200,
        batch_size=32,
        load_problem=_breast_cancer,
        make_model=lambda: mlp(30, 16, 1),
        loss_fn=functional.binary_cross_entropy_with_logits,
    ),
    Task(
        "wine",
        "tiny batches",
        ("sgd", "adamw", "rmsprop"),
        num_steps=150,
        batch_size=8,
        load_problem=_wine,
        make_model=lambda: mlp(13, 32, 3),
        loss_fn=functional.cross_entropy,
    ),
    Task(
        "few_digits",
        "overfitting",
        ("momentum", "adamw"),
        num_steps=200,
        batch_size=8,
        load_problem=_few_digits,
        make_model=_with_dropout,
        loss_fn=functional.cross_entropy,
    ),
    Task(
        "wrong_labels",
        "label noise",
        ("momentum", "adamw", "lion"),
        num_steps=250,
        batch_size=32,
        load_problem=_wrong_labels,
        make_model=lambda: mlp(64, 128, 10),
        loss_fn=functional.cross_entropy,
    ),
)

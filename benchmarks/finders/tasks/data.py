"""Data that ships with scikit-learn, with Python, or that is generated: nothing is downloaded."""

from functools import cache
from pydoc_data.topics import topics
from types import SimpleNamespace

import mnist1d.data
import numpy as np
import torch
from sklearn import datasets

from benchmarks.finders.tasks.constants import constant_cross_entropy
from benchmarks.finders.tasks.task import Examples, Problem


def split(inputs: np.ndarray, targets: np.ndarray, num_validation: int) -> tuple[Examples, Examples]:
    """Shuffles the rows in a fixed order and keeps the last `num_validation` for validation."""
    order = np.random.default_rng(0).permutation(len(inputs))
    rows, kept = order[:-num_validation], order[-num_validation:]
    dtype = torch.int64 if np.issubdtype(targets.dtype, np.integer) else torch.float32
    return tuple(
        Examples(torch.tensor(inputs[part], dtype=torch.float32), torch.tensor(targets[part], dtype=dtype))
        for part in (rows, kept)
    )


def standardise(train: Examples, validation: Examples) -> tuple[Examples, Examples]:
    """Gives every input column mean 0 and deviation 1 on the training rows."""
    mean, deviation = train.inputs.mean(0), train.inputs.std(0) + 1e-6
    return tuple(Examples((part.inputs - mean) / deviation, part.targets) for part in (train, validation))


def classification(train: Examples, validation: Examples) -> Problem:
    """The problem of predicting class numbers by cross-entropy."""
    num_classes = int(train.targets.max()) + 1
    return Problem(train, validation, constant_cross_entropy(train.targets, validation.targets, num_classes))


@cache
def digits() -> Problem:
    """Handwritten digits, 10 classes, inputs (1797, 64) in 0..1."""
    images, targets = datasets.load_digits(return_X_y=True)
    return classification(*split(images / 16, targets, 500))


@cache
def digit_images() -> Problem:
    """`digits` as images of shape (1, 8, 8), centred."""
    flat = digits()
    parts = (Examples(part.inputs.reshape(-1, 1, 8, 8) * 2 - 1, part.targets) for part in (flat.train, flat.validation))
    return Problem(*parts, flat.constant_loss)


@cache
def mnist_1d(rows: int = 2500) -> Problem:
    """MNIST-1D (Greydanus 2020): 10 classes of noisy distorted templates, inputs (rows, 40)."""
    arguments = mnist1d.data.get_dataset_args()
    arguments.num_samples, arguments.train_split = rows, 1 - 500 / rows
    made = SimpleNamespace(**mnist1d.data.make_dataset(arguments))
    train = Examples(torch.tensor(made.x, dtype=torch.float32), torch.tensor(made.y))
    validation = Examples(torch.tensor(made.x_test, dtype=torch.float32), torch.tensor(made.y_test))
    return classification(train, validation)


@cache
def english() -> str:
    """The prose that `help()` shows about Python's language, lower-cased, on one line, without rarer signs."""
    text = " ".join(" ".join(topics[name].split()) for name in sorted(topics))
    return "".join(letter for letter in text.lower() if letter in ALPHABET)


ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789 .,;:()'\"_-="


@cache
def characters(length: int) -> Problem:
    """Windows of English as letter numbers (rows, length), each with the letters that follow."""
    numbers = torch.tensor([ALPHABET.index(letter) for letter in english()])
    rows = (len(numbers) - 1) // length
    inputs, targets = (numbers[shift : shift + rows * length].reshape(rows, length) for shift in (0, 1))
    # The last tenth of the text, thinned: neighbouring windows would be near copies of training text.
    start = rows * 9 // 10
    chosen = torch.linspace(start, rows - 1, 128).long()
    return classification(Examples(inputs[:start], targets[:start]), Examples(inputs[chosen], targets[chosen]))

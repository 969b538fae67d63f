"""Kinds whose losses are bounded and saturate: overlaps of masks, overlaps of boxes, angles between directions."""

from functools import cache

import numpy as np
import torch
from sklearn import datasets
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.finders.tasks.data import split
from benchmarks.finders.tasks.mlps import mlp
from benchmarks.finders.tasks.task import Problem, Task


def _lost_dice(shares: Tensor, masks: Tensor) -> Tensor:
    """1 - the Dice overlap of each image's pixels, smoothed by 1 (Milletari et al. 2016)."""
    shared, all_pixels = (shares * masks).sum((1, 2, 3)), (shares + masks).sum((1, 2, 3))
    return (1 - (2 * shared + 1) / (all_pixels + 1)).mean()


def _dice_loss(output: Tensor, masks: Tensor) -> Tensor:
    return _lost_dice(output.sigmoid(), masks)


@cache
def _hidden_digits() -> Problem:
    """Images, 16 x 16, of a digit somewhere between noise and scratches; the pixels of the digit are wanted."""
    generator = np.random.default_rng(0)
    digits, _ = datasets.load_digits(return_X_y=True)
    images, masks = [], []
    for digit in digits[:1200].reshape(-1, 8, 8) / 16:
        row, column = generator.integers(9, size=2)
        image = 0.25 * generator.normal(size=(16, 16))
        image[generator.integers(16)] += 0.7
        image[:, generator.integers(16)] += 0.7
        image[row : row + 8, column : column + 8] += digit
        mask = np.zeros((16, 16))
        mask[row : row + 8, column : column + 8] = digit > 0.4
        images.append(image)
        masks.append(mask)
    train, validation = split(np.stack(images)[:, None], np.stack(masks)[:, None].astype(np.float32), 200)
    often = train.targets.mean(0, keepdim=True)  # the best constant mask holds the pixels that are wanted most often
    constants = [(often >= share).float() for share in often.unique()]
    best = min(constants, key=lambda mask: float(_lost_dice(mask, train.targets)))
    return Problem(train, validation, float(_lost_dice(best, validation.targets)))


def _pixel_classifier(width: int = 6) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.ReLU(),
        nn.Conv2d(width, 1, 3, padding=1),
    )  # fmt: skip


def _lost_overlap(boxes: Tensor, targets: Tensor) -> Tensor:
    """1 - the intersection over the union of boxes given by centre and size (Rahman and Wang 2016)."""
    (centre, size), (target_centre, target_size) = boxes.split(2, dim=1), targets.split(2, dim=1)
    upper = torch.minimum(centre + size / 2, target_centre + target_size / 2)
    lower = torch.maximum(centre - size / 2, target_centre - target_size / 2)
    shared = (upper - lower).clamp(min=0).prod(1)
    return (1 - shared / (size.prod(1) + target_size.prod(1) - shared)).mean()


def _box_loss(output: Tensor, targets: Tensor) -> Tensor:
    return _lost_overlap(output.sigmoid(), targets)


@cache
def _boxes() -> Problem:
    """Noisy images, 16 x 16, of one rectangle; its centre and size as shares of the image are wanted."""
    generator = np.random.default_rng(0)
    sizes = generator.integers(4, 11, size=(2000, 2))
    corners = generator.integers(0, 17 - sizes)
    images = 0.3 * generator.normal(size=(2000, 16, 16))
    for image, (row, column), (height, width) in zip(images, corners, sizes, strict=True):
        image[row : row + height, column : column + width] += 1
    boxes = np.concatenate([corners + sizes / 2, sizes], axis=1) / 16
    train, validation = split(images[:, None], boxes.astype(np.float32), 400)
    lengths = torch.arange(0.2, 0.8, 0.02)  # the best constant box is in the middle
    constants = [torch.stack([torch.tensor(0.5), torch.tensor(0.5), length, length])[None] for length in lengths]
    best = min(constants, key=lambda box: float(_lost_overlap(box, train.targets)))
    return Problem(train, validation, float(_lost_overlap(best, validation.targets)))


def _box_finder() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, stride=2, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(128, 4),
    )  # fmt: skip


def _cosine_distance(output: Tensor, targets: Tensor) -> Tensor:
    return (1 - functional.cosine_similarity(output, targets)).mean()


@cache
def _gratings() -> Problem:
    """Noisy stripes, 8 x 8, of any phase; their direction is wanted, as that of twice its angle (Granlund 1978)."""
    generator = np.random.default_rng(0)
    angles, phases = generator.uniform(0, np.pi, (3000, 1)), generator.uniform(0, 2 * np.pi, (3000, 1))
    rows, columns = (axis.reshape(1, 64) for axis in np.mgrid[:8, :8])
    stripes = np.cos(0.8 * (rows * np.sin(angles) + columns * np.cos(angles)) + phases)
    directions = np.concatenate([np.cos(2 * angles), np.sin(2 * angles)], axis=1).astype(np.float32)
    train, validation = split(stripes + 1.0 * generator.normal(size=stripes.shape), directions, 500)
    constant = train.targets.mean(0, keepdim=True)
    return Problem(train, validation, float(_cosine_distance(constant, validation.targets)))


SATURATING = (
    Task(
        "dice",
        "overlap of masks",
        ("adamw", "momentum"),
        num_steps=300,
        batch_size=8,
        load_problem=_hidden_digits,
        make_model=_pixel_classifier,
        loss_fn=_dice_loss,
    ),
    Task(
        "box_overlap",
        "overlap of boxes",
        ("adamw", "momentum"),
        num_steps=300,
        batch_size=16,
        load_problem=_boxes,
        make_model=_box_finder,
        loss_fn=_box_loss,
    ),
    Task(
        "cosine_distance",
        "directions",
        ("adamw", "sgd"),
        num_steps=300,
        batch_size=32,
        load_problem=_gratings,
        make_model=lambda: mlp(64, 64, 64, 2),
        loss_fn=_cosine_distance,
    ),
)

"""Kinds of tasks that were added after every constant of the rule had been chosen, to see how far it carries over."""

from collections import Counter
from functools import cache
from itertools import pairwise

import numpy as np
import torch
from sklearn import datasets
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.finders.tasks.constants import constant_binary_cross_entropy, constant_squared_error
from benchmarks.finders.tasks.data import classification, digit_images, digits, english, split, standardise
from benchmarks.finders.tasks.mlps import mlp
from benchmarks.finders.tasks.task import Examples, Problem, Task


@cache
def _chaotic_series() -> Problem:
    """The Mackey-Glass series (1977) with delay 17, six steps ahead of windows of 24, standardised."""
    values = [1.2] * 18
    for _ in range(3000):
        values.append(values[-1] + 0.2 * values[-18] / (1 + values[-18] ** 10) - 0.1 * values[-1])
    series = np.array(values[200:])
    series = (series - series.mean()) / series.std()
    windows = np.lib.stride_tricks.sliding_window_view(series, 30)
    train, validation = split(windows[:, :24, None], windows[:, 29:].astype(np.float32), 600)
    return Problem(train, validation, constant_squared_error(train.targets, validation.targets))


class _Forecaster(nn.Module):
    def __init__(self, width: int = 24):
        super().__init__()
        self.recurrent = nn.LSTM(1, width, batch_first=True)
        self.predict = nn.Linear(width, 1)

    def forward(self, series: Tensor) -> Tensor:
        states, _ = self.recurrent(series)
        return self.predict(states[:, -1])


class _MixerBlock(nn.Module):
    """Mixes patches, then channels (Tolstikhin et al. 2021)."""

    def __init__(self, patches: int, width: int):
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.across = nn.Sequential(nn.Linear(patches, 32), nn.GELU(), nn.Linear(32, patches))
        self.within = nn.Sequential(nn.Linear(width, 64), nn.GELU(), nn.Linear(64, width))

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.across(self.norms[0](tokens).transpose(1, 2)).transpose(1, 2)
        return tokens + self.within(self.norms[1](tokens))


class _Mixer(nn.Module):
    def __init__(self, width: int = 32):
        super().__init__()
        self.patches = nn.Conv2d(1, width, 2, stride=2)
        self.blocks = nn.Sequential(*[_MixerBlock(16, width) for _ in range(2)])
        self.classify = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 10))

    def forward(self, images: Tensor) -> Tensor:
        return self.classify(self.blocks(self.patches(images).flatten(2).transpose(1, 2)).mean(1))


NUM_NODES, NUM_COMMUNITIES = 600, 4


@cache
def _graph() -> tuple[Tensor, Tensor, Tensor]:
    """Communities of a random graph: normalised adjacency, noisy features of the nodes, and their communities."""
    generator = torch.Generator().manual_seed(0)
    communities = torch.arange(NUM_NODES) % NUM_COMMUNITIES
    likely = torch.where(communities[:, None] == communities, 0.04, 0.012)
    edges = torch.triu(torch.rand(NUM_NODES, NUM_NODES, generator=generator) < likely, 1).float()
    adjacency = edges + edges.T + torch.eye(NUM_NODES)
    roots = adjacency.sum(1).rsqrt()
    features = functional.one_hot(communities).float() + 2 * torch.randn(
        NUM_NODES, NUM_COMMUNITIES, generator=generator
    )
    return roots[:, None] * adjacency * roots, features, communities


@cache
def _nodes() -> Problem:
    """Nodes, by their number, and their communities."""
    _, _, communities = _graph()
    order = torch.randperm(NUM_NODES, generator=torch.Generator().manual_seed(1))
    train, validation = (Examples(part, communities[part]) for part in (order[:300], order[300:]))
    return classification(train, validation)


class _GraphNet(nn.Module):
    """Two graph convolutions (Kipf and Welling 2017) over the whole graph, read at the nodes of the batch."""

    def __init__(self, width: int = 32):
        super().__init__()
        self.first, self.second = nn.Linear(NUM_COMMUNITIES, width), nn.Linear(width, NUM_COMMUNITIES)

    def forward(self, nodes: Tensor) -> Tensor:
        adjacency, features, _ = _graph()
        hidden = functional.relu(adjacency @ self.first(features))
        return (adjacency @ self.second(hidden))[nodes]


@cache
def _soft_digits() -> Problem:
    """Digits with what the 15 nearest neighbours say, as shares of the 10 classes."""
    teacher = KNeighborsClassifier(15).fit(digits().train.inputs.numpy(), digits().train.targets.numpy())
    train, validation = (
        Examples(part.inputs, torch.tensor(teacher.predict_proba(part.inputs.numpy()), dtype=torch.float32))
        for part in (digits().train, digits().validation)
    )
    shares = train.targets.mean(0)
    return Problem(train, validation, float(functional.cross_entropy(shares.log().expand(500, 10), validation.targets)))


QUANTILES = torch.tensor([0.1, 0.5, 0.9])


def pinball(output: Tensor, targets: Tensor) -> Tensor:
    """The loss whose best outputs are the quantiles (Koenker and Bassett 1978)."""
    missing = targets - output
    return torch.maximum(QUANTILES * missing, (QUANTILES - 1) * missing).mean()


@cache
def noisy_wave(rows: int = 2000) -> Problem:
    """A wave with noise that grows along it, whose quantiles are wanted."""
    generator = np.random.default_rng(0)
    inputs = generator.random((rows, 3)) * 2 - 1
    noise = (0.2 + 0.6 * (inputs[:, 0] + 1)) * generator.normal(size=len(inputs))
    targets = (np.sin(3 * inputs[:, 0]) + inputs[:, 1] * inputs[:, 2] + noise)[:, None].astype(np.float32)
    train, validation = split(inputs, targets, 500)
    constant = torch.quantile(train.targets, QUANTILES)
    return Problem(train, validation, float(pinball(constant.expand(500, 3), validation.targets)))


@cache
def _unsorted() -> Problem:
    """Rows of 8 digits, and the same rows in order."""
    rows = torch.randint(10, (3000, 8), generator=torch.Generator().manual_seed(0))
    train, validation = (Examples(part, part.sort(1).values) for part in (rows[:2500], rows[2500:]))
    shares = functional.one_hot(train.targets, 10).float().mean(0).clamp(min=1e-4)  # of each position
    constant = functional.nll_loss(shares.log().T.expand(500, 10, 8), validation.targets)
    return Problem(train, validation, float(constant))


class _Sorter(nn.Module):
    """A transformer normalised before each sum; gives logits of shape (rows, digits, length)."""

    def __init__(self, width: int = 32):
        super().__init__()
        self.digits, self.positions = nn.Embedding(10, width), nn.Parameter(0.1 * torch.randn(1, 8, width))
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.predict = nn.Linear(width, 10)

    def forward(self, numbers: Tensor) -> Tensor:
        return self.predict(self.encoder(self.digits(numbers) + self.positions)).transpose(1, 2)


@cache
def _discs() -> Problem:
    """Noisy images, 16 x 16, of a disc and a square; the pixels of the disc are wanted."""
    generator = np.random.default_rng(0)
    rows, columns = np.mgrid[:16, :16]
    images, masks = [], []
    for _ in range(1000):
        (disc_row, disc_column, square_row, square_column), size = generator.uniform(3, 13, 4), generator.uniform(2, 4)
        disc = (rows - disc_row) ** 2 + (columns - disc_column) ** 2 < size**2
        square = np.maximum(abs(rows - square_row), abs(columns - square_column)) < size
        images.append(np.maximum(disc, square) + 0.4 * generator.normal(size=(16, 16)))
        masks.append(disc)
    train, validation = split(np.stack(images)[:, None], np.stack(masks)[:, None].astype(np.float32), 200)
    return Problem(train, validation, constant_binary_cross_entropy(train.targets, validation.targets))


class _UNet(nn.Module):
    """Down once and up again, with what was there before beside it (Ronneberger et al. 2015)."""

    def __init__(self, width: int = 8):
        super().__init__()
        self.before = nn.Sequential(nn.Conv2d(1, width, 3, padding=1), nn.ReLU())
        self.below = nn.Sequential(
            nn.MaxPool2d(2), nn.Conv2d(width, 2 * width, 3, padding=1), nn.ReLU(),
            nn.Conv2d(2 * width, width, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2),
        )  # fmt: skip
        self.after = nn.Conv2d(2 * width, 1, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        seen = self.before(images)
        return self.after(torch.cat([seen, self.below(seen)], dim=1))


NUM_WORDS = 300


@cache
def neighbours() -> Problem:
    """Pairs of frequent words: half neighbours in English, half drawn by frequency (Mikolov et al. 2013)."""
    words = english().split()
    numbers = {word: number for number, (word, _) in enumerate(Counter(words).most_common(NUM_WORDS))}
    near = torch.tensor([(numbers[a], numbers[b]) for a, b in pairwise(words) if a in numbers and b in numbers])
    generator = torch.Generator().manual_seed(0)
    drawn = torch.stack([near[:, 0], near[torch.randperm(len(near), generator=generator), 1]], dim=1)
    pairs = torch.cat([near, drawn])
    are_near = torch.cat([torch.ones(len(near)), torch.zeros(len(drawn))])
    order = torch.randperm(len(pairs), generator=generator)
    train, validation = (Examples(pairs[part], are_near[part]) for part in (order[:-2000], order[-2000:]))
    return Problem(train, validation, constant_binary_cross_entropy(train.targets, validation.targets))


class WordVectors(nn.Module):
    def __init__(self, width: int = 16):
        super().__init__()
        self.words, self.contexts = nn.Embedding(NUM_WORDS, width), nn.Embedding(NUM_WORDS, width)
        nn.init.normal_(self.words.weight, std=0.3)
        nn.init.normal_(self.contexts.weight, std=0.3)

    def forward(self, pairs: Tensor) -> Tensor:
        return (self.words(pairs[:, 0]) * self.contexts(pairs[:, 1])).sum(1)


@cache
def _sides() -> Problem:
    """Malignant (-1) or benign (1), from 30 standardised measurements, 100 patients to learn from."""
    inputs, targets = datasets.load_breast_cancer(return_X_y=True)
    train, validation = standardise(*split(inputs, 2 * targets[:, None].astype(np.float32) - 1, 469))
    best = min(float(_hinge(torch.tensor(side), validation.targets)) for side in (-1.0, 1.0))
    return Problem(train, validation, best)


def _hinge(output: Tensor, targets: Tensor) -> Tensor:
    """How far outputs miss a margin of 1 on their side (Cortes and Vapnik 1995)."""
    return functional.relu(1 - targets * output).mean()


LATER = (
    Task(
        "forecast",
        "recurrent net on a series",
        ("momentum", "adamw"),
        num_steps=250,
        batch_size=32,
        load_problem=_chaotic_series,
        make_model=_Forecaster,
        loss_fn=functional.mse_loss,
    ),
    Task(
        "mixer",
        "mixer",
        ("momentum", "adamw"),
        num_steps=200,
        batch_size=32,
        load_problem=digit_images,
        make_model=_Mixer,
        loss_fn=functional.cross_entropy,
    ),
    Task(
        "graph",
        "graph",
        ("sgd", "adamw"),
        num_steps=150,
        batch_size=64,
        load_problem=_nodes,
        make_model=_GraphNet,
        loss_fn=functional.cross_entropy,
    ),
    Task(
        "distillation",
        "distillation",
        ("momentum", "rmsprop"),
        num_steps=200,
        batch_size=32,
        load_problem=_soft_digits,
        make_model=lambda: mlp(64, 48, 10),
        loss_fn=functional.cross_entropy,
    ),
    Task(
        "quantiles",
        "quantile regression",
        ("sgd", "momentum", "adamw"),
        num_steps=250,
        batch_size=32,
        load_problem=noisy_wave,
        make_model=lambda: mlp(3, 32, 32, 3),
        loss_fn=pinball,
    ),
    Task(
        "sorting",
        "transformer on sequences",
        ("momentum", "adamw"),
        num_steps=250,
        batch_size=32,
        load_problem=_unsorted,
        make_model=_Sorter,
        loss_fn=functional.cross_entropy,
    ),
    Task(
        "segmentation",
        "segmentation",
        ("momentum", "adamw"),
        num_steps=150,
        batch_size=16,
        load_problem=_discs,
        make_model=_UNet,
        loss_fn=functional.binary_cross_entropy_with_logits,
    ),
    Task(
        "word_vectors",
        "word vectors",
        ("sgd", "adamw"),
        num_steps=250,
        batch_size=128,
        load_problem=neighbours,
        make_model=WordVectors,
        loss_fn=functional.binary_cross_entropy_with_logits,
    ),
    Task(
        "margin",
        "support vector machine",
        ("sgd", "momentum", "adamw"),
        num_steps=150,
        batch_size=16,
        load_problem=_sides,
        make_model=lambda: nn.Linear(30, 1),
        loss_fn=_hinge,
    ),
)

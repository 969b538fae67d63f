"""Embeddings: factorising ratings with sparse gradients, ranking from comparisons, matching two views."""

from functools import cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.finders.tasks.constants import constant_binary_cross_entropy, constant_squared_error
from benchmarks.finders.tasks.data import digits
from benchmarks.finders.tasks.mlps import mlp
from benchmarks.finders.tasks.task import Examples, Problem, Task

NUM_USERS, NUM_ITEMS, NUM_PLAYERS = 120, 80, 60


@cache
def _ratings() -> Problem:
    """Ratings of 1 to 5 from a truth of rank 3; inputs (rows, 2) hold the user and the item."""
    generator = np.random.default_rng(0)
    tastes = generator.normal(size=(NUM_USERS, 3)), generator.normal(size=(NUM_ITEMS, 3))
    users, items = np.divmod(generator.permutation(NUM_USERS * NUM_ITEMS)[:6000], NUM_ITEMS)
    scores = (tastes[0][users] * tastes[1][items]).sum(1) / np.sqrt(3) + generator.normal(scale=0.2, size=len(users))
    inputs = torch.tensor(np.stack([users, items], axis=1))
    targets = torch.tensor(np.clip(3 + scores, 1, 5), dtype=torch.float32)
    train, validation = Examples(inputs[:5000], targets[:5000]), Examples(inputs[5000:], targets[5000:])
    return Problem(train, validation, constant_squared_error(train.targets, validation.targets))


class _Factorisation(nn.Module):
    """A rating is the product of a user's and an item's vector, plus their biases; starts near zero."""

    def __init__(self, width: int = 8):
        super().__init__()
        self.users = nn.Embedding(NUM_USERS, width + 2, sparse=True)
        self.items = nn.Embedding(NUM_ITEMS, width + 2, sparse=True)
        for embedding in (self.users, self.items):
            nn.init.normal_(embedding.weight, std=0.3)

    def forward(self, pairs: Tensor) -> Tensor:
        users, items = self.users(pairs[:, 0]), self.items(pairs[:, 1])
        return (users[:, :-2] * items[:, :-2]).sum(1) + users[:, -2] + items[:, -1]


@cache
def _games() -> Problem:
    """Who beat whom among 60 players on 4 boards, each of which favours other skills."""
    generator = np.random.default_rng(0)
    skills = 2 * generator.normal(size=(4, NUM_PLAYERS))
    players = generator.integers(NUM_PLAYERS, size=(5000, 2))
    boards = generator.integers(4, size=5000)
    lead = skills[boards, players[:, 0]] - skills[boards, players[:, 1]]
    won = generator.random(5000) < 1 / (1 + np.exp(-lead))
    inputs = torch.tensor(np.column_stack([players, boards]))
    targets = torch.tensor(won, dtype=torch.float32)
    train, validation = Examples(inputs[:4000], targets[:4000]), Examples(inputs[4000:], targets[4000:])
    return Problem(train, validation, constant_binary_cross_entropy(train.targets, validation.targets))


class _Ranking(nn.Module):
    """The lead of the first player on a board: a product of the players' difference and the board's vector."""

    def __init__(self, width: int = 16):
        super().__init__()
        self.players = nn.Embedding(NUM_PLAYERS, width)
        self.boards = nn.Embedding(4, width)
        nn.init.normal_(self.players.weight, std=0.1)

    def forward(self, games: Tensor) -> Tensor:
        difference = self.players(games[:, 0]) - self.players(games[:, 1])
        return (difference * self.boards(games[:, 2])).sum(1)


@cache
def _views() -> Problem:
    """Two noisy, half-hidden copies of each digit, shape (rows, 2, 64); targets are the digits shown."""
    generator = torch.Generator().manual_seed(0)

    def blurred(examples: Examples) -> Examples:
        pairs = examples.inputs[:, None].expand(-1, 2, -1)
        hidden = torch.rand(pairs.shape, generator=generator) < 0.3
        noise = 0.1 * torch.randn(pairs.shape, generator=generator)
        return Examples((pairs + noise).masked_fill(hidden, 0), examples.targets)

    train, validation = blurred(digits().train), blurred(Examples(*(part[:128] for part in digits().validation)))
    return Problem(train, validation, float(np.log(len(validation.inputs))))


def _contrastive_loss(embedded: Tensor, _: Tensor) -> Tensor:
    """InfoNCE at temperature 0.1: each first view has to find its second among those of the batch."""
    first, second = functional.normalize(embedded, dim=-1).unbind(1)
    return functional.cross_entropy(first @ second.T / 0.1, torch.arange(len(first)))


def _pair_loss(embedded: Tensor, digits_shown: Tensor) -> Tensor:
    """Like pairs are pulled together, unlike ones pushed to a distance of at least 1 (Hadsell et al. 2006)."""
    points = embedded[:, 0]
    squares = (points[:, None] - points).square().sum(2)
    alike = digits_shown[:, None] == digits_shown
    missing = functional.relu(1 - (squares + 1e-12).sqrt())  # the root of 0 has no finite slope
    return torch.where(alike, squares, missing.square()).mean()


@cache
def _views_by_digit() -> Problem:
    """The same, to be embedded near others of the same digit; with one point for all, every unlike pair costs 1."""
    shown = _views().validation.targets
    return Problem(_views().train, _views().validation, float((shown[:, None] != shown).float().mean()))


EMBEDDINGS = (
    Task(
        "factorisation",
        "sparse embeddings",
        ("sgd", "sparse_adam"),
        num_steps=300,
        batch_size=64,
        load_problem=_ratings,
        make_model=_Factorisation,
        loss_fn=functional.mse_loss,
    ),
    Task(
        "ranking",
        "ranking",
        ("momentum", "adamw"),
        num_steps=250,
        batch_size=64,
        load_problem=_games,
        make_model=_Ranking,
        loss_fn=functional.binary_cross_entropy_with_logits,
    ),
    Task(
        "contrastive",
        "contrastive",
        ("momentum", "adamw", "sgd"),
        num_steps=200,
        batch_size=64,
        load_problem=_views,
        make_model=lambda: mlp(64, 64, 16),
        loss_fn=_contrastive_loss,
    ),
    Task(
        "digit_pairs",
        "metric learning",
        ("momentum", "adamw"),
        num_steps=200,
        batch_size=64,
        load_problem=_views_by_digit,
        make_model=lambda: mlp(64, 64, 16),
        loss_fn=_pair_loss,
    ),
)

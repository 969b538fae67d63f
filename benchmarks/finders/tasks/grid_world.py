"""Values of moves on a grid, learned from single moves against estimates of the same net."""

from functools import cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.finders.tasks.mlps import mlp
from benchmarks.finders.tasks.task import Examples, Problem

SIZE, DISCOUNT = 8, 0.9
MOVES = ((-1, 0), (1, 0), (0, -1), (0, 1))
GOAL, PIT = (0, SIZE - 1), (3, 4)


def _moved(state: int, action: int) -> int:
    """The next state on the grid; its edges hold one back."""
    row, column = divmod(state, SIZE)
    down, right = MOVES[action]
    return min(max(row + down, 0), SIZE - 1) * SIZE + min(max(column + right, 0), SIZE - 1)


@cache
def grid_world() -> Problem:
    """Transitions (state, action, next state, whether the way goes on) with their rewards; wanted are true values.

    A goal is worth 1, a pit -1, both end the way; a move costs 0.04 (Russell and Norvig 1995) and slips to a random
    direction one time in five.
    """
    generator = np.random.default_rng(0)
    ends = [SIZE * row + column for row, column in (GOAL, PIT)]
    rewards = np.full(SIZE**2, -0.04)
    rewards[ends] = 1, -1
    goes_on = np.ones(SIZE**2)
    goes_on[ends] = 0
    moved = np.array([[_moved(state, action) for action in range(4)] for state in range(SIZE**2)])
    values = np.zeros((SIZE**2, 4))
    for _ in range(200):  # value iteration (Bellman 1957)
        after = rewards[moved] + DISCOUNT * goes_on[moved] * values.max(1)[moved]
        values = 0.8 * after + 0.2 * after.mean(1, keepdims=True)

    starts = np.flatnonzero(goes_on)
    states, actions = generator.choice(starts, 8000), generator.integers(4, size=8000)
    slips = generator.random(8000) < 0.2
    nexts = moved[states, np.where(slips, generator.integers(4, size=8000), actions)]
    train = Examples(
        torch.tensor(np.stack([states, actions, nexts, goes_on[nexts]], axis=1), dtype=torch.int64),
        torch.tensor(rewards[nexts], dtype=torch.float32),
    )
    every = torch.cartesian_prod(torch.tensor(starts), torch.arange(4))
    wanted = torch.tensor(values[starts].flatten(), dtype=torch.float32)
    validation = Examples(functional.pad(every, (0, 2)), wanted)
    return Problem(train, validation, float(functional.huber_loss(wanted.mean().expand_as(wanted), wanted)))


class Values(nn.Module):
    """Values of the four moves, learned against a copy of itself that is refreshed now and then (Mnih et al. 2015).

    While training it gives the value less the discounted value that the copy sees in the next state, which is to equal
    the reward; in evaluation mode the value alone.
    """

    def __init__(self, width: int = 64, refreshed_every: int = 50):
        super().__init__()
        self.register_buffer("places", _places())
        self.layers, self.copy = mlp(2 * SIZE, width, width, 4), _buffers_only(mlp(2 * SIZE, width, width, 4))
        self.register_buffer("num_forwards", torch.tensor(0))
        self.refreshed_every = refreshed_every

    def forward(self, transitions: Tensor) -> Tensor:
        states, actions, nexts, goes_on = transitions.unbind(1)
        values = self.layers(self.places[states]).gather(1, actions[:, None]).squeeze(1)
        return values - DISCOUNT * goes_on * self._values_after(nexts) if self.training else values

    @torch.no_grad()
    def _values_after(self, states: Tensor) -> Tensor:
        if self.num_forwards % self.refreshed_every == 0:
            self.copy.load_state_dict(self.layers.state_dict())
        self.num_forwards += 1
        return self.copy(self.places[states]).amax(1)


def _buffers_only(model: nn.Module) -> nn.Module:
    """Makes buffers of its parameters."""
    for module in model.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            delattr(module, name)
            module.register_buffer(name, parameter.detach())
    return model


def _places() -> Tensor:
    """The row and the column of each state, one-hot."""
    rows, columns = torch.cartesian_prod(torch.arange(SIZE), torch.arange(SIZE)).T
    return torch.cat([functional.one_hot(rows), functional.one_hot(columns)], dim=1).float()

"""Tasks that are said to need a warm-up: what they can stand at first is less than what they can stand soon after.

As the lasting ones they can be trained at many rates at once (`benchmarks.horizon.stacked`), and their data last.
"""

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.finders.tasks.data import ALPHABET, characters, mnist_1d
from benchmarks.finders.tasks.lasting import ROWS, answers_of_a_net, task_of
from benchmarks.finders.tasks.longer import shifted_digits
from benchmarks.finders.tasks.mlps import mlp


class _PostNormBlock(nn.Module):
    """Attention and a net for single places, with the norm after each sum (Vaswani et al. 2017)."""

    def __init__(self, width: int):
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(2)])
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.mix = nn.Linear(width, width)
        self.mlp = mlp(width, 4 * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        queries, keys, values = self.queries_keys_values(tokens).chunk(3, dim=-1)
        length = tokens.shape[-2]
        mask = torch.full((length, length), -torch.inf).triu(1)
        looks = (queries @ keys.transpose(-1, -2) / queries.shape[-1] ** 0.5 + mask).softmax(-1)
        tokens = self.norms[0](tokens + self.mix(looks @ values))
        return self.norms[1](tokens + self.mlp(tokens))


class _PostNormTransformer(nn.Module):
    """Gives logits of shape (rows, letters, length)."""

    def __init__(self, depth: int = 6, width: int = 24, length: int = 12):
        super().__init__()
        self.letters = nn.Embedding(len(ALPHABET), width)
        self.positions = nn.Parameter(0.02 * torch.randn(length, width))
        self.blocks = nn.Sequential(*[_PostNormBlock(width) for _ in range(depth)])
        self.predict = nn.Linear(width, len(ALPHABET))

    def forward(self, numbers: Tensor) -> Tensor:
        return self.predict(self.blocks(self.letters(numbers) + self.positions)).transpose(-1, -2)


class _Residual(nn.Module):
    """Adds to what it is given, and nothing keeps the sum small."""

    def __init__(self, width: int):
        super().__init__()
        self.mlp = mlp(width, width, width)

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs + self.mlp(inputs)


def _scaled(net: nn.Sequential, factor: float) -> nn.Sequential:
    for layer in net[::2]:
        layer.weight.data *= factor
    return net


def _plain_convolutions() -> nn.Sequential:
    layers = [nn.Conv2d(1, 12, 3, stride=2, padding=1), nn.ReLU()]
    for _ in range(4):
        layers += [nn.Conv2d(12, 12, 3, padding=1), nn.ReLU()]
    net = nn.Sequential(*layers, nn.Conv2d(12, 16, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))
    for layer in net:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
    return net


_task = partial(task_of, "warming")
BOTH = ("adamw", "momentum")

WARMING = (
    _task("post_norm", BOTH, lambda: characters(12), _PostNormTransformer, functional.cross_entropy, batch_size=8),
    _task(
        "deep_net", BOTH, lambda: mnist_1d(ROWS), lambda: _scaled(mlp(40, *[32] * 9, 10), 2.4), functional.cross_entropy
    ),
    _task(
        "residuals",
        BOTH,
        lambda: mnist_1d(ROWS),
        lambda: nn.Sequential(nn.Linear(40, 32), *[_Residual(32) for _ in range(10)], nn.Linear(32, 10)),
        functional.cross_entropy,
    ),
    _task("large_start", (*BOTH, "sgd"), answers_of_a_net, lambda: _scaled(mlp(16, 48, 48, 1), 3), functional.mse_loss),
    _task("plain_convolutions", BOTH, shifted_digits, _plain_convolutions, functional.cross_entropy, batch_size=16),
    _task(
        "heavy_signals", ("sgd_m0.99",), lambda: mnist_1d(ROWS), lambda: mlp(40, 48, 48, 10), functional.cross_entropy
    ),
    _task("heavy_net", ("sgd_m0.99",), answers_of_a_net, lambda: mlp(16, 48, 48, 1), functional.mse_loss),
)

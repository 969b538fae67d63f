"""Noise that is to be predicted, a critic, values that chase their own estimates, adapters of a pretrained net."""

import math
from functools import cache

import torch
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.finders.tasks.constants import constant_squared_error
from benchmarks.finders.tasks.data import classification, digits
from benchmarks.finders.tasks.grid_world import Values, grid_world
from benchmarks.finders.tasks.mlps import mlp
from benchmarks.finders.tasks.task import Examples, Problem, Task, trained_classifier

NUM_TIMES = 1000


@cache
def noised_digits() -> Problem:
    """Digits at random times of a diffusion (Ho et al. 2020), the time in the last column; the noise is wanted."""
    generator = torch.Generator().manual_seed(0)
    kept = (1 - torch.linspace(1e-4, 0.02, NUM_TIMES)).cumprod(0)

    def noised(images: Tensor, copies: int) -> Examples:
        images = images.repeat(copies, 1) * 2 - 1
        times = torch.randint(NUM_TIMES, (len(images), 1), generator=generator)
        noise = torch.randn(images.shape, generator=generator)
        mixed = kept[times].sqrt() * images + (1 - kept[times]).sqrt() * noise
        return Examples(torch.cat([mixed, times.float()], dim=1), noise)

    train, validation = noised(digits().train.inputs, 24), noised(digits().validation.inputs, 2)
    return Problem(train, validation, constant_squared_error(train.targets, validation.targets))


class Denoiser(nn.Module):
    """A net that sees the time as sines and cosines (Vaswani et al. 2017)."""

    def __init__(self, width: int = 128, num_waves: int = 16):
        super().__init__()
        self.register_buffer("frequencies", torch.exp(-math.log(10_000) * torch.arange(num_waves) / num_waves))
        self.layers = mlp(64 + 2 * num_waves, width, width, 64, activation=nn.SiLU)

    def forward(self, rows: Tensor) -> Tensor:
        phases = rows[:, 64:] * self.frequencies
        return self.layers(torch.cat([rows[:, :64], phases.sin(), phases.cos()], dim=1))


@cache
def _real_and_generated() -> Problem:
    """As many real digits (1) as generated ones (-1), from ten Gaussians in the first ten principal components."""
    real = digits()
    components = PCA(10, random_state=0).fit(real.train.inputs.numpy())
    mixture = GaussianMixture(10, random_state=0).fit(components.transform(real.train.inputs.numpy()))
    drawn = components.inverse_transform(mixture.sample(len(real.train.inputs) + len(real.validation.inputs))[0])
    generated = torch.tensor(drawn, dtype=torch.float32).clamp(0, 1)
    generated = generated[torch.randperm(len(generated), generator=torch.Generator().manual_seed(0))]

    def mixed(images: Tensor, imitations: Tensor) -> Examples:
        sides = torch.ones(len(images), 1)
        return Examples(torch.cat([images, imitations]) * 2 - 1, torch.cat([sides, -sides]))

    num_train = len(real.train.inputs)
    train = mixed(real.train.inputs, generated[:num_train])
    validation = mixed(real.validation.inputs, generated[num_train:])
    return Problem(train, validation, float(_hinge(torch.zeros(1), validation.targets)))


def _hinge(output: Tensor, targets: Tensor) -> Tensor:
    """The loss of a critic that is content with a margin of 1 (Lim and Ye 2017)."""
    return functional.relu(1 - targets * output).mean()


def _critic() -> nn.Sequential:
    """With leaky units (Radford et al. 2016)."""
    return mlp(64, 64, 64, 1, activation=lambda: nn.LeakyReLU(0.2))


@cache
def _five_digits(first: int) -> Problem:
    """Five of the digits, numbered from 0."""

    def chosen(examples: Examples) -> Examples:
        kept = (examples.targets >= first) & (examples.targets < first + 5)
        return Examples(examples.inputs[kept], examples.targets[kept] - first)

    return classification(chosen(digits().train), chosen(digits().validation))


class _Adapted(nn.Module):
    """A frozen linear layer and a product of two thin ones that starts at zero (Hu et al. 2021)."""

    def __init__(self, frozen: nn.Linear, rank: int = 4, scale: float = 2.0):
        super().__init__()
        self.frozen, self.scale = frozen.requires_grad_(False), scale
        self.down = nn.Linear(frozen.in_features, rank, bias=False)
        self.up = nn.Linear(rank, frozen.out_features, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.frozen(inputs) + self.scale * self.up(self.down(inputs))


def _five_way_net() -> nn.Sequential:
    return mlp(64, 128, 128, 5)


@cache
def _pretrained_weights() -> dict[str, Tensor]:
    """Trained on digits 0 to 4, the same way every time."""
    return trained_classifier(lambda: _five_digits(0), _five_way_net, lr=1e-3, num_steps=500)


def _adapted() -> nn.Sequential:
    """The pretrained net with adapters at both hidden layers, under a new classifier."""
    model = _five_way_net()
    model.load_state_dict(_pretrained_weights())
    model[0], model[2], model[4] = _Adapted(model[0]), _Adapted(model[2]), nn.Linear(128, 5)
    return model


MOVING = (
    Task(
        "diffusion",
        "diffusion",
        ("adamw", "momentum"),
        num_steps=2000,
        batch_size=32,
        load_problem=noised_digits,
        make_model=Denoiser,
        loss_fn=functional.mse_loss,
    ),
    Task(
        "critic",
        "critic",
        ("adamw", "momentum"),
        num_steps=300,
        batch_size=32,
        load_problem=_real_and_generated,
        make_model=_critic,
        loss_fn=_hinge,
    ),
    Task(
        "fitted_q",
        "learning of values",
        ("adamw", "momentum"),
        num_steps=2000,
        batch_size=32,
        load_problem=grid_world,
        make_model=Values,
        loss_fn=functional.huber_loss,
    ),
    Task(
        "low_rank_adaptation",
        "low-rank adaptation",
        ("adamw", "momentum"),
        num_steps=300,
        batch_size=16,
        load_problem=lambda: _five_digits(5),
        make_model=_adapted,
        loss_fn=functional.cross_entropy,
    ),
)

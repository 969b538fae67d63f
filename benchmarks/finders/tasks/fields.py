"""Functions of space: a photograph as a net of its coordinates, and a differential equation solved by a net."""

import math
from functools import cache

import torch
from sklearn.datasets import load_sample_image
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.finders.tasks.constants import constant_squared_error
from benchmarks.finders.tasks.data import split
from benchmarks.finders.tasks.mlps import mlp
from benchmarks.finders.tasks.task import Problem, Task


@cache
def photograph() -> Problem:
    """Colours in -1..1 of a photograph thinned to 64 x 64 pixels, at coordinates in -1..1; every fifth is held out."""
    image = load_sample_image("china.jpg")[:384:6, 100:484:6] / 127.5 - 1
    line = torch.linspace(-1, 1, 64)
    coordinates = torch.cartesian_prod(line, line).numpy()
    train, validation = split(coordinates, image.reshape(-1, 3).astype("float32"), 819)
    return Problem(train, validation, constant_squared_error(train.targets, validation.targets))


class _Sine(nn.Module):
    def forward(self, inputs: Tensor) -> Tensor:
        return torch.sin(inputs)


def sine_net() -> nn.Sequential:
    """A SIREN with the initialisation and frequency of its authors (Sitzmann et al. 2020), the frequency halved."""
    model = mlp(2, 48, 48, 3, activation=_Sine)
    for layer in (model[0], model[2], model[4]):
        bound = 15 / 2 if layer is model[0] else math.sqrt(6 / 48)
        nn.init.uniform_(layer.weight, -bound, bound)
    return model


@cache
def _oscillator() -> Problem:
    """Forces at times in 0..1 that drive u'' + 4 u' + 100 u, chosen so that u = sin(9 t) + t solves it."""
    generator = torch.Generator().manual_seed(0)
    times = torch.rand(1500, 1, generator=generator)
    forces = -81 * torch.sin(9 * times) + 4 * (9 * torch.cos(9 * times) + 1) + 100 * (torch.sin(9 * times) + times)
    train, validation = split(times.numpy(), (forces / 100).numpy(), 500)
    return Problem(train, validation, constant_squared_error(train.targets, validation.targets))


class _EquationNet(nn.Module):
    """A tanh net u of time; gives the left side of the equation, with both derivatives carried along forwards.

    Forward derivatives, in closed form, work under `no_grad` too. `t * u` starts from u(0) = 0 as the solution does.
    """

    def __init__(self, width: int = 32):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(1, width), nn.Linear(width, width), nn.Linear(width, 1)])

    def forward(self, times: Tensor) -> Tensor:
        value, first, second = times * 2 - 1, torch.full_like(times, 2.0), torch.zeros_like(times)
        for layer in self.layers:
            value, first, second = layer(value), first @ layer.weight.T, second @ layer.weight.T
            if layer is not self.layers[-1]:
                value = torch.tanh(value)
                slope = 1 - value.square()
                first, second = slope * first, slope * second - 2 * value * slope * first.square()
        value, first, second = times * value, value + times * first, 2 * first + times * second
        return (second + 4 * first + 100 * value) / 100


FIELDS = (
    Task(
        "photograph",
        "implicit field",
        ("momentum", "adamw", "lion"),
        num_steps=250,
        batch_size=128,
        load_problem=photograph,
        make_model=sine_net,
        loss_fn=functional.mse_loss,
    ),
    Task(
        "oscillator",
        "physics",
        ("momentum", "adamw", "rmsprop"),
        num_steps=300,
        batch_size=64,
        load_problem=_oscillator,
        make_model=_EquationNet,
        loss_fn=functional.mse_loss,
    ),
)

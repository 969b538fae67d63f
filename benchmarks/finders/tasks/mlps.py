"""Fully connected nets on digits: plain, deep, badly initialised, without biases, fed raw pixels, in large batches."""

from functools import cache
from itertools import pairwise

from torch import nn
from torch.nn import functional

from benchmarks.finders.tasks.data import digits
from benchmarks.finders.tasks.task import Examples, Problem, Task


def mlp(*widths: int, activation: type[nn.Module] = nn.ReLU, bias: bool = True) -> nn.Sequential:
    """Linear layers of these widths with the activation between them."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs, bias=bias), activation()]
    return nn.Sequential(*layers[:-1])


def _badly_initialised() -> nn.Sequential:
    """Weights four times too large: the first predictions are confident and wrong, at twice the loss of guessing."""
    model = mlp(64, 64, 64, 10)
    for parameter in model.parameters():
        parameter.data *= 4
    return model


def _vanishing() -> nn.Sequential:
    """Twelve layers in torch's own initialisation, in which the signal vanishes: nothing is learned for long."""
    return mlp(64, *[48] * 11, 10, activation=nn.Tanh)


def _deep() -> nn.Sequential:
    """Twelve layers, initialised so that the signal keeps its size (Glorot and Bengio 2010)."""
    model = _vanishing()
    for layer in model[::2]:
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
    return model


@cache
def _raw_digits() -> Problem:
    """Digits with a brightness of 0 to 255, as if nobody had scaled them."""
    flat = digits()
    parts = (Examples(255 * part.inputs, part.targets) for part in (flat.train, flat.validation))
    return Problem(*parts, flat.constant_loss)


MLPS = (
    Task(
        "mlp",
        "mlp",
        ("sgd", "adamw", "lion"),
        num_steps=200,
        batch_size=32,
        load_problem=digits,
        make_model=lambda: mlp(64, 64, 10),
        loss_fn=functional.cross_entropy,
    ),
    Task(
        "mlp_without_biases",
        "mlp",
        ("muon", "adamw"),
        num_steps=200,
        batch_size=32,
        load_problem=digits,
        make_model=lambda: mlp(64, 64, 64, 10, bias=False),
        loss_fn=functional.cross_entropy,
    ),
    Task(
        "deep_mlp",
        "deep mlp",
        ("momentum", "adamw"),
        num_steps=250,
        batch_size=32,
        load_problem=digits,
        make_model=_deep,
        loss_fn=functional.cross_entropy,
    ),
    Task(
        "vanishing_mlp",
        "badly initialised",
        ("adamw", "rmsprop"),
        num_steps=250,
        batch_size=32,
        load_problem=digits,
        make_model=_vanishing,
        loss_fn=functional.cross_entropy,
    ),
    Task(
        "large_batch_mlp",
        "large batch",
        ("sgd", "adamw"),
        num_steps=150,
        batch_size=400,
        load_problem=digits,
        make_model=lambda: mlp(64, 64, 10),
        loss_fn=functional.cross_entropy,
    ),
    Task(
        "raw_inputs_mlp",
        "inputs of any size",
        ("sgd", "momentum", "adamw"),
        num_steps=200,
        batch_size=32,
        load_problem=_raw_digits,
        make_model=lambda: mlp(64, 64, 10),
        loss_fn=functional.cross_entropy,
    ),
    Task(
        "badly_initialised_mlp",
        "badly initialised",
        ("sgd", "momentum", "adamw"),
        num_steps=250,
        batch_size=32,
        load_problem=digits,
        make_model=_badly_initialised,
        loss_fn=functional.cross_entropy,
    ),
)

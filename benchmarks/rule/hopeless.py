"""Searches where there is nothing to find, and counts the numbers that come out.

Run `python -m benchmarks.rule.hopeless` from the root. A right answer here is a refusal. Each trial is a whole search,
with a seed of its own. The noise is normal, uniform, heavy-tailed, skewed, or correlated from batch to batch, and
another in every ramp; or it is the batches', which are the same in every ramp and come in the order of their classes.
Or a model is trained, really, that has nothing to learn: the targets are noise, or it has learned all there is, or its
optimizer climbs.
"""

import argparse
import itertools
import json
import platform
from collections import Counter
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import nn

from benchmarks.result_files import RESULTS
from lr_finder import Curve, NoSuggestionError, RangeTest, RangeTestResult, Sweep, lr_find, search

FILE = RESULTS / "hopeless.json"

Losses = Callable[[int], np.ndarray]
Training = tuple[nn.Module, nn.Module, Callable[[], tuple[torch.Tensor, torch.Tensor]]]
"""A model, its loss and what makes a batch."""


def correlated(rng: np.random.Generator, steps: int) -> np.ndarray:
    """Noise in which each loss keeps a third of the one before."""
    noise = rng.normal(size=steps)
    for step in range(1, steps):
        noise[step] += noise[step - 1] / 3
    return noise


NOISE: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "normal": lambda rng, steps: rng.normal(size=steps),
    "uniform": lambda rng, steps: rng.uniform(size=steps),
    "heavy-tailed": lambda rng, steps: rng.standard_t(3, size=steps),
    "skewed": lambda rng, steps: rng.lognormal(size=steps),
    "correlated": correlated,
}


def search_over(losses: Losses, num_it: int | None) -> RangeTestResult:
    """A search through losses that do not depend on the rate."""

    def ramp(sweep: Sweep) -> Curve:
        test = RangeTest.over(sweep)
        for loss, _ in zip(losses(sweep.num_it), test, strict=False):
            test.record(loss)
        return test.curve

    return search(ramp, num_it=num_it)


def of_noise(kind: str, seed: int, num_it: int | None) -> RangeTestResult:
    """Losses that are nothing but noise around a level."""
    rng = np.random.default_rng(seed)
    return search_over(lambda steps: 2 + 0.3 * NOISE[kind](rng, steps), num_it)


def of_batches_in_order(seed: int, num_it: int | None) -> RangeTestResult:
    """The losses of batches of which ten in a row are alike, without any training."""
    rng = np.random.default_rng(seed)
    losses = np.repeat(rng.normal(size=100), 10) + 0.1 * rng.normal(size=1000)
    return search_over(lambda steps: losses[:steps], num_it)


def of_a_constant(seed: int, num_it: int | None) -> RangeTestResult:
    """The same loss at every step, up to the rounding of float32."""
    level = np.random.default_rng(seed).lognormal()
    return search_over(
        lambda steps: np.float32(level) * (1 + 1e-7 * np.random.default_rng(seed).normal(size=steps)), num_it
    )


def of_nan(seed: int, num_it: int | None) -> RangeTestResult:
    """Not a finite number at once, or from one of the first steps on."""
    first = seed % 8
    return search_over(lambda steps: np.where(np.arange(steps) < first, 1.0, np.nan), num_it)


def of_a_model_that_does_not_matter(seed: int, num_it: int | None) -> RangeTestResult:
    """A real training in which the loss is that of the batch, whatever the parameters are."""
    torch.manual_seed(seed)
    model = nn.Linear(4, 1)
    loader = [(torch.randn(16, 4), torch.randn(16, 1)) for _ in range(40)]

    def ignoring(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return (target**2).mean() + 0 * output.mean()

    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return lr_find(model, optimizer, ignoring, loader, num_it=num_it, progress=False)


def at_zero(layer: nn.Linear) -> nn.Linear:
    """A layer whose outputs are 0."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def _targets_are_noise(batch_size: int) -> Training:
    model = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), at_zero(nn.Linear(64, 1)))
    return model, nn.MSELoss(), lambda: (torch.randn(batch_size, 8), torch.randn(batch_size, 1))


def _targets_are_heavy_tailed(batch_size: int) -> Training:
    model, loss_fn, _ = _targets_are_noise(batch_size)
    targets = torch.distributions.StudentT(3.0)
    return model, loss_fn, lambda: (torch.randn(batch_size, 8), targets.sample((batch_size, 1)))


def _labels_are_noise(batch_size: int) -> Training:
    model = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), at_zero(nn.Linear(64, 10)))
    return model, nn.CrossEntropyLoss(), lambda: (torch.randn(batch_size, 16), torch.randint(10, (batch_size,)))


def _all_is_learned(batch_size: int) -> Training:
    model = nn.Linear(8, 1)

    def batch() -> tuple[torch.Tensor, torch.Tensor]:
        inputs = torch.randn(batch_size, 8)
        return inputs, model(inputs).detach() + torch.randn(batch_size, 1)

    return model, nn.MSELoss(), batch


UNLEARNABLE: dict[str, Callable[[int], Training]] = {
    "targets are noise": _targets_are_noise,
    "targets are heavy-tailed noise": _targets_are_heavy_tailed,
    "labels are noise": _labels_are_noise,
    "all is learned": _all_is_learned,
    "the optimizer climbs": _all_is_learned,
}
OPTIMIZERS: tuple[Callable[..., torch.optim.Optimizer], ...] = (
    partial(torch.optim.SGD, lr=0.1),
    partial(torch.optim.SGD, lr=0.1, momentum=0.9),
    torch.optim.AdamW,
)


def of_a_training(kind: str, seed: int, num_it: int | None) -> RangeTestResult:
    """A real training in which no rate takes the loss down."""
    torch.manual_seed(seed)
    model, loss_fn, batch = UNLEARNABLE[kind]((4, 16, 64)[seed % 3])
    loader = [batch() for _ in range(1000)]
    optimizer = OPTIMIZERS[seed // 3 % 3](model.parameters(), maximize="climbs" in kind)
    return lr_find(model, optimizer, loss_fn, loader, num_it=num_it, progress=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=100, help="of each kind and num_it")
    trials = parser.parse_args().trials
    torch.set_num_threads(1)
    kinds = {f"{kind} noise": lambda seed, n, kind=kind: of_noise(kind, seed, n) for kind in NOISE} | {
        "batches in order": of_batches_in_order,
        "constant": of_a_constant,
        "not finite": of_nan,
        "the model does not matter": of_a_model_that_does_not_matter,
    }
    kinds |= {kind: lambda seed, n, kind=kind: of_a_training(kind, seed, n) for kind in UNLEARNABLE}
    made, false = Counter(), Counter()
    for (name, make), num_it, seed in itertools.product(kinds.items(), (None, 60, 100, 300), range(trials)):
        made[name] += 1
        try:
            number = make(seed, num_it).suggestion
        except NoSuggestionError:
            continue
        false[name] += 1
        print(f"{name}, num_it={num_it}, seed {seed}: {number}")
    result = {
        "command": f"python -m benchmarks.rule.hopeless --trials {trials}",
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "trials": sum(made.values()),
        "false_numbers": sum(false.values()),
        "by_kind": {name: {"trials": made[name], "false_numbers": false[name]} for name in made},
    }
    print(json.dumps(result["by_kind"], indent=1))
    print(f"{result['false_numbers']} false numbers in {result['trials']} trials")
    FILE.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()

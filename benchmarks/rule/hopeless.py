"""Searches where there is nothing to find, and counts the numbers that come out.

Run `python -m benchmarks.rule.hopeless` from the root. A right answer here is a refusal. Each trial is a whole search,
with a seed of its own. The noise is normal, uniform, heavy-tailed, skewed, or correlated from batch to batch, and
another in every ramp; or it is the batches', which are the same in every ramp and come in the order of their classes.
"""

import argparse
import itertools
import json
import platform
from collections import Counter
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from benchmarks.result_files import RESULTS
from lr_finder import Curve, NoSuggestionError, RangeTest, RangeTestResult, Sweep, lr_find, search

FILE = RESULTS / "hopeless.json"

Losses = Callable[[int], np.ndarray]


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
        "command": "python -m benchmarks.rule.hopeless",
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

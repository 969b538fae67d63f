"""A small net fine-tuned at many rates, for one short and one long training: what it learns, and what it forgets.

Run `python -m benchmarks.pages.forgetting`; a minute of one core. The net can read the digits 0 to 4. It is to learn 5
to 9 from 200 examples, with a new last layer. Afterwards its old last layer is put back on: what is left of 0 to 4?
"""

import json
import platform
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from benchmarks.finders.tasks import CASES, Examples, epochs
from benchmarks.finders.tasks.fine_tuning import _digit_halves, _pretrained_weights
from benchmarks.result_files import RESULTS
from lr_finder import lr_find

FILE = RESULTS / "forgetting.json"
CASE = CASES["fine_tuned_convolution-adamw"]
RATES = tuple(float(f"{lr:.2g}") for lr in 10 ** np.arange(-5, -0.9, 1 / 3))
STEPS = (100, 1000)
SEEDS = (0, 1, 2)


class After(NamedTuple):
    """What a training leads to: the validation loss on the new digits, and the accuracy on the old ones."""

    loss: float
    old_accuracy: float


def train(lr: float, num_steps: int, seed: int) -> After:
    """Fine-tunes at a constant rate."""
    model, make_optimizer, loss_fn, loader, validate = CASE.make(seed)
    optimizer = make_optimizer(lr)
    for _, (inputs, targets) in zip(range(num_steps), epochs(loader), strict=False):
        optimizer.zero_grad()
        loss_fn(model(inputs), targets).backward()
        optimizer.step()
    return After(validate(), old_accuracy(model))


@torch.no_grad()
def old_accuracy(model: nn.Sequential) -> float:
    """How much of the old digits is read with the old last layer on top of these features."""
    images: Examples = _digit_halves().low.validation
    weight, bias = (_pretrained_weights()[f"7.{name}"] for name in ("weight", "bias"))
    logits = nn.functional.linear(model[:-1](images.inputs), weight, bias)
    return float((logits.argmax(1) == images.targets).float().mean())


def suggested(seed: int) -> dict[str, Any]:
    """What the finder says."""
    model, make_optimizer, loss_fn, loader, _ = CASE.make(seed)
    found = lr_find(model, make_optimizer(1e-3), loss_fn, loader, progress=False).suggestion
    return {"seed": seed, "lr": found.lr, "low": found.low, "high": found.high, "said": str(found)}


def main() -> None:
    """Measures all and writes the result file."""
    torch.set_num_threads(1)
    trained = []
    for num_steps in STEPS:
        for lr in RATES:
            after = [train(lr, num_steps, seed) for seed in SEEDS]
            loss, old = (float(np.mean(column)) for column in zip(*after, strict=True))
            trained.append({"steps": num_steps, "lr": lr, "loss": round(loss, 4), "old_accuracy": round(old, 4)})
            print(trained[-1], flush=True)
    untouched = CASE.make(0)
    result = {
        "command": "python -m benchmarks.pages.forgetting",
        "machine": f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}, CPU only",
        "versions": {name: version(name) for name in ("torch", "scikit-learn")},
        "seeds": SEEDS,
        "before": {"loss": untouched.validate(), "old_accuracy": old_accuracy(untouched.model)},
        "searches": [suggested(seed) for seed in SEEDS],
        "trained": trained,
    }
    FILE.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()

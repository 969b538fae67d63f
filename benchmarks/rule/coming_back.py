"""What leaving out a lower loss after one that came back is worth, on targets that nobody has scaled.

Run `python -m benchmarks.rule.coming_back` from the root; about five minutes of one core. A net with rectifiers that a
step too large has hit predicts a constant from then on, whose loss is lower than the first fall of a fast ramp. No task
of the benchmark does so as clearly, and nothing was chosen on these but that it had to be mended.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_diabetes, make_friedman1
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.result_files import RESULTS, write_rows
from lr_finder import lr_find
from lr_finder.curve import thresholds

FILE = RESULTS / "coming_back.json"
STEPS, SEEDS = 300, range(5)
RATES = 10 ** np.arange(-5, 0.01, 1 / 3)

FRIEDMAN = make_friedman1(2000, 10, noise=1.0, random_state=0)
TASKS = {
    "Friedman's function, targets of 14 ± 5": FRIEDMAN,
    "the same, targets of 114 ± 5": (FRIEDMAN[0], FRIEDMAN[1] + 100),
    "diabetes, targets of 152 ± 77": load_diabetes(return_X_y=True),
}
OPTIMIZERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "SGD": lambda parameters: torch.optim.SGD(parameters, 0.01),
    "SGD, momentum 0.9": lambda parameters: torch.optim.SGD(parameters, 0.01, momentum=0.9),
    "AdamW": lambda parameters: torch.optim.AdamW(parameters, 0.01),
}


def training(task: str, optimizer: str, seed: int) -> tuple[Any, ...]:
    """What `lr_find` takes."""
    inputs, targets = (torch.tensor(part, dtype=torch.float32) for part in TASKS[task])
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
    loader = DataLoader(TensorDataset(inputs, targets[:, None]), 64, shuffle=True)
    return model, OPTIMIZERS[optimizer](model.parameters()), nn.MSELoss(), loader


def batches_of(loader: DataLoader) -> Iterator[Any]:
    while True:
        yield from loader


def reached(task: str, optimizer: str, seed: int, lr: float) -> float:
    """The loss over all data after a training at that rate; infinite where it ran away."""
    model, stepping, loss_fn, loader = training(task, optimizer, seed)
    stepping.param_groups[0]["lr"] = lr
    for _, (inputs, targets) in zip(range(STEPS), batches_of(loader), strict=False):
        stepping.zero_grad()
        loss_fn(model(inputs), targets).backward()
        stepping.step()
    with torch.no_grad():
        loss = loss_fn(model(loader.dataset.tensors[0]), loader.dataset.tensors[1]).item()
    return loss if math.isfinite(loss) else math.inf


def suggested(task: str, optimizer: str, seed: int, clearer: float) -> float:
    """What a search says; NaN where it says nothing."""
    before, thresholds.CLEARER = thresholds.CLEARER, clearer
    try:
        result = lr_find(*training(task, optimizer, seed), progress=False)
        return result.suggestion.lr if result.has_suggestion else math.nan
    finally:
        thresholds.CLEARER = before


def row(task: str, optimizer: str) -> dict[str, Any]:
    """Mean strict regret: of what the best rate gains over the best constant output, the share that is lost."""
    constant = float(np.var(TASKS[task][1]))
    found: dict[str, list[float]] = {"lr": [], "lr without": [], "regret": [], "regret without": []}
    for seed in SEEDS:
        gains = np.array([max(constant - reached(task, optimizer, seed, lr), 0) for lr in RATES])
        for suffix, clearer in (("", thresholds.CLEARER), (" without", math.inf)):
            lr = suggested(task, optimizer, seed, clearer)
            gain = 0 if math.isnan(lr) else max(constant - reached(task, optimizer, seed, lr), 0)
            found[f"lr{suffix}"].append(float(f"{lr:.3g}"))
            found[f"regret{suffix}"].append(max(1 - gain / gains.max(), 0))
    means = {name: round(float(np.mean(found[name])), 3) for name in ("regret", "regret without")}
    return {"task": task, "optimizer": optimizer, **means, "lr": found["lr"], "lr without": found["lr without"]}


def main() -> None:
    torch.set_num_threads(1)
    rows = []
    for task in TASKS:
        for optimizer in OPTIMIZERS:
            rows.append(row(task, optimizer))
            print(rows[-1], flush=True)
    mean = {name: round(float(np.mean([one[name] for one in rows])), 3) for name in ("regret", "regret without")}
    write_rows(FILE, "python -m benchmarks.rule.coming_back", mean=[mean], rows=rows)
    print(mean)


if __name__ == "__main__":
    main()

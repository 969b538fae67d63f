"""A rate carried from a narrow network to a wide one, with muP and without: our search against a grid, over widths.

    python -m benchmarks.package.widths          # measures what is missing; about ten minutes of one processor
    python -m benchmarks.package.widths --table    # prints the table of docs/scaling.md

Networks, data and loss are those of `examples/mup_proxy.py`; without muP they are initialised as PyTorch does it, and
all layers have one rate. The best rate is the one of a grid with the lowest mean loss over the last of 200 steps.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.result_files import RESULTS, write_rows
from lr_finder import lr_find

FILE = RESULTS / "widths.json"
BASE = 64
WIDTHS = (32, 64, 128, 256, 512, 1024, 2048)
SEEDS = (0, 1, 2)
GRID = [float(f"{rate:.3g}") for rate in np.geomspace(1e-4, 0.3, 15)]
"""Four rates to the decade, about."""
STEPS, LAST = 200, 20
LOSS = nn.CrossEntropyLoss()


def network(width: int, seed: int, *, mup: bool) -> nn.Sequential:
    """Three layers; with muP the last begins at zero."""
    torch.manual_seed(seed)
    layers = [nn.Linear(64, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10)]
    if mup:
        for layer in layers[::2]:
            nn.init.normal_(layer.weight, std=layer.in_features**-0.5)
            nn.init.zeros_(layer.bias)
        nn.init.zeros_(layers[-1].weight)
    return nn.Sequential(*layers)


def optimizer_for(model: nn.Sequential, width: int, lr: float, *, mup: bool) -> torch.optim.Optimizer:
    """Adam, whose rate goes with 1 / width under muP where the inputs of a layer are as many as the width."""
    if not mup:
        return torch.optim.Adam(model.parameters(), lr=lr)
    wide_inputs = [model[2].weight, model[4].weight]
    others = [model[0].weight, *(layer.bias for layer in model[::2])]
    groups = [{"params": others, "lr": lr}, {"params": wide_inputs, "lr": lr * BASE / width}]
    return torch.optim.Adam(groups)


def loader(seed: int) -> DataLoader[Any]:
    """Batches of 64 scans."""
    images, labels = load_digits(return_X_y=True)
    data = TensorDataset(torch.tensor(images / 16, dtype=torch.float32), torch.tensor(labels))
    return DataLoader(data, batch_size=64, shuffle=True, generator=torch.Generator().manual_seed(seed))


def train(width: int, seed: int, lr: float, *, mup: bool) -> float:
    """The mean loss over the last steps; infinite where it is no number."""
    model = network(width, seed, mup=mup)
    optimizer = optimizer_for(model, width, lr, mup=mup)
    losses: list[float] = []
    while len(losses) < STEPS:
        for inputs, targets in loader(seed + len(losses)):
            optimizer.zero_grad()
            loss = LOSS(model(inputs), targets)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    last = float(np.mean(losses[STEPS - LAST : STEPS]))
    return last if np.isfinite(last) else float("inf")


def measure(width: int, *, mup: bool) -> dict[str, Any]:
    """What the search suggests, and the losses of the grid, one row for each seed."""
    suggested = []
    for seed in SEEDS:
        model = network(width, seed, mup=mup)
        result = lr_find(model, optimizer_for(model, width, 1e-3, mup=mup), LOSS, loader(seed), progress=False)
        suggested.append(float(result.suggestion))
    losses = [[train(width, seed, lr, mup=mup) for lr in GRID] for seed in SEEDS]
    return {"width": width, "mup": mup, "suggested": suggested, "losses": losses}


def table(rows: list[dict[str, Any]]) -> str:
    """For each width the best rate and the suggested one, and what the narrow network's suggestion costs there."""
    lines = ["| width | " + " | ".join(f"{kind}: best | suggested | at the suggestion of {BASE}" for kind in
             ("as PyTorch initialises", "muP")) + " |", "| --- " * 7 + "|"]  # fmt: skip
    at_base = {row["mup"]: median(row["suggested"]) for row in rows if row["width"] == BASE}
    for width in WIDTHS:
        cells = [f"{width:,}"]
        for mup in (False, True):
            row = next(row for row in rows if row["width"] == width and row["mup"] == mup)
            losses = np.mean(row["losses"], axis=0)
            carried = np.interp(np.log(at_base[mup]), np.log(GRID), losses)
            cells += [f"{GRID[int(np.argmin(losses))]:.2g}", f"{median(row['suggested']):.2g}",
                      f"{carried:.4f} ({losses.min():.4f} at the best)"]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def median(rates: list[float]) -> float:
    """That of the logarithms."""
    return float(np.exp(np.median(np.log(rates))))


def main() -> None:
    rows = json.loads(Path(FILE).read_text())["rows"] if FILE.exists() else []
    if sys.argv[1:] == ["--table"]:
        print(table(rows))
        return
    torch.set_num_threads(1)
    for width in WIDTHS:
        for mup in (False, True):
            if not any(row["width"] == width and row["mup"] == mup for row in rows):
                rows.append(measure(width, mup=mup))
                write_rows(FILE, "python -m benchmarks.package.widths", rates=[{"grid": GRID}], rows=rows)
                print(width, mup, rows[-1]["suggested"], flush=True)


if __name__ == "__main__":
    main()

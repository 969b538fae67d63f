"""What was measured for one case, and its lines in `results/truth.jsonl`, one for each schedule and seed."""

import math
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path

from benchmarks.result_files import RESULTS, add_lines, read_lines

FILE = RESULTS / "truth.jsonl"

SHARED = ("case", "family", "optimizer", "num_steps", "constant_loss", "versions")
"""Fields that every line of a case has."""

Losses = dict[float, float]
"""Final validation loss for each rate; infinite where training did not stay finite."""


@dataclass
class Truth:
    """Final validation losses of one case.

    Attributes:
        case: Name of the case.
        family: The kind of task.
        optimizer: Name of the optimizer.
        num_steps: Steps of each training.
        constant_loss: Validation loss of the best output that ignores the input.
        versions: Of Python and torch, whose generators and texts the numbers depend on.
        initial_losses: Validation loss before training, for each seed.
        curves: For each schedule and seed, the losses.
    """

    case: str
    family: str
    optimizer: str
    num_steps: int
    constant_loss: float
    versions: dict[str, str]
    initial_losses: dict[int, float] = field(default_factory=dict)
    curves: dict[str, dict[int, Losses]] = field(default_factory=dict)

    @property
    def task(self) -> str:
        """Name of the case's task."""
        return self.case.rpartition("-")[0]

    def keep(self, schedule: str, seed: int, file: Path = FILE) -> None:
        """Adds what was measured with a schedule and a seed to the file."""
        rates, losses = zip(*sorted(self.curves[schedule][seed].items()), strict=True)
        measured = {
            "initial_loss": self.initial_losses[seed],
            "rates": rates,
            "losses": [loss if math.isfinite(loss) else None for loss in losses],  # JSON has no infinity
        }
        shared = {name: getattr(self, name) for name in SHARED}
        add_lines(file, {"case": self.case, "schedule": schedule, "seed": seed} | shared | measured)


def load_truths(file: Path = FILE) -> dict[str, Truth]:
    """Every truth in the file, by the name of its case and in the order of names; seeds rise, wherever they stand."""
    truths: dict[str, Truth] = {}
    for line in sorted(read_lines(file), key=itemgetter("case", "seed")):
        truth = truths.setdefault(line["case"], Truth(*(line[name] for name in SHARED)))
        truth.initial_losses[line["seed"]] = line["initial_loss"]
        losses = (math.inf if loss is None else loss for loss in line["losses"])
        truth.curves.setdefault(line["schedule"], {})[line["seed"]] = dict(zip(line["rates"], losses, strict=True))
    return truths

"""What was measured for one case, and its file in `results/truth`."""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.result_files import RESULTS

FOLDER = RESULTS / "truth"

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

    def save(self, folder: Path = FOLDER) -> None:
        """Writes the file in one go, so that an interruption leaves the old one."""
        content = asdict(self)
        content["curves"] = {
            schedule: {seed: _to_lists(losses) for seed, losses in seeds.items()}
            for schedule, seeds in self.curves.items()
        }
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.case}.json"
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")
        unfinished.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Truth":
        """Reads what `save` wrote."""
        content = json.loads(path.read_text())
        content["initial_losses"] = {int(seed): loss for seed, loss in content["initial_losses"].items()}
        content["curves"] = {
            schedule: {int(seed): _from_lists(lists) for seed, lists in seeds.items()}
            for schedule, seeds in content["curves"].items()
        }
        return cls(**content)


def load_truths(folder: Path = FOLDER) -> Iterator[Truth]:
    """Every truth in the folder, in the order of names."""
    return (Truth.load(path) for path in sorted(folder.glob("*.json")))


def _to_lists(losses: Losses) -> dict[str, list]:
    rates = sorted(losses)
    # JSON has no infinity.
    return {"rates": rates, "losses": [losses[rate] if math.isfinite(losses[rate]) else None for rate in rates]}


def _from_lists(lists: dict[str, list]) -> Losses:
    losses = (math.inf if loss is None else loss for loss in lists["losses"])
    return dict(zip(lists["rates"], losses, strict=True))

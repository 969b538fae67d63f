"""How late a ramp shows its low point with another momentum than the rule was made with.

Run `python -m benchmarks.rule.momentum` from the root. It trains the tasks with optimizers whose momentum is not the
customary one, at every rate of a grid, searches for their rates, and finds which constant, divided by the square root
of the steps per decade, would have been the best divisor for each momentum. None of these trainings was used to choose
the rule. What is in `results/momentum_truth.jsonl` and `results/momentum_landmarks.jsonl` already is skipped.
"""

import json
import os
from dataclasses import asdict, dataclass

import numpy as np

from benchmarks.finders.regret import RegretCurve, regret_curve
from benchmarks.finders.tasks import MOMENTUM_CASES, Case
from benchmarks.finders.truth import SEEDS, be_modest, measure
from benchmarks.finders.truth_file import load_truths
from benchmarks.result_files import RESULTS, add_lines, read_lines
from lr_finder import lr_find
from lr_finder.curve.clear_reading import clear_reading_or_none
from lr_finder.curve.momentum import averaged_steps
from lr_finder.curve.thresholds import LAG_FACTOR, TYPICAL_MOMENTUM

TRUTHS = RESULTS / "momentum_truth.jsonl"
LANDMARKS = RESULTS / "momentum_landmarks.jsonl"
FILE = RESULTS / "momentum.json"

NUM_ITS = (100, 300)
CONSTANTS = 10 ** np.arange(0.4, 2.41, 0.05)


@dataclass(frozen=True)
class Landmark:
    """What a search showed, before it is divided for the steps per decade and the momentum.

    Attributes:
        case: Name of the case.
        seed: Of the model and the order of the data.
        num_it: Steps planned.
        momentum: That of the optimizer.
        lr: The middle of the basin; None where nothing can be read.
        steps_per_decade: Of the ramp that was read; None likewise.
    """

    case: str
    seed: int
    num_it: int
    momentum: float
    lr: float | None
    steps_per_decade: float | None

    @property
    def optimizer(self) -> str:
        """Its name."""
        return self.case.rpartition("-")[2]

    def divided_by(self, constant: float) -> float:
        """The suggestion with this constant for the momentum."""
        assert self.lr is not None, "something was read"
        assert self.steps_per_decade is not None, "something was read"
        return self.lr / max(constant / np.sqrt(self.steps_per_decade), 1)


def constant_for(momentum: float) -> float:
    """That of the rule."""
    return LAG_FACTOR * float(np.cbrt(averaged_steps(momentum)))


def search(case: Case, seed: int, num_it: int) -> Landmark:
    """What a search for the rate of a case shows."""
    model, make_optimizer, loss_fn, loader, _ = case.make(seed)
    curve = lr_find(model, make_optimizer(1e-3), loss_fn, loader, num_it=num_it, progress=False).curve
    reading = clear_reading_or_none(curve)
    assert curve.momentum is not None, "every optimizer here tells it"
    if reading is None:
        return Landmark(case.name, seed, num_it, curve.momentum, None, None)
    return Landmark(case.name, seed, num_it, curve.momentum, reading.middle, reading.steps_per_decade)


def summarise(shown: list[Landmark], truths: dict[str, RegretCurve]) -> dict[str, float]:
    """The best constant for searches with one momentum, and the regret with that, with the rule's and with 0.9's."""
    read = [landmark for landmark in shown if landmark.lr is not None]

    def regret(constant: float) -> float:
        return float(np.mean([truths[landmark.case].at(landmark.divided_by(constant)) for landmark in read]))

    best = min(CONSTANTS, key=regret)
    momentum = shown[0].momentum
    return {
        "averaged_steps": round(averaged_steps(momentum)),
        "searches": len(shown),
        "refusals": round(1 - len(read) / len(shown), 3),
        "best_constant": round(float(best), 1),
        "constant": round(float(constant_for(momentum)), 1),
        "regret_with_the_best": round(regret(best), 4),
        "regret": round(regret(constant_for(momentum)), 4),
        "regret_as_if_not_known": round(regret(constant_for(TYPICAL_MOMENTUM)), 4),
    }


def main() -> None:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    be_modest()
    shown = [Landmark(**line) for line in read_lines(LANDMARKS)]
    known = {(landmark.case, landmark.seed, landmark.num_it) for landmark in shown}
    for seed in SEEDS[:2]:
        for name, case in MOMENTUM_CASES.items():
            print(measure(name, "constant", seed, TRUTHS) or f"{name} seed {seed}: there already", flush=True)
            found = [search(case, seed, num_it) for num_it in NUM_ITS if (name, seed, num_it) not in known]
            add_lines(LANDMARKS, *map(asdict, found))
            shown += found
    truths = {case: regret_curve(truth, "constant") for case, truth in load_truths(TRUTHS).items()}
    summary = {
        f"{optimizer}, num_it={num_it}": summarise(
            [landmark for landmark in shown if (landmark.optimizer, landmark.num_it) == (optimizer, num_it)], truths
        )
        for optimizer in dict.fromkeys(landmark.optimizer for landmark in shown)
        for num_it in NUM_ITS
    }
    result = {"command": "python -m benchmarks.rule.momentum", "summary": summary}
    print(json.dumps(result, indent=1))
    FILE.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()

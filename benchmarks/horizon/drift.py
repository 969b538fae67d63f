"""Whether a training's own drift tells its law: how far its best rate fell from 250 to 1,000 steps, carried on.

Run `python -m benchmarks.horizon.drift` from the root, after `horizon.truth`; takes seconds. The best rates are those
of the truth, from whole trainings at every rate: no probes could know them as well.
"""

from collections import defaultdict
from typing import Any

import numpy as np

from benchmarks.horizon.law import Regrets, family_of, own_truth
from benchmarks.result_files import RESULTS, write_rows
from lr_finder.curve.schedule import LAWS

RESULT = RESULTS / "drift.json"
FROM, TO = 250, 1000
LONG = (4000, 8000)
WEIGHTS = (0.0, 0.25, 0.5, 1.0)


def rows() -> list[dict[str, Any]]:
    """For each kind of optimizer and length: the regret of carrying on from the best rate of 1,000 steps.

    By how much a training's own drift weighs against the law.
    """
    truth: dict[str, dict[int, Regrets]] = defaultdict(dict)
    for (case, schedule, batch_factor, steps), regrets in own_truth().items():
        if (schedule, batch_factor) == ("constant", 1.0):
            truth[case][steps] = regrets
    found = []
    for family in ("adaptive", "momentum", "plain"):
        cases = [lengths for case, lengths in truth.items() if family_of(case) == family]
        law = LAWS["constant"]
        first = np.array([slope(lengths, FROM, TO) for lengths in cases])
        for steps in LONG:
            own = (steps / TO) ** first
            expected = law.factor(steps) / law.factor(TO)
            costs = {
                str(weight): round(
                    float(
                        np.mean(
                            [
                                lengths[steps].at(lengths[TO].best * drift**weight * expected ** (1 - weight))
                                for lengths, drift in zip(cases, own, strict=True)
                            ]
                        )
                    ),
                    4,
                )
                for weight in WEIGHTS
            }
            later = [slope(lengths, TO, steps) for lengths in cases]
            found.append(
                {
                    "optimizers": family,
                    "steps": steps,
                    "cases": len(cases),
                    "correlation of the drifts": round(float(np.corrcoef(first, later)[0, 1]), 2),
                    "regret by weight of the own drift": costs,
                }
            )
    return found


def slope(lengths: dict[int, Regrets], before: int, after: int) -> float:
    """The exponent of the length by which the best rate changed."""
    return float(np.log(lengths[after].best / lengths[before].best) / np.log(after / before))


def main() -> None:
    found = rows()
    print("\n".join(map(str, found)))
    write_rows(RESULT, "python -m benchmarks.horizon.drift", rows=found)


if __name__ == "__main__":
    main()

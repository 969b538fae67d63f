"""How the best rate depends on the batch size: exponents, and what each costs, on the tasks trained in other batches.

Run `python -m benchmarks.horizon.batches` from the root, after `horizon.truth`; takes seconds.
"""

from collections import defaultdict
from typing import Any

import numpy as np

from benchmarks.horizon.law import Regrets, family_of, own_truth
from benchmarks.result_files import RESULTS, write_rows
from lr_finder.curve.batch_size import exponent_of

RESULT = RESULTS / "batches.json"
EXPONENTS = (0.0, 0.2, 0.3, 0.5, 0.7, 1.0)


def rows() -> list[dict[str, Any]]:
    """For each kind of optimizer, factor on the batch and number of steps: from the best rate of the usual batch."""
    truth = own_truth()
    cells: dict[Any, list[tuple[Regrets, float]]] = defaultdict(list)
    for (case, schedule, factor, steps), regrets in truth.items():
        if factor != 1:
            usual = truth[case, schedule, 1.0, steps].best
            cells[family_of(case), factor, steps].append((regrets, usual))
    found = []
    for (family, factor, steps), measured in sorted(cells.items()):

        def cost(exponent: float, factor: float = factor, measured: Any = measured) -> float:
            return round(float(np.mean([regrets.at(usual * factor**exponent) for regrets, usual in measured])), 4)

        exponents = [np.log(regrets.best / usual) / np.log(factor) for regrets, usual in measured]
        found.append(
            {
                "optimizers": family,
                "times as large": factor,
                "steps": steps,
                "cases": len(measured),
                "median exponent": round(float(np.median(exponents)), 2),
                "its deviation": round(float(np.std(exponents)), 2),
                "regret by exponent": {str(exponent): cost(exponent) for exponent in EXPONENTS},
                "regret of the package's": cost(exponent_of(factor, is_adaptive=family == "adaptive")),
            }
        )
    return found


def main() -> None:
    found = rows()
    print("\n".join(map(str, found)))
    write_rows(RESULT, "python -m benchmarks.horizon.batches", rows=found)


if __name__ == "__main__":
    main()

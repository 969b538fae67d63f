"""How far the interval, the confidence and the constants of the default rule can be trusted.

Reads the answers of `python -m benchmarks.finders.ours`; run `python -m benchmarks.rule.calibration` from the root. How
the interval was fitted is in `benchmarks/rule/interval.py`.
"""

import json

import numpy as np

from benchmarks.finders.answers import Answer, Answers, load_all
from benchmarks.finders.regret import RegretCurve, regret_curve, standard_error
from benchmarks.finders.truth_file import Truth, load_truths
from benchmarks.result_files import RESULTS

FILE = RESULTS / "calibration.json"

GOOD = 0.05
"""A rate with at most this regret is a good one."""

FACTORS = 10 ** np.arange(-1.0, 1.01, 0.05)


def least_regret(curve: RegretCurve, low: float, high: float) -> float:
    """The least regret of the rates in an interval."""
    inside = np.geomspace(low, high, 200)
    return min(curve.at(rate) for rate in inside)


def of_interval(answers: list[Answer], curves: dict[str, RegretCurve]) -> dict[str, float]:
    """How often the interval holds the best rate and a good one, and how wide it is."""
    best = [a.low <= curves[a.case].best_rate <= a.high for a in answers]
    holds = [least_regret(curves[a.case], a.low, a.high) <= GOOD for a in answers]
    return {
        "holds_the_best_rate": round(float(np.mean(best)), 3),
        "holds_a_good_rate": round(float(np.mean(holds)), 3),
        "median_width_in_decades": round(float(np.median([np.log10(a.high / a.low) for a in answers])), 3),
    }


def of_confidence(answers: list[Answer], curves: dict[str, RegretCurve]) -> dict[str, dict[str, float]]:
    """For each level: how often it was said, the mean regret, and how often more than a fifth is lost."""
    levels = {}
    for level in ("high", "medium", "low"):
        regrets = np.array([curves[a.case].at(a.lr) for a in answers if a.confidence == level])
        if len(regrets):
            levels[level] = {
                "share": round(len(regrets) / len(answers), 3),
                "regret": round(float(regrets.mean()), 3),
                "share_above_0.2": round(float((regrets > 0.2).mean()), 3),
            }
    return levels


def held_out(answers: list[Answer], truths: dict[str, Truth], curves: dict[str, RegretCurve]) -> dict[str, float]:
    """The regret when the rule's constant, a factor on every rate, is chosen on the other tasks alone."""
    tasks = [truths[a.case].task for a in answers]
    regrets = np.array([[curves[a.case].at(a.lr * factor) for factor in FACTORS] for a in answers])
    chosen, factors = [], []
    for index, task in enumerate(tasks):
        others = regrets[[other != task for other in tasks]].mean(0)
        factors.append(FACTORS[others.argmin()])
        chosen.append(regrets[index, others.argmin()])
    return {
        "regret": round(float(np.mean(chosen)), 4),
        "regret_error": round(standard_error(np.array(chosen), tasks), 4),
        "regret_as_it_is": round(float(np.mean([curves[a.case].at(a.lr) for a in answers])), 4),
        "factors": sorted({round(float(factor), 2) for factor in factors}),
    }


def drift(few: Answers, many: Answers) -> dict[str, float]:
    """How far the suggestion moves with the number of steps, in decades."""
    rates = {(a.case, a.seed): a.lr for a in few.given if a.lr is not None}
    moved = [np.log10(a.lr / rates[a.case, a.seed]) for a in many.given if a.lr and (a.case, a.seed) in rates]
    return {
        "median_distance": round(float(np.median(np.abs(moved))), 3),
        "median": round(float(np.median(moved)), 3),
        "answers": len(moved),
    }


def main() -> None:
    truths = {truth.case: truth for truth in load_truths().values() if "constant" in truth.curves}
    curves = {case: regret_curve(truth, "constant") for case, truth in truths.items()}
    asked = load_all()
    result = {"command": "python -m benchmarks.rule.calibration", "finders": {}}
    for name, answers in asked.items():
        given = [a for a in answers.given if a.lr is not None and a.case in curves]
        if not given or "constant" not in answers.schedules:
            continue
        row: dict[str, object] = {"held_out": held_out(given, truths, curves)}
        if all(a.low is not None for a in given):
            row |= {"interval": of_interval(given, curves), "confidence": of_confidence(given, curves)}
        result["finders"][name] = row
    if {"lr_finder, num_it=100", "lr_finder, num_it=1000"} <= set(asked):
        result["drift_from_100_to_1000_steps"] = drift(asked["lr_finder, num_it=100"], asked["lr_finder, num_it=1000"])
    print(json.dumps(result, indent=1))
    FILE.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Whether it pays to look again from where the first steps at the answer lead: what came of it, and why it is left out.

Run `python -m benchmarks.rule.looking_ahead` from the root; what is in `results/looking_ahead.jsonl` is skipped. Each
case is searched, trained for 20 steps at the answer, and ramped again from there in 100 steps, from a third of the
answer to 300 times as much. The second answer is then taken where it is the higher one, or half-way to it.
"""

import json
import math
import os

import numpy as np
import torch

from benchmarks.finders.regret import RegretCurve
from benchmarks.finders.tasks import CASES, Case, epochs
from benchmarks.result_files import RESULTS, add_lines, read_lines
from benchmarks.rule.ramps import SEEN, regret_curves
from lr_finder import RangeTest, lr_find

RECORDED, FILE = RESULTS / "looking_ahead.jsonl", RESULTS / "looking_ahead.json"

LEAD, STEPS = 20, 100
BELOW, ABOVE = 3, 300


def record(case: Case, num_it: int) -> dict[str, object]:
    """The answers from the start and from where 20 steps at the first one lead; None for a refusal."""
    model, make_optimizer, loss_fn, loader, _ = case.make(0)
    found = lr_find(model, make_optimizer(1e-3), loss_fn, loader, num_it=num_it, progress=False)
    line = {"case": case.name, "num_it": num_it, "first": None, "second": None, "confidence": None}
    if not found.has_suggestion:
        return line
    lr = found.suggestion.lr
    line |= {"first": lr, "confidence": found.suggestion.confidence}
    optimizer = make_optimizer(lr)
    batches = epochs(loader)

    def step(lr: float) -> float:
        inputs, targets = next(batches)
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.zero_grad()
        loss = loss_fn(model(inputs), targets)
        loss.backward()
        optimizer.step()
        return loss.item()

    if not all(math.isfinite(step(lr)) for lr in [lr] * LEAD):
        return line
    test = RangeTest(lr / BELOW, lr * ABOVE, STEPS, momentum=found.curve.momentum)
    for rate in test:
        test.record(step(rate))
    return line | {"second": test.result.suggestion.lr if test.result.has_suggestion else None}


def summary(lines: list[dict], curves: dict[str, RegretCurve]) -> dict[str, float]:
    """The regrets of the first answer, of the higher one, and of the mean of both in decades where that is higher."""
    first, higher, half = [], [], []
    for line in lines:
        curve, lr = curves[line["case"]], line["first"]
        better = max(lr, line["second"] or 0.0)
        first.append(curve.at(lr))
        higher.append(curve.at(better))
        half.append(curve.at(math.sqrt(lr * better)))
    changed = sum((line["second"] or 0.0) > line["first"] for line in lines)
    means = {"first": first, "higher": higher, "half_way": half}
    return {"searches": len(lines), "changed": changed} | {
        name: round(float(np.mean(regrets)), 4) for name, regrets in means.items() if regrets
    }


def main() -> None:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    torch.set_num_threads(1)
    known = {(line["case"], line["num_it"]) for line in read_lines(RECORDED)}
    for num_it in (100, 200):
        for case in SEEN.values():
            if (case.name, num_it) not in known:
                add_lines(RECORDED, record(case, num_it))
    curves = regret_curves()
    lines = [line for line in read_lines(RECORDED) if line["first"] is not None]
    result: dict[str, object] = {"command": "python -m benchmarks.rule.looking_ahead", "more_steps": LEAD + STEPS}
    for num_it in (100, 200):
        for name, is_own in (("own", True), ("wider", False)):
            of = [line for line in lines if line["num_it"] == num_it and (line["case"] in CASES) == is_own]
            result[f"{name}, num_it={num_it}"] = summary(of, curves)
            sure = [line for line in of if line["confidence"] != "low"]
            result[f"{name}, num_it={num_it}, confidence high or medium"] = summary(sure, curves)
    print(json.dumps(result, indent=1))
    FILE.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()

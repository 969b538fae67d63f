"""Prints how every finder does, and writes it to `results`. Run `python -m benchmarks.finders.table` from the root."""

import json
from dataclasses import asdict

import numpy as np

from benchmarks.finders import readme, without_a_rate
from benchmarks.finders.answers import Answers, load_all
from benchmarks.finders.baselines import best_constant_elsewhere, random_rate, usual_constant
from benchmarks.finders.ours import SEARCHES, for_one_cycle
from benchmarks.finders.regret import Score, Summary, noise_floor, score, standard_error, summarise
from benchmarks.finders.tasks import CASES, LATER
from benchmarks.finders.truth import SCHEDULES, SEEDS
from benchmarks.finders.truth_file import Truth, load_truths
from benchmarks.result_files import RESULTS

CONSTANTS = (1e-1, 1e-2, 1e-3, 3e-4)
"""Rates that people use whatever the optimizer."""

HEADINGS = (
    "finder", "answers", "regret", "strict regret", "share > 0.5", "refusals", "regret, refusals as 1", "decades off",
    "within 3x", "spread over seeds", "steps",
)  # fmt: skip


def all_answers() -> list[Answers]:
    """What every finder said, and the peaks of one-cycle that follow from what this package's searches said."""
    asked = list(load_all().values())
    return [*asked, *(for_one_cycle(answers) for answers in asked if answers.finder in SEARCHES)]


def score_all(answers: Answers, truths: dict[str, Truth], schedule: str) -> list[Score]:
    """Scores of a finder's answers about the cases that have a truth."""
    return [
        score(truths[answer.case], schedule, answer.lr, answer.steps)
        for answer in answers.given
        if answer.case in truths
    ]


def summaries(
    truths: dict[str, Truth], schedule: str, also_known: dict[str, Truth] | None = None
) -> dict[str, Summary]:
    """The baselines' and every asked finder's summary over the cases of `truths`, best first.

    The baselines are chosen on `also_known` too.
    """
    known = list((truths | (also_known or {})).values())
    suggested = {
        "usual constant: 1e-3 for Adam, 1e-1 for SGD": {truth.case: usual_constant(truth) for truth in truths.values()},
        "best constant per optimizer on the other tasks": {
            truth.case: best_constant_elsewhere(truth, known, schedule) for truth in truths.values()
        },
        "random rate, log-uniform 1e-6 .. 10": {truth.case: random_rate(truth) for truth in truths.values()},
    } | {f"{rate:g} for every optimizer": dict.fromkeys(truths, rate) for rate in CONSTANTS}
    scores = {
        name: [score(truths[case], schedule, lr) for case, lr in rates.items()] for name, rates in suggested.items()
    }
    scores |= {
        answers.finder: score_all(answers, truths, schedule)
        for answers in all_answers()
        if schedule in answers.schedules
    }
    rows = {name: summarise(given) for name, given in scores.items()}
    return dict(sorted(rows.items(), key=lambda row: row[1].regret_with_refusals))


def as_markdown(rows: dict[str, Summary]) -> str:
    """The summaries as a table."""
    lines = [" | ".join(HEADINGS), " | ".join("---" for _ in HEADINGS)]
    for name, row in rows.items():
        cells = (
            name,
            f"{row.num_answers}",
            f"{row.regret:.3f} ± {row.regret_error:.3f}",
            f"{row.strict_regret:.3f} ± {row.strict_error:.3f}",
            f"{row.share_above_half:.3f}",
            f"{row.refusals:.3f}",
            f"{row.regret_with_refusals:.3f}",
            f"{row.decades:.2f}",
            f"{row.within_3x:.2f}",
            "-" if np.isnan(row.spread) else f"{row.spread:.2f}",
            f"{row.steps:.0f}",
        )
        lines.append(" | ".join(cells))
    return "\n".join(f"| {line} |" for line in lines)


def describe_noise_floor(truths: dict[str, Truth], schedule: str) -> str:
    """The noise floor in a sentence."""
    floors = {truth.case: (truth.task, noise_floor(truth, schedule)) for truth in truths.values()}
    regrets = np.array([regret for _, own in floors.values() for regret in own])
    tasks = [task for task, own in floors.values() for _ in own]
    strict = np.mean([noise_floor(truth, schedule, strict=True) for truth in truths.values()])
    return (
        f"Noise floor, the best rate of other seeds on a fresh seed: {regrets.mean():.3f} ± "
        f"{standard_error(regrets, tasks):.3f}, strict {strict:.3f}."
    )


def trained_instead(truths: dict[str, Truth]) -> dict[str, Summary]:
    """Optimizers without a rate, and AdamW at found and at usual rates, on the AdamW cases; best first."""
    chosen = {case: truth for case, truth in truths.items() if truth.optimizer == "adamw"}
    compared = {
        f"AdamW, {name}": row
        for name, row in summaries(chosen, "constant").items()
        if name.startswith(("lr_finder", "usual constant", "best constant"))
    }
    rows = compared | without_a_rate.summaries(chosen, without_a_rate.load())
    return dict(sorted(rows.items(), key=lambda row: row[1].regret_with_refusals))


def main() -> None:
    """Prints and writes one table for each schedule, over the cases measured with all seeds."""
    numbers: dict[str, dict] = {}
    by_schedule: dict[str, dict[str, Summary]] = {}
    later_by_schedule: dict[str, dict[str, Summary]] = {}
    pages = ["# Regret\n\nWritten by `python -m benchmarks.finders.table`; `README.md` says what the columns mean.\n"]
    for schedule in SCHEDULES:
        truths = {
            case: truth for case, truth in load_truths().items() if len(truth.curves.get(schedule, {})) == len(SEEDS)
        }
        if not truths:
            print(f"{schedule}: no case has {len(SEEDS)} seeds yet; run python -m benchmarks.finders.truth")
            continue
        rows = summaries(truths, schedule)
        by_schedule[schedule] = rows
        numbers[schedule] = {name: asdict(row) for name, row in rows.items()}
        pages.append(
            f"## {schedule}: {len(truths)} cases\n\n{as_markdown(rows)}\n\n{describe_noise_floor(truths, schedule)}\n"
        )
        later = {name: truth for name, truth in truths.items() if CASES[name].task in LATER}
        rows = summaries(later, schedule, truths)
        later_by_schedule[schedule] = rows
        numbers[f"{schedule}, later tasks"] = {name: asdict(row) for name, row in rows.items()}
        pages.append(f"## {schedule}, the later tasks alone: {len(later)} cases\n\n{as_markdown(rows)}\n")
        if schedule == "constant":
            rows = trained_instead(truths)
            numbers["trained instead"] = {name: asdict(row) for name, row in rows.items()}
            instead = readme.trained_instead(rows)
            pages.append(f"## Trained with instead of a search: the AdamW cases, constant rate\n\n{instead}\n")
            readme.fill("trained instead", instead)
    readme.fill("overview", readme.overview(by_schedule))
    readme.fill("later", readme.overview(later_by_schedule))
    page = "\n".join(pages)
    print(page)
    (RESULTS / "regret.md").write_text(page)
    (RESULTS / "regret.json").write_text(json.dumps(numbers, indent=1) + "\n")


if __name__ == "__main__":
    main()

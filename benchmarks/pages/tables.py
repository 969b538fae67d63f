"""Puts what was measured into the pages, between the comments that name it. Run `python -m benchmarks.pages.tables`."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from textwrap import fill as wrapped
from typing import Any

from click.testing import CliRunner

from benchmarks.finders.readme import fill
from benchmarks.pages.figures import fine_tuned
from benchmarks.result_files import RESULTS
from lr_finder.cli import main as lr_find

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def gallery() -> dict[str, str]:
    """For each curve of the gallery what it is, its picture, and what the finder said."""
    curves = json.loads((RESULTS / "gallery.json").read_text())["curves"]
    return {name: _curve(name, curve) for name, curve in curves.items()}


def _curve(name: str, curve: dict[str, Any]) -> str:
    picture = f"![The curve: {name.replace('_', ' ')}](../benchmarks/results/figures/curve_{name}.svg)"
    headline = f"**{curve['suggestion'] or 'No suggestion'}**, after {curve['steps']} steps. "
    said = wrapped(headline + curve["reason"], 118, break_long_words=False, break_on_hyphens=False)
    quoted = "\n".join(f"> {line}" for line in said.splitlines())
    return f"{curve['what']}\n\n{picture}\n\n{quoted}"


CHOICES = {
    "lr_finder": "`lr_find(...)`",
    "lr_finder, num_it=100": "`num_it=100`",
    "lr_finder, num_it=300": "`num_it=300`",
    "lr_finder, probes=5": "`probes=5`",
    "lr_finder, probes=5, validate": "`probes=5, validate=...`",
}
"""What is compared on the page about choosing, as the results name it and as it is written."""

LEVELS = ("high", "medium", "low")
"""Of confidence."""


CONSTANT = "best constant per optimizer on the other tasks"

OTHERS = {
    "fastai 2, minimum, num_it=300": "fastai 2, minimum, `num_it=300`",
    "fastai 2, valley": "fastai 2, valley (its default)",
    CONSTANT: "the best constant per optimizer of the other tasks",
    "torch-lr-finder, 1e-7 .. 10": "torch-lr-finder, 1e-7 .. 10",
    "Ignite, num_iter=100": "Ignite, 100 steps",
    "Lightning": "Lightning",
}
"""Other ways to a rate, as the results name them and as the pages do."""

OWN = ["lr_finder", *(f"lr_finder, num_it={steps}" for steps in (100, 50, 300, 1000))]
OWN += ["lr_finder, probes=5", "lr_finder, probes=5, validate"]


def _written(name: str) -> str:
    """A search or another way as the pages write it."""
    return OTHERS.get(name) or CHOICES.get(name) or f"`{name.removeprefix('lr_finder, ')}`"


def own_cases() -> str:
    """How good each choice and each other finder is, on the cases that the rule was chosen on."""
    measured = json.loads((RESULTS / "regret.json").read_text())
    one_cycle = measured["one_cycle"]
    lines = []
    for name in (*OWN, *OTHERS):
        row = measured["constant"][name]
        peak = one_cycle.get(f"{name}, schedule('one_cycle')") or one_cycle[name]
        lines.append(
            (
                _written(name),
                f"{row['regret']:.3f} ± {row['regret_error']:.3f}",
                f"{row['strict_regret']:.3f}",
                f"{row['share_above_half']:.1%}",
                f"{row['refusals']:.1%}",
                f"{row['steps']:.0f}",
                f"{peak['regret']:.3f}",
            )
        )
    return _table(("", "regret", "strict regret", "above 0.5", "refusals", "steps", "one-cycle"), lines)


def confidence() -> str:
    """What an interval and a confidence are worth there."""
    measured = json.loads((RESULTS / "calibration.json").read_text())["finders"]
    lines = []
    for name in (name for name in OWN if name != "lr_finder, num_it=50"):
        interval, levels = measured[name]["interval"], measured[name]["confidence"]
        by_level = [f"{levels[level]['regret']:.3f} in {levels[level]['share']:.0%}" for level in LEVELS]
        held, width = f"{interval['holds_the_best_rate']:.0%}", f"{interval['median_width_in_decades']:.2f}"
        lines.append((_written(name), held, width, *by_level))
    return _table(("", "holds the best rate", "median width", *LEVELS), lines)


def intervals() -> str:
    """How often intervals hold the best rate whose width is told by this or that, fitted on other tasks."""
    measured = json.loads((RESULTS / "interval.json").read_text())
    rows = {name.replace(" (the default)", ", fitted"): found for name, found in measured["held_out"].items()}
    rows["clearness, with the constants above (the default)"] = measured["as_it_is"]
    lines = []
    for name, found in rows.items():
        by_steps = ", ".join(f"{share:.0%}" for share in found["by_steps"].values())
        widths = " and ".join(f"{found['median_width'][part]:.2f}" for part in ("own", "wider"))
        lines.append((name, f"{found['own']:.0%}", f"{found['wider']:.0%}", by_steps, widths))
    return _table(("half width from", "own", "wider", "climbs of 40, 80, 160, 240 steps", "median width"), lines)


def front_page() -> dict[str, str]:
    """The tables of the README: on the tasks that nothing was chosen on, and on those that the rule was."""
    own = json.loads((RESULTS / "regret.json").read_text())["constant"]
    unseen = json.loads((RESULTS / "wider.json").read_text())["unseen"]
    new, known = [], []
    for name in ("lr_finder", "lr_finder, num_it=100", "lr_finder, num_it=300", "lr_finder, probes=5", CONSTANT):
        row = unseen[name]
        cells = f"{row['regret']:.3f}", _refused(row), f"{_answered(row):.3f}", f"{row['steps']}"
        new.append((_in_readme(name), *cells))
    for name in ("lr_finder, probes=5", "lr_finder, num_it=300", "lr_finder", "lr_finder, num_it=100", *OTHERS):
        row = own[name]
        shares = f"{row['refusals']:.1%}", f"{row['share_above_half']:.1%}"
        known.append((_in_readme(name), f"{row['regret']:.3f}", *shares, f"{row['steps']:.0f}"))
    return {
        "unseen": _table(("", "mean regret", "refused", "where it answers", "steps"), new),
        "own": _table(("", "mean regret", "refused", "more than half lost", "steps"), known),
    }


def _in_readme(name: str) -> str:
    if name == "lr_finder":
        return "**lr_finder**"
    return f"lr_finder, {_written(name)}" if name in OWN else _written(name)


def _refused(row: dict[str, Any]) -> str:
    return f"{row['refused']} of {row['searches']}"


def _answered(row: dict[str, Any]) -> float:
    """The mean regret where there was an answer, of one in which a refusal counts as 1."""
    return (row["regret"] * row["searches"] - row["refused"]) / (row["searches"] - row["refused"])


def worth() -> str:
    """Regret and steps of each choice, on the cases that the rule was chosen on and on those it was not."""
    own = json.loads((RESULTS / "regret.json").read_text())["constant"]
    unseen = json.loads((RESULTS / "wider.json").read_text())["unseen"]
    headings = ("", "regret", "refused", "steps", "unseen: regret", "refused", "where it answers", "steps")
    lines = []
    for name, written in CHOICES.items():
        known, new = own[name], unseen[name]
        lines.append(
            (
                written,
                f"{known['regret_with_refusals']:.3f}",
                f"{known['refusals']:.1%}",
                f"{known['steps']:.0f}",
                f"{new['regret']:.3f}",
                _refused(new),
                f"{_answered(new):.3f}",
                f"{new['steps']}",
            )
        )
    return _table(headings, lines)


def promises(part: str) -> str:
    """What an interval and a confidence are worth on the wider tasks, "seen" or "unseen"."""
    measured = json.loads((RESULTS / "wider.json").read_text())[part]
    constant = measured[CONSTANT]["regret"]
    headings = ("", "regret, refusals as 1", "refused", "steps", "holds the best rate", "median width", *LEVELS)
    rows = [[written, *_promise(measured[name])] for name, written in CHOICES.items()]
    rows.append([OTHERS[CONSTANT], f"{constant:.3f}", "", "0", *[""] * 5])
    rows.append(["the noise floor", f"{measured['noise floor']:.3f}", *[""] * 7])
    return _table(headings, rows)


def _promise(found: dict[str, Any]) -> list[str]:
    answered = found["searches"] - found["refused"]
    by_level = [
        f"{level['regret']:.3f} in {level['searches'] / answered:.0%}" if level["searches"] else "none"
        for level in (found[name] for name in LEVELS)
    ]
    held, width = f"{found['holds_the_best']:.0%}", f"{found['median_width']:.2f}"
    return [f"{found['regret']:.3f}", _refused(found), f"{found['steps']}", held, width, *by_level]


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table as Markdown has it."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (headings, ["---"] * len(headings), *rows))


def coming_back() -> str:
    """What leaving out a lower loss after one that came back is worth: the regret with that and without."""
    measured = json.loads((RESULTS / "coming_back.json").read_text())["rows"]
    lines = [
        (row["task"], row["optimizer"], f"{row['regret']:.3f}", f"{row['regret without']:.3f}") for row in measured
    ]
    return _table(("task", "optimizer", "regret", "without"), lines)


def warmups() -> str:
    """What is lost with each way to warm up, mean and worst, where a training fails without and where it does not."""
    measured = json.loads((RESULTS / "warmup.json").read_text())["summary"]
    ways = {"none": "no warm-up", "customary": "5 %", "as advised": "as advised", "100 steps": "100 steps"}
    lines = []
    for found in sorted(measured, key=lambda found: not found["fails without"]):
        kind = "others" if not found["fails without"] else "that fail" if found["cases"] > 1 else "that fails"
        peak = "the law's" if found["times the peak"] == 1 else "twice that"
        lost = [f"{found[way][0]:.3f}, {found[way][1]:.2f}" for way in ways]
        lines.append((f"{found['steps']:,}", peak, f"{found['cases']} {kind}", *lost))
    return _table(("steps", "peak", "cases", *ways.values()), lines)


def fine_tuning() -> str:
    """What trainings at each rate learn and forget, as a table."""
    headings = (
        "rate",
        "loss, constant",
        "accuracy",
        "neighbours found",
        "loss, falling",
        "accuracy",
        "neighbours found",
    )
    lines = []
    falling = {row["lr"]: row for row in fine_tuned("linear")}
    for row in fine_tuned("constant"):
        lines.append([f"{row['lr']:.0e}".replace("e-0", "e-"), *_learned(row), *_learned(falling.get(row["lr"]))])
    return _table(headings, lines)


def _learned(row: dict[str, float] | None) -> list[str]:
    if row is None:
        return ["-"] * 3
    loss = "not finite" if math.isnan(row["loss"]) else f"{row['loss']:.2f}"
    return [loss, f"{row['accuracy']:.0%}", f"{row['neighbours_found']:.0%}"]


def forgetting() -> str:
    """The same of the small net."""
    trained = json.loads((RESULTS / "forgetting.json").read_text())["trained"]
    rates = sorted({row["lr"] for row in trained})
    cells = {(row["steps"], row["lr"]): (f"{row['loss']:.2f}", f"{row['old_accuracy']:.0%}") for row in trained}
    headings = ("rate", "100 steps: loss", "old digits read", "1,000 steps: loss", "old digits read")
    lines = [[f"{lr:.1e}".replace("e-0", "e-"), *cells[100, lr], *cells[1000, lr]] for lr in rates]
    return _table(headings, lines)


def variants(part: str) -> str:
    """The regret of what else could be read from the same ramps, "landmarks", or divided by, "divisors"."""
    measured = json.loads((RESULTS / "variants.json").read_text())
    own, wider = (measured[which][part] for which in ("own", "wider"))
    named = {"landmarks": "read from the curve", "divisors": "divided by a constant and"}[part]
    lengths = [steps for steps in next(iter(own.values())) if steps != "constant"]
    rows = []
    for name in own:
        regrets = [f"{found[name][steps]:.3f}" for found in (own, wider) for steps in lengths]
        rows.append([name, *regrets, *(f"{found[name]['constant']:.0f}" for found in (own, wider))])
    headings = [f"{which}{steps}" for which in ("own, ", "wider, ") for steps in lengths]
    return _table((named, *headings, "constant, own", "constant, wider"), rows)


def momenta() -> str:
    """The divisor of each momentum, in use and the best one, and the regret with either."""
    found = json.loads((RESULTS / "momentum.json").read_text())["summary"]
    named = {
        "adamw_m0": "AdamW, 0",
        "sgd_m0.5": "SGD, 0.5",
        "rmsprop_m0.9": "RMSprop, 0.9",
        "sgd_m0.99": "SGD, 0.99",
        "adamw_m0.99": "AdamW, 0.99",
    }
    headings = (
        "momentum",
        "divided by, over √(steps per decade)",
        "the best would be",
        "regret with the best",
        "regret",
        "if it were not known",
        "refused",
    )
    rows = []
    for optimizer, written in named.items():
        by_steps = [found[f"{optimizer}, num_it={steps}"] for steps in (100, 300)]
        columns = [
            " and ".join(format(row[column], shape) for row in by_steps)
            for column, shape in (
                ("best_constant", ".0f"),
                ("regret_with_the_best", ".3f"),
                ("regret", ".3f"),
                ("regret_as_if_not_known", ".3f"),
                ("refusals", ".0%"),
            )
        ]
        rows.append([written, f"{by_steps[0]['constant']:.1f}", *columns])
    return _table(headings, rows)


def looking_ahead() -> str:
    """The regret of the first answer, of the higher of two, and of what lies half-way between them."""
    measured = json.loads((RESULTS / "looking_ahead.json").read_text())
    headings = ("searched with", "searches", "second answer higher", "first", "the higher", "half-way")
    rows = []
    for name, found in measured.items():
        if isinstance(found, dict):
            regrets = (f"{found[which]:.4f}" for which in ("first", "higher", "half_way"))
            rows.append([name, str(found["searches"]), str(found["changed"]), *regrets])
    return _table(headings, rows)


WAYS = {
    "one rate, from usual rates": "one rate, usual ratio",
    "one rate, from equal rates": "one rate, equal",
    "one rate, from the best rates": "one rate, the best ratio",
    "by_group=True, from usual rates": "`by_group=True`",
    "one rate, then each beside the other, from usual rates": "each beside the other",
    "one rate, then short trainings, from usual rates": "by short trainings",
}
"""To the rates of two parameter groups, as the results name them and as the page does."""


def groups() -> str:
    """The regret of each way to the rates of two groups, and the steps it takes."""
    measured = json.loads((RESULTS / "groups.json").read_text())
    rows = [
        [
            name,
            "yes" if found["chosen on it"] else "no",
            *(_regret_and_steps(found["regret and steps"][way]) for way in WAYS),
        ]
        for name, found in measured.items()
        if name != "command"
    ]
    return _table(("training", "chosen on it", *WAYS.values()), rows)


def _regret_and_steps(found: list[float]) -> str:
    regret, steps = found
    return f"{regret:.3f} ({steps:.0f})"


FAMILIES = {"adaptive": "AdamW, Lion", "momentum": "SGD, momentum 0.9", "plain": "plain SGD"}
SCHEDULES = {
    "constant": "constant",
    "cosine": "cosine",
    "linear": "linear",
    "wsd": "WSD",
    "one_cycle": "one-cycle",
    "inverse_sqrt": "inverse square root",
}
HORIZON_COLUMNS = ("as measured", "doubled", "law", "law, from the best rate", "fitted elsewhere")
LENGTHS = (250, 1000, 4000, 8000)
"""Steps, of those that were measured."""


def horizon() -> str:
    """What a suggestion is worth in longer trainings and under schedules, carried over or not."""
    measured = json.loads((RESULTS / "horizon.json").read_text())["own tasks"]
    rows = {(row["optimizers"], row["schedule"], row["steps"]): row for row in measured}
    headings = (
        *(
            "optimizer",
            "schedule",
            "steps",
            "cases",
            "as measured",
            "doubled",
            "the law",
            "the law, from the best rate",
        ),
        *("fitted elsewhere", "interval holds the best"),
    )
    lines = []
    for family, optimizers in FAMILIES.items():
        for kind, schedule in SCHEDULES.items():
            for row in (rows[family, kind, steps] for steps in LENGTHS if (family, kind, steps) in rows):
                regrets = [f"{row[name]:.3f}" for name in HORIZON_COLUMNS]
                regrets[2] = f"**{regrets[2]}**"
                holds = f"{row['interval holds the best']:.0%}"
                lines.append([optimizers, schedule, f"{row['steps']:,}", str(row["cases"]), *regrets, holds])
    return _table(headings, lines)


def horizon_held_out() -> str:
    """The law's own constants, chosen on the other tasks."""
    measured = json.loads((RESULTS / "horizon.json").read_text())["held out"]
    lines = []
    for row in measured:
        constant = "knee" if "knee" in row else "peak"
        chosen = ", ".join(f"{value:g} ({count})" for value, count in sorted(Counter(row[constant]).items()))
        regrets = [f"{row[name]:.3f}" for name in ("as measured", "law", "chosen on the other tasks")]
        lines.append([SCHEDULES[row["schedule"]], *regrets, f"{constant} {chosen}"])
    return _table(
        ("schedule", "as measured", "the law", "chosen on the other tasks", "what they choose (tasks)"), lines
    )


def commands() -> dict[str, str]:
    """What each command says of itself, by the words that call it."""
    called = ["lr-find", *(f"lr-find {command}" for command in ("run", "demo", "show", "compare"))]
    return {name: _help(name, name.split()[1:]) for name in called}


def _help(name: str, words: list[str]) -> str:
    said = CliRunner().invoke(lr_find, [*words, "--help"], prog_name="lr-find", terminal_width=80).output
    shown = "\n".join(line.rstrip() for line in said.splitlines())
    return f"```text\n$ {name} --help\n{shown}\n```"


def main() -> None:
    """Fills every page that has results."""
    for name, text in gallery().items():
        fill(name, text, DOCS / "how-to-read-a-curve.md")
    fill("worth", worth(), DOCS / "how-to-choose.md")
    for name, text in front_page().items():
        fill(name, text, ROOT / "README.md")
    suggestion = DOCS / "how-the-suggestion-works.md"
    fill("own cases", own_cases(), suggestion)
    fill("intervals", intervals(), suggestion)
    fill("confidence", confidence(), suggestion)
    for part in ("seen", "unseen"):
        fill(f"promises {part}", promises(part), suggestion)
    for part in ("landmarks", "divisors"):
        fill(part, variants(part), suggestion)
    fill("momenta", momenta(), suggestion)
    fill("coming back", coming_back(), suggestion)
    fill("looking ahead", looking_ahead(), suggestion)
    fill("groups", groups(), suggestion)
    fill("horizon", horizon(), DOCS / "how-long-will-you-train.md")
    fill("horizon held out", horizon_held_out(), DOCS / "how-long-will-you-train.md")
    fill("warm-ups", warmups(), DOCS / "how-long-will-you-train.md")
    fill("fine-tuning", fine_tuning(), DOCS / "fine-tuning.md")
    fill("forgetting", forgetting(), DOCS / "fine-tuning.md")
    for name, text in commands().items():
        fill(name, text, DOCS / "reference" / "command-line.md")


if __name__ == "__main__":
    main()

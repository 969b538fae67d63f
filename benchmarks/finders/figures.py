"""Draws the figures of `README.md` from the results. Run `python -m benchmarks.finders.figures`, after `table`."""

import json

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from benchmarks.finders.answers import load_all
from benchmarks.finders.regret import regret_curve
from benchmarks.finders.truth_file import load_truths
from benchmarks.result_files import RESULTS

FOLDER = RESULTS / "figures"

BLUE, SKY, ORANGE, GREEN, VERMILION, PURPLE = "#0072b2", "#56b4e9", "#e69f00", "#009e73", "#d55e00", "#cc79a7"
GREY = "#666666"
"""Colours that colour-blind readers can tell apart (Okabe and Ito 2008), and a grey."""

SHOWN_CASES = (
    "wine-sgd", "residual_net-momentum", "batch_norm_convolution-adamw",
    "vision_transformer-adamw", "gru_characters-sgd", "fine_tuned_transformer-adamw",
)  # fmt: skip
SHOWN_FINDERS = {
    # A ring, which shows others that gave the same rate.
    "lr_finder": {"color": BLUE, "marker": "o", "ms": 11, "mfc": "none", "mew": 2, "zorder": 4},
    "fastai 2, minimum, num_it=300": {"color": ORANGE, "marker": "s", "ms": 8, "mec": "white", "mew": 0.8},
    "fastai 2, valley": {"color": GREEN, "marker": "^", "ms": 8, "mec": "white", "mew": 0.8},
    "torch-lr-finder, 1e-7 .. 100": {"color": PURPLE, "marker": "D", "ms": 8, "mec": "white", "mew": 0.8},
    "Lightning": {"color": VERMILION, "marker": "v", "ms": 8, "mec": "white", "mew": 0.8},
}
"""Whose suggestions are marked on the truth, and how."""


def draw_finders(numbers: dict[str, dict]) -> Figure:
    """Regret and steps of every finder, a row each; ours in blue, its rules on one plain ramp in light blue.

    Args:
        numbers: For each finder, the fields of its `Summary`.
    """
    rows = sorted(numbers.items(), key=lambda row: -row[1]["regret_with_refusals"])
    figure = Figure(figsize=(9, 0.25 * len(rows) + 1.2), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 1))
    for height, (name, row) in enumerate(rows):
        colour = _colour(name, row)
        left.plot([row["regret"], row["regret_with_refusals"]], [height] * 2, color=colour, lw=0.8, ls=":")
        left.plot(row["regret_with_refusals"], height, "|", color=colour, ms=8)
        left.errorbar(row["regret"], height, xerr=row["regret_error"], fmt="o", ms=4, color=colour, capsize=2)
        right.barh(height, row["steps"], color=colour, height=0.6)
    left.set_yticks(range(len(rows)), [name for name, _ in rows])
    for label, (name, _) in zip(left.get_yticklabels(), rows, strict=True):
        label.set_fontweight("bold" if name.startswith("lr_finder") else "normal")
    left.set_xlim(left=0)
    left.set_xlabel("mean regret ± standard error\n(small bar: each refusal counted as 1)")
    right.set_xlabel("optimizer steps,\nmean")
    for ax in (left, right):
        _clean(ax, "x")
    return figure


def _colour(name: str, row: dict) -> str:
    if name.startswith(("lr_finder", "rule ")):
        return BLUE if name.startswith("lr_finder") else SKY
    return ORANGE if row["steps"] else GREY


def draw_truth(cases: tuple[str, ...] = SHOWN_CASES) -> Figure:
    """Regret over the rate for some cases, with what finders suggest there for the first seed."""
    given = {finder: answers.given for finder, answers in load_all().items()}
    truths = load_truths()
    figure = Figure(figsize=(9, 5.4), layout="constrained")
    axes = figure.subplots(2, 3, sharey=True)
    for ax, case in zip(axes.flat, cases, strict=True):
        curve = regret_curve(truths[case], "constant")
        ax.plot(10**curve.log_rates, curve.regrets, color=GREY, lw=1.5, zorder=1)
        for finder, style in SHOWN_FINDERS.items():
            rates = [answer.lr for answer in given.get(finder, []) if (answer.case, answer.seed) == (case, 0)]
            for rate in filter(None, rates):
                ax.plot(rate, curve.at(rate), clip_on=False, **style)
        ax.set_xscale("log")
        rates = np.geomspace(*ax.get_xlim(), 200)
        ax.plot(rates, [curve.at(rate) for rate in rates], color=GREY, lw=1, ls=":", zorder=0)  # beyond the grid
        ax.xaxis.set_major_locator(LogLocator(numticks=6))
        ax.set_title(case.replace("_", " "), fontsize=10)
        ax.set_ylim(-0.03, 1.03)
        _clean(ax, "both")
    for ax in axes[1]:
        ax.set_xlabel("learning rate")
    for ax in axes[:, 0]:
        ax.set_ylabel("regret")
    marks = [axes[0, 0].plot(np.nan, np.nan, label=name, ls="", **style)[0] for name, style in SHOWN_FINDERS.items()]
    figure.legend(handles=marks, loc="outside lower center", ncols=3, frameon=False)
    return figure


def _clean(ax: Axes, grid: str) -> None:
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis=grid, color="#dddddd", lw=0.6)
    ax.set_axisbelow(True)


def main() -> None:
    """Draws all figures; the same results give the same files."""
    rcParams["svg.hashsalt"] = "lr_finder"
    FOLDER.mkdir(parents=True, exist_ok=True)
    numbers = json.loads((RESULTS / "regret.json").read_text())["constant"]
    for name, figure in {"finders": draw_finders(numbers), "truth": draw_truth()}.items():
        path = FOLDER / f"{name}.svg"
        figure.savefig(path, metadata={"Date": None})
        print(path)


if __name__ == "__main__":
    main()

"""Draws how the best rate falls with the length of a training, and the laws: `results/figures/horizon.svg`.

Run `python -m benchmarks.horizon.figure` from the root, after `horizon.truth` and `horizon.answers`; takes seconds.
"""

from collections import defaultdict

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from benchmarks.horizon.law import family_of, own_truth, suggestions
from benchmarks.result_files import RESULTS
from lr_finder.curve.schedule import LAWS

FILE = RESULTS / "figures" / "horizon.svg"
PANELS = {"adaptive": "AdamW and Lion", "momentum": "SGD with momentum 0.9"}
COLORS = {"constant": "#0072B2", "cosine": "#D55E00"}


def main() -> None:
    suggested = suggestions()
    measured = defaultdict(list)
    for (case, schedule, batch_factor, steps), regrets in own_truth().items():
        if batch_factor == 1 and schedule in COLORS:
            measured[family_of(case), schedule, steps] += [regrets.best / given.lr for given in suggested[case]]
    mpl.rcParams.update({"svg.hashsalt": "lr_finder", "font.size": 9})
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    for axes, (family, title) in zip(figure.subplots(1, 2, sharey=True), PANELS.items(), strict=True):
        for schedule, color in COLORS.items():
            lengths = sorted(steps for one, kind, steps in measured if (one, kind) == (family, schedule))
            low, middle, high = (
                [np.quantile(measured[family, schedule, steps], share) for steps in lengths]
                for share in (0.25, 0.5, 0.75)
            )
            places = np.array(lengths) * (1 if schedule == "constant" else 1.06)
            axes.vlines(places, low, high, color=color, alpha=0.5, linewidth=4)
            axes.plot(places, middle, "o", color=color, label=f"best, {schedule} (median, half of the cases)")
            span = np.geomspace(200, 20_000, 60)
            style = "-" if schedule == "constant" else "--"
            axes.plot(span, [LAWS[schedule].factor(int(steps)) for steps in span], style, color=color, label="law")
        axes.set(xscale="log", yscale="log", title=title, xlabel="steps of the training")
        axes.axhline(1, color="grey", linewidth=0.8)
    figure.axes[0].set_ylabel("rate over the suggestion")
    figure.axes[0].legend(frameon=False, fontsize=8)
    figure.savefig(FILE, metadata={"Date": None})


if __name__ == "__main__":
    main()

"""The main figures look as they did when somebody last looked at them.

After a change that is meant, look at what `UPDATE_IMAGES=1 scripts/test tests/report/test_images.py` wrote to
tests/report/images, and commit it.
"""

import os
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.testing.compare import compare_images

from curves import valley_curve
from lr_finder import Curve, RangeTestResult, compare
from lr_finder.curve.probe import Probe

IMAGES = Path(__file__).parent / "images"
TOLERANCE = 1.0
"""Root mean square of the differences in grey levels; where the dot of the suggestion is missing it is 2.2."""

pytestmark = pytest.mark.skipif(
    matplotlib.__version_info__[:2] < (3, 10), reason="older releases lay text out in another way"
)

RESULT = RangeTestResult(valley_curve(noise=0.02), steps_taken=200)
PROBES = tuple(Probe(lr, np.array([2.3, 1.0]), None, fall, rank) for rank, (lr, fall) in enumerate(
    [(6e-3, 1.4), (2e-3, 1.3), (2e-2, 0.9)], 1
))  # fmt: skip


def two_groups():
    curve = valley_curve(noise=0.02)
    return RangeTestResult(Curve(curve.lrs, curve.losses, np.outer(curve.lrs, [0.1, 1.0]), curve.stop_reason), 200)


def small_subplots():
    figure, axes = plt.subplots(2, 2, figsize=(8, 6), layout="constrained")
    for ax in axes.flat:
        RESULT.plot(ax)
    return figure


def dark():
    with plt.style.context("dark_background"):
        return RESULT.plot().figure


FIGURES = {
    "suggestion": lambda: RESULT.plot().figure,
    "probes": lambda: replace(RESULT, probes=PROBES).plot().figure,
    "groups": lambda: two_groups().plot().figure,
    "no_suggestion": lambda: RangeTestResult(Curve(np.geomspace(1e-6, 1, 60), np.full(60, 0.7)), 60).plot().figure,
    "dark": dark,
    "subplots": small_subplots,
    "comparison": lambda: (
        compare({"AdamW": RESULT, "SGD": RangeTestResult(valley_curve(start=1e-4, noise=0.05), 200)}).plot().figure
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_the_main_figures_look_as_they_did(name, tmp_path):
    expected, drawn = IMAGES / f"{name}.png", tmp_path / f"{name}.png"
    figure = FIGURES[name]()
    figure.savefig(drawn, dpi=70, metadata={"Software": None})
    plt.close(figure)
    if os.environ.get("UPDATE_IMAGES"):
        expected.write_bytes(drawn.read_bytes())
    difference = compare_images(str(expected), str(drawn), TOLERANCE)
    assert difference is None, difference

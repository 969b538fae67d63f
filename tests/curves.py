"""Curves with known landmarks."""

import numpy as np

from lr_finder import Curve, StopReason


def valley_curve(steps: int = 200, start: float = 1e-6, end: float = 10.0, noise: float = 0.0, seed: int = 0) -> Curve:
    """A loss of 2.3 that falls around 1e-3, is lowest at 1e-2 and runs away above 0.1."""
    decades = np.linspace(np.log10(start), np.log10(end), steps)
    losses = 2.3 - 2.0 / (1 + 10 ** (-2.5 * (decades + 3))) + 10 ** (1.5 * (decades + 1.5)) * 0.05
    losses += noise * np.random.default_rng(seed).normal(size=steps)
    return Curve(10**decades, losses, stop_reason=StopReason.DIVERGED)

"""Equality of data that holds arrays and NaN."""

from dataclasses import fields
from typing import Any

import numpy as np


def are_equal(one: Any, other: Any) -> bool:
    """Whether two dataclasses are of one kind and hold the same, where NaN is the same as NaN."""
    return type(one) is type(other) and all(
        _is_same(getattr(one, field.name), getattr(other, field.name)) for field in fields(one) if field.compare
    )


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) != isinstance(other, np.ndarray):
        return False
    if isinstance(one, np.ndarray):
        return one.size == other.size == 0 or np.array_equal(one, other, equal_nan=True)
    both_nan = one != one and other != other
    return bool(both_nan or one == other)

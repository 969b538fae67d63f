"""Batches as JAX takes them: the tensors of other frameworks, as a loader of torch gives them, become arrays."""

from typing import Any

import jax
import numpy as np

NUMBERS = (bool, int, float, complex)


def as_arrays(batch: Any) -> Any:
    """A batch with an array or a number at every leaf.

    Raises:
        TypeError: There is something else in it.
    """
    return jax.tree.map(_as_array, batch)


def _as_array(leaf: Any) -> Any:
    if isinstance(leaf, (jax.Array, *NUMBERS)):
        return leaf
    array = np.asarray(leaf) if hasattr(leaf, "__array__") else None
    if array is None or array.dtype.kind not in "biufcV":  # V: bfloat16, and others that JAX adds to NumPy
        kind = type(leaf).__name__ if array is None else f"an array of {array.dtype}"
        raise TypeError(f"batches must hold arrays and numbers, got {kind}; leave it out: (batch[0], batch[1])")
    return array

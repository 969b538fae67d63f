"""How a result came about: what it takes to search again."""

import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

PACKAGES = (
    *("lr_finder", "numpy", "torch", "lightning", "pytorch_lightning", "transformers", "accelerate", "fastai"),
    *("skorch", "ignite", "keras", "tensorflow", "jax", "optax", "flax", "equinox"),
)
"""Whose version is taken down where they are loaded."""


@dataclass(frozen=True)
class Record:
    """When, with which versions and with which options a search was made.

    Args:
        date: When it began, in UTC, as ISO 8601 has it.
        versions: That of Python and of each framework that was loaded.
        options: Those of the search that were given.
    """

    date: str
    versions: dict[str, str]
    options: dict[str, Any]

    @classmethod
    def now(cls, options: Mapping[str, Any]) -> "Record":
        """That of a search which begins now; of its options those that are None were left out."""
        loaded = {name: getattr(sys.modules.get(name), "__version__", None) for name in PACKAGES}
        return cls(
            date=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            versions={"python": platform.python_version()}
            | {name: str(version) for name, version in loaded.items() if version is not None},
            options={name: _plain(value) for name, value in options.items() if value is not None},
        )


def _plain(value: Any) -> Any:
    """An option as JSON has it: several rates as a list, a function by its name, anything else as it is written."""
    if isinstance(value, (bool, int, float, str)):
        return value
    if hasattr(value, "tolist"):  # an array or a tensor of any kind, or a number of NumPy's
        return value.tolist()
    if isinstance(value, Sequence):
        return [_plain(item) for item in value]
    return getattr(value, "__name__", None) or str(value)

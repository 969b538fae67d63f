"""What a ramp trained, as far as an integration can tell: for the record, not for the search."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, TypeAlias

Setting: TypeAlias = float | list[float]


@dataclass(frozen=True)
class Training:
    """The optimizer and the batches of a training.

    Args:
        optimizer: Name of its class, several joined by "and"; None where that is not known.
        groups: The numbers that each parameter group was set to before the search, the rate among them.
        batch_size: Samples per optimizer step in one process; None where that is not known.
        seed: That of the framework's random numbers; None where that is not known.
    """

    optimizer: str | None = None
    groups: tuple[dict[str, Setting], ...] = ()
    batch_size: int | None = None
    seed: int | None = None

    @classmethod
    def of(cls, optimizers: Sequence[Any], *, batch_size: int | None = None, seed: int | None = None) -> "Training":
        """That of optimizers with `param_groups`, as in torch."""
        names = " and ".join(type(optimizer).__name__ for optimizer in optimizers)
        groups = [settings_of(group) for optimizer in optimizers for group in optimizer.param_groups]
        return cls(names, tuple(groups), batch_size, seed)


def settings_of(group: Mapping[str, Any]) -> dict[str, Setting]:
    """The settings of a parameter group that are finite numbers, or several of them such as `betas`."""
    found: dict[str, Setting] = {}
    for name, value in group.items():
        if _is_number(value):
            found[name] = float(value)
        elif name == "lr" and hasattr(value, "item"):  # a tensor
            found[name] = float(value.item())
        elif isinstance(value, (list, tuple)) and value and all(_is_number(item) for item in value):
            found[name] = [float(item) for item in value]
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)

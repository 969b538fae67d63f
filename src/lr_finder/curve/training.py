"""What a ramp trained, as far as an integration can tell: for the record, not for the search."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, TypeAlias

from lr_finder.curve.horizon import Horizon

Setting: TypeAlias = float | list[float]


@dataclass(frozen=True)
class Training:
    """The optimizer and the batches of a training.

    Args:
        optimizer: Name of its class, several joined by "and"; None where that is not known.
        groups: The numbers that each parameter group was set to before the search, the rate among them.
        batch_size: Samples per optimizer step in one process; None where that is not known.
        seed: That of the framework's random numbers; None where that is not known.
        horizon: How long it is to be and how its rate is to run, where a trainer knows that.
        optimizers: The name of each parameter group's optimizer, where there are several; else empty.
    """

    optimizer: str | None = None
    groups: tuple[dict[str, Setting], ...] = ()
    batch_size: int | None = None
    seed: int | None = None
    horizon: Horizon | None = None
    optimizers: tuple[str, ...] = ()

    @property
    def is_adaptive(self) -> bool | None:
        """Whether the optimizer scales each step by the size of its gradients, as Adam does and SGD does not.

        By its name: whatever is not called after SGD is taken for adaptive. None where there is no name.
        """
        return None if self.optimizer is None else "sgd" not in self.optimizer.lower()

    @property
    def momentum(self) -> float:
        """The largest that a parameter group is set to; 0 where none is."""
        return max((number_in(group, "momentum") for group in self.groups), default=0.0)

    @classmethod
    def of(cls, optimizers: Sequence[Any], **known: Any) -> "Training":
        """That of optimizers with `param_groups`, as in torch; `known` are the other fields."""
        names = " and ".join(type(optimizer).__name__ for optimizer in optimizers)
        groups = [settings_of(group) for optimizer in optimizers for group in optimizer.param_groups]
        return cls(names, tuple(groups), optimizers=optimizer_names(optimizers), **known)


def number_in(group: Mapping[str, Setting], name: str) -> float:
    """A setting of a parameter group; 0 where it has none of that name, or several numbers."""
    value = group.get(name, 0.0)
    return 0.0 if isinstance(value, list) else value


def optimizer_names(optimizers: Sequence[Any]) -> tuple[str, ...]:
    """For each group its optimizer's class, and a number where several are of one; nothing for a single optimizer."""
    if len(optimizers) < 2:
        return ()
    kinds = [type(optimizer).__name__ for optimizer in optimizers]
    names = []
    for number, (optimizer, kind) in enumerate(zip(optimizers, kinds, strict=True), 1):
        name = kind if kinds.count(kind) == 1 else f"{kind} {kinds[:number].count(kind)}"
        names += [name] * len(optimizer.param_groups)
    return tuple(names)


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

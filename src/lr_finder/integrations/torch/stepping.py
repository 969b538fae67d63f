"""What counts as an optimizer, whatever it is built like, and being called before each of its steps."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from torch.optim import Optimizer


def is_optimizer(thing: Any) -> bool:
    """Whether a thing has what a training uses of an optimizer: one of torch, or one that is built like those."""
    return not isinstance(thing, type) and all(hasattr(thing, name) for name in ("param_groups", "step", "zero_grad"))


def with_wrapped(optimizer: Any) -> list[Any]:
    """An optimizer and those that it wraps, innermost last: of SAM, a training may step the inner one alone."""
    found = [optimizer]
    for outer in found:
        inner = getattr(outer, "__dict__", {}).values()
        found += [thing for thing in inner if is_optimizer(thing) and not any(thing is known for known in found)]
    return found


def before_each_step(optimizer: Any, call: Callable[..., None]) -> Callable[[], object]:
    """Has a function called before each step of an optimizer, whatever arguments that has.

    By torch's own hook where the optimizer has it. One that wraps another without calling `Optimizer.__init__`, as many
    a Lookahead, or that only looks like one of torch, has none: its `step` is replaced for the time.

    Returns:
        What ends that.

    Raises:
        TypeError: The optimizer can't be watched.
    """
    if _has_hooks(optimizer):
        return optimizer.register_step_pre_hook(call).remove
    if not hasattr(optimizer, "__dict__"):
        kind = type(optimizer).__name__
        raise TypeError(f"optimizer must be one whose steps can be seen, got {kind}; give the one that it wraps")
    step, own = optimizer.step, vars(optimizer)
    before = {"step": own["step"]} if "step" in own else {}

    @wraps(step)
    def watched(*arguments: Any, **keywords: Any) -> Any:
        call()
        return step(*arguments, **keywords)

    def end() -> None:
        own.pop("step", None)
        own.update(before)

    own["step"] = watched
    return end


def _has_hooks(optimizer: Any) -> bool:
    # torch marks the `step` of a class that calls hooks when one of its objects is initialized.
    is_hooked = hasattr(getattr(type(optimizer), "step", None), "hooked")
    return isinstance(optimizer, Optimizer) and is_hooked and "_optimizer_step_pre_hooks" in vars(optimizer)

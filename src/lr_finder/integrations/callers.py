"""What runs a callback: frameworks hand little of it to the callback, and a search before a training needs it all."""

import inspect
from typing import Any


def locals_of_caller(kind: type, method: str | None = None) -> dict[str, Any]:
    """The variables of the innermost method that is running on an object of a class: `self`, and its arguments.

    Args:
        kind: The class.
        method: The name of the method; any where left out.

    Raises:
        RuntimeError: No such method is running.
    """
    frame = inspect.currentframe()
    while frame is not None:
        if isinstance(frame.f_locals.get("self"), kind) and method in (None, frame.f_code.co_name):
            return dict(frame.f_locals)
        frame = frame.f_back
    raise RuntimeError(f"a callback that searches must be called by {kind.__name__}.{method or 'train'}(), and was not")

"""What to train, from the user's own file: `train.py:make`."""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

FIRST_ARGUMENT = ("training", "model", "step")
"""In a dictionary, what is trained stands under one of these names."""


@contextmanager
def training_from(target: str) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    """What `FILE.py:FUNCTION` returns, as positional and keyword arguments of `lr_find`.

    The file's directory can be imported from inside the block, as when Python runs the file.

    Raises:
        ValueError: There is no such file, or no such function in it.
        TypeError: The function cannot be called without arguments, or returns a dictionary without anything to train.
    """
    path, name = _split(target)
    with _loaded(path) as module:
        make = getattr(module, name, None)
        if not callable(make):
            raise ValueError(f"{path} has no function {name!r}")
        yield arguments_of(make())


def arguments_of(made: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Spreads what the function returned: a tuple into positional arguments, a dictionary into keywords.

    A tuple may end in a dictionary of keywords: `step, {"optimizer": optimizer}`. Anything else is the one argument.

    >>> arguments_of(("step", {"optimizer": "sgd"}))
    (('step',), {'optimizer': 'sgd'})
    """
    if isinstance(made, dict):
        keywords = dict(made)
        first = [keywords.pop(name) for name in FIRST_ARGUMENT if name in keywords]
        if len(first) != 1:
            raise TypeError(f"a dictionary must hold exactly one of {', '.join(FIRST_ARGUMENT)}, got {sorted(made)}")
        return tuple(first), keywords
    if not isinstance(made, tuple):
        return (made,), {}
    if len(made) > 1 and isinstance(made[-1], dict):
        return made[:-1], made[-1]
    return made, {}


def _split(target: str) -> tuple[Path, str]:
    file, colon, name = target.rpartition(":")
    if not colon or not name.isidentifier() or not file.endswith(".py"):
        raise ValueError(f"expected FILE.py:FUNCTION, got {target!r}")
    path = Path(file)
    if not path.is_file():
        raise ValueError(f"there is no file {file!r}")
    return path, name


@contextmanager
def _loaded(path: Path) -> Iterator[ModuleType]:
    """The file as a module, known by its name so that data-loading processes find what it defines."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None  # the name ends in .py
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(path.stem)
    sys.modules[path.stem] = module
    sys.path.insert(0, str(path.parent.resolve()))
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(path.parent.resolve()))
        del sys.modules[path.stem]
        if before is not None:
            sys.modules[path.stem] = before

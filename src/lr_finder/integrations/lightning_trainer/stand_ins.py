"""What stands in for a trainer's loggers and callbacks in a trial: of the same classes, holding the same, and idle."""

import inspect
from collections.abc import Callable, Iterator
from copy import copy
from functools import cache
from pathlib import Path
from typing import Any


class Silence:
    """Takes everything and does nothing: what a logger's experiment is in a trial. As a path it is the folder."""

    def __init__(self, folder: Path):
        self._folder = folder

    def __getattr__(self, name: str) -> "Silence":
        if name.startswith("__"):  # what Python asks for, such as how to be copied
            raise AttributeError(name)
        return self

    def __call__(self, *_: Any, **__: Any) -> "Silence":
        """Whatever is called answers with itself."""
        return self

    def __getitem__(self, _: Any) -> "Silence":
        return self

    def __setitem__(self, _: Any, __: Any) -> None:
        pass

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __enter__(self) -> "Silence":
        return self

    def __exit__(self, *_: Any) -> None:
        pass

    def __fspath__(self) -> str:
        return str(self._folder)

    __str__ = __fspath__


def idle_logger(logger: Any, folder: Path) -> Any:
    """A logger that logs nothing, and says that it does so in the folder."""
    return _stand_in(logger, _idle_logger_class(type(logger)), _folder_of_trial=folder)


def idle_callback(callback: Any, base: type, folder: Path) -> Any:
    """A callback that hears of nothing, and would save its checkpoints in the folder; `base` is Lightning's class."""
    held = {"dirpath": str(folder / "checkpoints")} if "dirpath" in vars(callback) else {}
    return _stand_in(callback, _idle_callback_class(type(callback), base), **held)


def _stand_in(thing: Any, kind: type, **held: Any) -> Any:
    """An object of an idle class with what the thing holds; collections are its own, so that the user's stay."""
    twin = object.__new__(kind)
    for name, value in vars(thing).items():
        if name not in vars(kind):  # a method that was set on the object would not be idle
            vars(twin)[name] = copy(value) if isinstance(value, (dict, list, set)) else value
    vars(twin).update(held)
    return twin


@cache
def _idle_logger_class(kind: Any) -> type:
    def silence(self: Any, *_: Any, **__: Any) -> Silence:
        return Silence(self._folder_of_trial)

    def save_dir(self: Any) -> Any:
        where = kind.save_dir.fget(self)
        return None if where is None else type(where)(self._folder_of_trial)

    def folder(self: Any) -> str:
        return str(self._folder_of_trial)

    properties = {"experiment": property(silence), "save_dir": property(save_dir)}
    properties |= {name: property(folder) for name in ("root_dir", "log_dir") if hasattr(kind, name)}
    return _idle_class(kind, kind, silence, properties)


@cache
def _idle_callback_class(kind: Any, base: type) -> type:
    return _idle_class(kind, base, lambda *_, **__: None, {})


def _idle_class(kind: type, silenced: type, silence: Callable[..., Any], answers: dict[str, Any]) -> type:
    """A class that passes for `kind`, where the methods that `silenced` has, and what watches it, do nothing."""
    methods = {name: silence for name in dir(silenced) if not name.startswith("_") and _is_method(silenced, name)}
    watching = {"__getattribute__": object.__getattribute__, "__del__": lambda self: None}
    named = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
    return type(kind)(kind.__name__, (kind,), methods | watching | named | answers)


def _is_method(kind: type, name: str) -> bool:
    method = inspect.getattr_static(kind, name)
    return inspect.isroutine(method) or isinstance(method, (classmethod, staticmethod))

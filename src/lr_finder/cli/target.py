"""What to train, from the user's own code: `train.py:make`, or `package.train:make`."""

import atexit
import difflib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.abc import Loader
from pathlib import Path
from types import ModuleType
from typing import Any

from lr_finder.making import EXAMPLE, arguments_of, check_takes_nothing


@contextmanager
def training_from(target: str) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    """What `FILE.py:FUNCTION` or `MODULE:FUNCTION` returns, as positional and keyword arguments of `lr_find`.

    Inside the block imports find what they find when Python runs the file, or the module with `-m`; a file of a package
    is imported under its full name, so that it may import relatively.

    Raises:
        ValueError: There is no such file or module, or no such function in it.
        TypeError: The function takes arguments, or returns nothing to train.
    """
    code, colon, name = target.rpartition(":")
    if not colon or not name.isidentifier():
        raise ValueError(f"expected FILE.py:FUNCTION or MODULE:FUNCTION, got {target!r}")
    with _loaded(code) as module:
        yield arguments_of(_function(module, code, name)(), target)


@dataclass(frozen=True)
class Making:
    """A target whose function is called in other processes, each of which loads its code for good.

    Args:
        name: `FILE.py:FUNCTION` or `MODULE:FUNCTION`.
        prints_apart: Whether what is printed there goes to standard error.
    """

    name: str
    prints_apart: bool

    def __call__(self) -> tuple[Any, ...]:
        """What the function made: arguments of `lr_find`, the last of them its keywords."""
        if self.prints_apart:
            sys.stdout = sys.stderr
        arguments, keywords = _loaded_for_good.enter_context(training_from(self.name))
        return *arguments, keywords


_loaded_for_good = ExitStack()
atexit.register(_loaded_for_good.close)


def _function(module: ModuleType, code: str, name: str) -> Callable[[], Any]:
    function = getattr(module, name, None)
    if not callable(function):
        defined = inspect.getmembers(module, lambda thing: getattr(thing, "__module__", None) == module.__name__)
        close = difflib.get_close_matches(name, [known for known, thing in defined if callable(thing)])
        meant = f"; is {' or '.join(close)} meant?" if close else f": def {name}(): {EXAMPLE}"
        raise ValueError(f"{code} has no function {name!r}{meant}")
    check_takes_nothing(function, f"{code}:{name}")
    return function


@contextmanager
def _loaded(code: str) -> Iterator[ModuleType]:
    if code.endswith(".py"):
        with _from_file(Path(code)) as module:
            yield module
    elif code.endswith(".ipynb"):
        raise ValueError(f"{code} is a notebook; make a file of it: jupyter nbconvert --to script {code}")
    elif all(part.isidentifier() for part in code.split(".")):
        with _importing(code, Path.cwd()):
            yield _by_name(code)
    else:
        raise ValueError(f"expected FILE.py:FUNCTION or MODULE:FUNCTION, got the file {code!r}")


@contextmanager
def _from_file(path: Path) -> Iterator[ModuleType]:
    """The file as a module, known by its name so that data-loading processes find what it defines."""
    if not path.is_file():
        raise ValueError(f"there is no file {str(path)!r}")
    directory, name = path.resolve().parent, path.stem.replace(".", "_")
    while (directory / "__init__.py").is_file():
        name, directory = f"{directory.name}.{name}", directory.parent
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None  # the name ends in .py
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(name)
    # A file of a package may also import its neighbours plainly, as one that is run, and one that is in none what lies
    # in the working directory.
    with _importing(str(path), directory, path.resolve().parent, Path.cwd()):
        if spec.parent:
            importlib.import_module(spec.parent)
        sys.modules[name] = module
        try:
            _execute(spec.loader, module, path)
            yield module
        finally:
            del sys.modules[name]
            if before is not None:
                sys.modules[name] = before


def _execute(loader: Loader, module: ModuleType, path: Path) -> None:
    try:
        loader.exec_module(module)
    except ImportError as error:
        if "no known parent package" not in str(error):
            raise
        raise ValueError(
            f"{path} imports relatively and is in no package: put an __init__.py beside it, or name it as "
            f"`python -m` would, package.{path.stem}:FUNCTION"
        ) from None
    except NameError as error:
        if error.name != "get_ipython":
            raise
        raise ValueError(f"{path} has lines that only a notebook can run; delete those with get_ipython()") from None


def _by_name(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # a module that the user's own imports
        raise ValueError(f"there is no module {error.name!r} here or installed") from None


@contextmanager
def _importing(code: str, first: Path, *last: Path) -> Iterator[None]:
    """The path and the arguments that the user's code sees: those of a program that was started alone."""
    path, arguments = sys.path, sys.argv
    sys.path = [str(first), *path, *map(str, last)]
    sys.argv = [code]
    try:
        yield
    finally:
        sys.path, sys.argv = path, arguments

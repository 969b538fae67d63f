"""Optional dependencies: a missing one is answered with the line that installs it."""

from collections.abc import Iterator
from contextlib import contextmanager

from lr_finder.errors import MissingExtraError


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Turns a failed import inside the block into the `pip install` line of the extra `name`.

    Raises:
        MissingExtraError: A module that the extra brings is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.startswith("lr_finder"):
            raise
        raise MissingExtraError(
            f"{error.name} is needed here and not installed: pip install 'lr-finder[{name}]'", name=error.name
        ) from error

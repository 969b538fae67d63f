"""Optional dependencies: a missing one is answered with the line that installs it."""

from collections.abc import Iterator
from contextlib import contextmanager

from lr_finder.errors import MissingExtraError

PACKAGES = {
    "torch": "torch",
    "plot": "matplotlib",
    "terminal": "uniplot",
    "demo": "torch matplotlib uniplot scikit-learn",
    "accelerate": "torch accelerate",
    "fastai": "torch fastai",
    "flax": "jax optax flax",
    "ignite": "torch pytorch-ignite",
    "keras": "keras",
    "lightning": "torch lightning",
    "optax": "jax optax",
    "pytorch-lightning": "torch pytorch-lightning",
    "ray": "ray",
    "report": "vl-convert-python",
    "skorch": "torch skorch",
    "transformers": "torch accelerate transformers",
}
"""What each extra of `pyproject.toml` installs: named one by one, it can be had however this package was installed."""


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Turns a failed import inside the block into the line that installs what the extra `name` brings.

    Raises:
        MissingExtraError: A module that the extra brings is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("lr_finder"):
            raise
        module = error.name.partition(".")[0]
        raise MissingExtraError(
            f"{module} is needed here and is not installed: pip install {PACKAGES[name]}", name=error.name
        ) from error

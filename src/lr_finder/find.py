"""`lr_find`: finds out what it was given and hands over to the integration for it."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from lr_finder.core.result import RangeTestResult
from lr_finder.extras import extra


@dataclass(frozen=True)
class Supported:
    """A kind of first argument: the package that defines its class, and where its `lr_find` is."""

    package: str
    module: str
    extra: str
    call: str


# The first match wins: a class may come from several packages, the most particular stands first.
SUPPORTED = (
    Supported("lr_finder.learner", "lr_finder.learner", "torch", "lr_find(learn)"),
    Supported(
        "flax.nnx",
        "lr_finder.integrations.optax_nnx",
        "flax",
        "lr_find(nnx_model, loss, make_optimizer, batches)",
    ),
    Supported(
        "lightning.pytorch",
        "lr_finder.integrations.lightning",
        "lightning",
        "lr_find(trainer, lightning_module, train_dataloaders=... | datamodule=...)",
    ),
    Supported(
        "pytorch_lightning",
        "lr_finder.integrations.pytorch_lightning",
        "pytorch-lightning",
        "lr_find(trainer, lightning_module, train_dataloaders=... | datamodule=...)",
    ),
    Supported("transformers.trainer", "lr_finder.integrations.transformers", "transformers", "lr_find(trainer)"),
    Supported("torch", "lr_finder.integrations.torch", "torch", "lr_find(model, optimizer, loss_fn, train_loader)"),
)
LOSS_FUNCTION = Supported("", "lr_finder.integrations.optax", "optax", "lr_find(loss, params, make_optimizer, batches)")
STEP_FUNCTION = Supported(
    "", "lr_finder.integrations.torch", "torch", "lr_find(step, optimizer=optimizer, state=[model, loader])"
)


def lr_find(training: Any, /, *arguments: Any, **keywords: Any) -> RangeTestResult:
    """Searches for the learning rate to start a training with, and leaves the training as it was.

    What may be given depends on the framework; `training` is its model, trainer or learner, or a function that trains
    one step. See `lr_finder.integrations` for the arguments of each. Common to all are `start_lr`, `end_lr`,
    `num_it=100`, `stop_div=True`, `wd` and `progress`.

        result = lr_find(model, optimizer, loss_fn, train_loader)
        result = lr_find(step, optimizer=optimizer, state=[model, train_loader])
        result = lr_find(learn)

    Raises:
        TypeError: The first argument is of no supported kind; the text lists them.
        ValueError: An argument breaks its rule; the text names it.
        MissingExtraError: The framework is not installed.
    """
    kind = _kind(training, arguments, keywords)
    with extra(kind.extra):
        module = import_module(kind.module)
    return module.lr_find(training, *arguments, **keywords)


def _kind(training: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Supported:
    modules = [f"{base.__module__}." for base in type(training).__mro__]
    for kind in SUPPORTED:
        if any(module.startswith(f"{kind.package}.") for module in modules):
            return kind
    # Functions have no class to go by: what comes with them tells a loss from a training step.
    if callable(training) and (len(arguments) >= 2 or "make_optimizer" in keywords):
        return LOSS_FUNCTION
    if callable(training) and "optimizer" in keywords:
        return STEP_FUNCTION
    calls = "\n".join(f"  {kind.call}" for kind in (*SUPPORTED, LOSS_FUNCTION, STEP_FUNCTION))
    raise TypeError(f"lr_find() does not know what to do with {type(training).__name__}; it takes\n{calls}")

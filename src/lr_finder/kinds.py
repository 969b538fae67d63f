"""The kinds of training that are known, by the package that defines a class: nothing is imported to find that out."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Supported:
    """A kind of first argument: the package that defines its class, and where its `lr_find` is."""

    package: str
    module: str
    call: str


TORCH = Supported("torch", "lr_finder.integrations.torch", "lr_find(model, optimizer, loss_fn, train_loader)")
# The first match wins: a class may come from several packages, the most particular stands first.
SUPPORTED = (
    Supported("lr_finder.learner", "lr_finder.learner", "lr_find(learn)"),
    Supported("flax.nnx", "lr_finder.integrations.optax.nnx", "lr_find(nnx_model, loss, make_optimizer, batches)"),
    Supported(
        "lightning.pytorch",
        "lr_finder.integrations.lightning",
        "lr_find(trainer, lightning_module, train_dataloaders=... | datamodule=...)",
    ),
    Supported(
        "pytorch_lightning",
        "lr_finder.integrations.pytorch_lightning",
        "lr_find(trainer, lightning_module, train_dataloaders=... | datamodule=...)",
    ),
    Supported("transformers.trainer", "lr_finder.integrations.transformers", "lr_find(trainer)"),
    Supported("keras", "lr_finder.integrations.keras", "lr_find(keras_model, x, y, batch_size=64)"),
    Supported("fastai", "lr_finder.integrations.fastai", "lr_find(learn)"),
    Supported("skorch", "lr_finder.integrations.skorch", "lr_find(net, X, y)"),
    Supported("sklearn", "lr_finder.integrations.skorch", "lr_find(net, X, y)"),  # a pipeline that ends in a net
    Supported("ignite", "lr_finder.integrations.ignite", "lr_find(engine, optimizer=..., data=..., state=[model])"),
    TORCH,
)
PREPARED = Supported(
    "accelerate", "lr_finder.integrations.accelerate", "lr_find(model, optimizer, loss_fn, train_loader)"
)
FACTORY = Supported("", "lr_finder.pool", 'lr_find(make, pool="processes", probes=5)')
LOSS_FUNCTION = Supported("", "lr_finder.integrations.optax", "lr_find(loss, params, make_optimizer, batches)")
STEP_FUNCTION = Supported(
    "",
    "lr_finder.integrations.torch",
    "lr_find(step, optimizer=optimizer, train_loader=train_loader, state=[model])",
)


def kind_of(thing: Any) -> Supported | None:
    """The kind of what is trained; None where it is of none that has a class of its own."""
    return next((kind for kind in SUPPORTED if is_from(kind.package, thing)), None)


def is_from(package: str, thing: Any) -> bool:
    """Whether the class of a thing, or one that it builds on, is defined in the package."""
    return any(f"{base.__module__}.".startswith(f"{package}.") for base in type(thing).__mro__)

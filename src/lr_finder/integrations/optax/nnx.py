"""Flax NNX: a model with a loss function, and an optimizer from Optax."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from lr_finder.core.result import RangeTestResult
from lr_finder.core.search import SearchOptions
from lr_finder.extras import extra

with extra("flax"):
    import jax
    from flax import nnx

    from lr_finder.integrations.optax.ramp import JaxTraining, MakeOptimizer, scalar

if TYPE_CHECKING:
    from typing_extensions import Unpack


def lr_find(
    model: nnx.Module,
    loss: Callable[[Any, Any], Any],
    make_optimizer: MakeOptimizer,
    batches: Iterable[Any],
    *,
    wrt: nnx.filterlib.Filter = nnx.Param,
    progress: bool | None = None,
    **options: "Unpack[SearchOptions]",
) -> RangeTestResult:
    """Searches for the learning rate of a Flax NNX training from the model's present state on.

    The training works on copies: the model, its running statistics and its random streams are not touched.

    Args:
        model: The model, in the mode to train it in (`model.train()`).
        loss: `loss(model, batch)`, a scalar or a tuple whose first item it is. It is compiled together with the
            optimizer's update, once for all rates.
        make_optimizer: From a rate to an Optax optimizer: `optax.adamw`, or `lambda lr: optax.chain(...)`.
        batches: What the training goes through, again from the start where it is shorter than the search.
        wrt: Which variables are trained, as for `nnx.Optimizer`.
        progress: Whether to show a progress bar; None shows it on a terminal only.
        options: Those of every search: see `lr_finder.SearchOptions`. `validate` gets the trained model. Weight decay
            is given in `make_optimizer` and not as `wd`.

    Raises:
        ValueError: An argument breaks its rule; the text names it.
        TypeError: An argument is of the wrong kind.
    """
    if not callable(loss):
        raise TypeError(f"loss must be a function loss(model, batch), got {type(loss).__name__}")
    graph, trained, rest = nnx.split(model, wrt, ...)
    if not jax.tree.leaves(trained):
        raise ValueError(f"model must have variables to train, and {type(model).__name__} has none of {wrt}")

    def objective(trained: Any, rest: Any, batch: Any) -> tuple[jax.Array, Any]:
        live = nnx.merge(graph, trained, rest, copy=True)
        value = scalar(loss(live, batch))
        nnx.pop(live, nnx.Intermediate)  # what the model has sown would be one more leaf in every step
        return value, nnx.state(live, nnx.Not(wrt))

    def as_given(trained: Any, rest: Any) -> Any:
        return nnx.merge(graph, trained, rest, copy=True)

    return JaxTraining(objective, trained, rest, make_optimizer, batches, as_given).search(progress, options)

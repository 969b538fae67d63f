"""skorch: a net with the data that it is fitted to."""

from typing import TYPE_CHECKING, Any

from lr_finder.core.result import RangeTestResult
from lr_finder.core.search import SearchOptions
from lr_finder.curve.parameter_groups import base_lrs, groups_of, set_rate
from lr_finder.extras import extra
from lr_finder.integrations.batches import Batches, batch_size_of
from lr_finder.preserve import preserve

with extra("skorch"):
    from sklearn.base import clone
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.pipeline import Pipeline
    from skorch import NeuralNet
    from skorch.callbacks import GradientNormClipping, ParamMapper

    from lr_finder.integrations.torch.ramp import StepTraining

if TYPE_CHECKING:
    from typing_extensions import Unpack

TRAINING_CALLBACKS = (GradientNormClipping, ParamMapper)
"""Callbacks that are part of the training step: they clip gradients, and freeze or set parameters."""


def lr_find(
    net: "NeuralNet | Pipeline",
    X: Any,  # noqa: N803  as in scikit-learn
    y: Any = None,
    *,
    progress: bool | None = None,
    **options: "Unpack[SearchOptions]",
) -> RangeTestResult:
    """Searches for the learning rate of a skorch net, and leaves the net as it was.

    A net that is not initialized is searched from the weights that its first `fit` would start with, one that is from
    its present weights. Of the callbacks only those that clip gradients or freeze parameters take part.

    Args:
        net: The net, or a scikit-learn pipeline that ends in one: its earlier steps are fitted to X as clones.
        X: The inputs, as for `net.fit`; what its `train_split` holds out is left out here too.
        y: The targets.
        progress: Whether to show a progress bar; None shows it on a terminal only.
        options: Those of every search: see `lr_finder.SearchOptions`.

    Raises:
        ValueError: An argument breaks its rule; the text names it.
        TypeError: An argument is of the wrong kind.
    """
    with preserve():  # the earlier steps of a pipeline may draw random numbers
        net, inputs = _last_step(net, X, y)
    with preserve(net):
        _make_ready(net, inputs, y)
        return _training(net, inputs, y).search(progress, options)


def apply(net: Any, lr: float) -> list[tuple[float, float]]:
    """Makes a skorch net train with `lr`, initialized or not; `optimizer__param_groups` keep their ratios.

    Args:
        net: The net, or a pipeline that ends in one; it is modified.
        lr: The rate.

    Returns:
        The old and the new rate: of each parameter group once the net is initialized, else of each of its settings.
    """
    while isinstance(net, Pipeline):
        net = net.steps[-1][1]
    name = "optimizer__lr" if hasattr(net, "optimizer__lr") else "lr"
    patterns: list[Any] = getattr(net, "optimizer__param_groups", [])
    settings = [float(getattr(net, name)), *(float(group["lr"]) for _, group in patterns if "lr" in group)]
    groups = groups_of(_optimizers(net)) if net.initialized_ else []
    factor = lr / max(base_lrs(groups) or settings)
    changes = set_rate(groups, lr) if groups else [(rate, rate * factor) for rate in settings]
    setattr(net, name, settings[0] * factor)
    if patterns:
        net.optimizer__param_groups = [
            (pattern, {**group, "lr": group["lr"] * factor} if "lr" in group else group) for pattern, group in patterns
        ]
    return changes


def _last_step(estimator: Any, inputs: Any, targets: Any) -> tuple[NeuralNet, Any]:
    """The net that a pipeline ends in, and what its earlier steps make of the inputs; the pipeline is not fitted."""
    if isinstance(estimator, Pipeline):
        *earlier, (_, last) = estimator.steps
        if earlier:
            unfitted: Any = clone(Pipeline(earlier))
            inputs = unfitted.fit_transform(inputs, targets)
        return _last_step(last, inputs, targets)
    if not isinstance(estimator, NeuralNet):
        kind = type(estimator).__name__
        raise TypeError(f"net must be a skorch net or a pipeline that ends in one, got {kind}{_inside(estimator)}")
    return estimator, inputs


def _inside(estimator: Any) -> str:
    """How to give the net in an estimator that fits it in its own way, or several times."""
    if isinstance(estimator, TransformedTargetRegressor):
        return "; give what it fits: lr_find(model.regressor, X, transformer.fit_transform(y))"
    if hasattr(estimator, "estimator"):
        return "; give what it fits: lr_find(model.estimator, X, y)"
    return ""


def _make_ready(net: NeuralNet, inputs: Any, targets: Any) -> None:
    """Initializes the net as `fit` would, with no callback but those that are part of training."""
    net.check_training_readiness()
    if not net.initialized_:
        # The others may make directories or connections already when they are initialized.
        given = net.callbacks if isinstance(net.callbacks, (list, tuple)) else []
        net.callbacks = [item for item in given if _takes_part(item)]
        net.initialize()
    net.check_data(inputs, targets)
    net.callbacks_ = [item for item in net.callbacks_ if _takes_part(item)]
    net.history.new_epoch()  # parameters are frozen at the start of an epoch, by its number
    for _, callback in net.callbacks_:
        callback.on_train_begin(net, X=inputs, y=targets)
        callback.on_epoch_begin(net)


def _takes_part(item: Any) -> bool:
    """Whether a callback, a class of callbacks, or a pair of a name and one of these is part of training."""
    callback = item[1] if isinstance(item, (list, tuple)) else item
    kind = callback if isinstance(callback, type) else type(callback)
    return issubclass(kind, TRAINING_CALLBACKS)


def _training(net: NeuralNet, inputs: Any, targets: Any) -> StepTraining:
    data_set, _ = net.get_split_datasets(inputs, targets)
    loader = net.get_iterator(data_set, training=True)
    batches = Batches(loader)

    def step() -> Any:
        return net.train_step(batches.next())["loss"]  # pyright: ignore[reportOptionalSubscript]

    return StepTraining(
        step, _optimizers(net), state=[net, loader], restart=batches.restart, batch_size=batch_size_of(loader)
    )


def _optimizers(net: NeuralNet) -> list[Any]:
    return [getattr(net, f"{name}_") for name in net._optimizers]

"""The signatures of `lr_find`, one for each kind of training, for editors and type checkers.

What people train is described by two methods that only its kind has, and not by its class: that needs no framework to
be installed, and a class that can't be resolved would accept anything.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, overload

from lr_finder.core.result import RangeTestResult
from lr_finder.core.search import SearchOptions
from lr_finder.curve.sweep import Bound

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from lr_finder.learner import Learner
    from lr_finder.pool.workers import AnyPool


class Options(SearchOptions, total=False):
    """Those of every search, and whether to show a progress bar (None: on a terminal only)."""

    progress: bool | None


class TorchOptions(Options, total=False):
    """Those of the forms with a model in plain PyTorch; with Accelerate `batch_loss` and `state` alone."""

    batch_loss: Callable[[Any, Any], Any] | None
    state: Sequence[Any]
    accumulation_steps: int | None
    scaler: Any
    autocast: Any
    process_group: Any


class TorchModule(Protocol):
    """A `torch.nn.Module`, also one that Accelerate has prepared."""

    def named_parameters(self, *_: Any, **__: Any) -> Any: ...
    def register_forward_hook(self, *_: Any, **__: Any) -> Any: ...


class TorchOptimizer(Protocol):
    """A `torch.optim.Optimizer`."""

    def add_param_group(self, *_: Any, **__: Any) -> Any: ...
    def zero_grad(self, *_: Any, **__: Any) -> Any: ...


class LightningTrainer(Protocol):
    """A Lightning `Trainer`, from either of its packages."""

    def fit(self, *_: Any, **__: Any) -> Any: ...
    def predict(self, *_: Any, **__: Any) -> Any: ...


class LightningModule(Protocol):
    """A `LightningModule`."""

    def training_step(self, *_: Any, **__: Any) -> Any: ...
    def configure_optimizers(self, *_: Any, **__: Any) -> Any: ...


class HuggingFaceTrainer(Protocol):
    """A `transformers.Trainer`, or one that builds on it."""

    def compute_loss(self, *_: Any, **__: Any) -> Any: ...
    def get_train_dataloader(self, *_: Any, **__: Any) -> Any: ...


class FastaiLearner(Protocol):
    """A fastai 2 `Learner`."""

    def create_opt(self, *_: Any, **__: Any) -> Any: ...
    def add_cbs(self, *_: Any, **__: Any) -> Any: ...


class KerasModel(Protocol):
    """A `keras.Model`."""

    def train_on_batch(self, *_: Any, **__: Any) -> Any: ...
    def compile_from_config(self, *_: Any, **__: Any) -> Any: ...


class SkorchNet(Protocol):
    """A `skorch.NeuralNet`."""

    def partial_fit(self, *_: Any, **__: Any) -> Any: ...
    def train_step_single(self, *_: Any, **__: Any) -> Any: ...


class Pipeline(Protocol):
    """A pipeline of scikit-learn."""

    def set_output(self, *_: Any, **__: Any) -> Any: ...
    def get_metadata_routing(self, *_: Any, **__: Any) -> Any: ...


class IgniteEngine(Protocol):
    """An `ignite.engine.Engine`."""

    def add_event_handler(self, *_: Any, **__: Any) -> Any: ...
    def fire_event(self, *_: Any, **__: Any) -> Any: ...


class NNXModule(Protocol):
    """A `flax.nnx.Module`."""

    def sow(self, *_: Any, **__: Any) -> Any: ...
    def perturb(self, *_: Any, **__: Any) -> Any: ...


Optimizers = TorchOptimizer | Sequence[TorchOptimizer] | Mapping[str, TorchOptimizer]


@overload
def lr_find(
    learn: "Learner",
    /,
    start_lr: Bound = ...,
    end_lr: Bound = ...,
    num_it: int = ...,
    stop_div: bool = ...,
    wd: "float | Sequence[float] | None" = ...,
    progress: bool | None = ...,
) -> RangeTestResult: ...
@overload
def lr_find(
    trainer: LightningTrainer,
    /,
    lightning_module: LightningModule,
    train_dataloaders: Any = ...,
    val_dataloaders: Any = ...,
    *,
    datamodule: Any = ...,
    **options: "Unpack[Options]",
) -> RangeTestResult: ...
@overload
def lr_find(trainer: HuggingFaceTrainer, /, **options: "Unpack[Options]") -> RangeTestResult: ...
@overload
def lr_find(learn: FastaiLearner, /, **options: "Unpack[Options]") -> RangeTestResult: ...
@overload
def lr_find(
    model: KerasModel,
    /,
    x: Any,
    y: Any = ...,
    *,
    batch_size: int | None = ...,
    sample_weight: Any = ...,
    class_weight: dict[int, float] | None = ...,
    shuffle: bool = ...,
    steps_per_epoch: int | None = ...,
    **options: "Unpack[Options]",
) -> RangeTestResult: ...
@overload
def lr_find(
    net: SkorchNet | Pipeline,
    /,
    X: Any,  # noqa: N803
    y: Any = ...,
    **options: "Unpack[Options]",
) -> RangeTestResult: ...
@overload
def lr_find(
    engine: IgniteEngine,
    /,
    *,
    optimizer: Optimizers,
    data: Iterable[Any],
    state: Sequence[Any] = ...,
    output_transform: Callable[[Any], Any] | None = ...,
    max_epochs: int | None = ...,
    epoch_length: int | None = ...,
    **options: "Unpack[Options]",
) -> RangeTestResult: ...
@overload
def lr_find(
    model: NNXModule,
    /,
    loss: Callable[[Any, Any], Any],
    make_optimizer: Callable[[Any], Any],
    batches: Iterable[Any],
    *,
    wrt: Any = ...,
    **options: "Unpack[Options]",
) -> RangeTestResult: ...
@overload
def lr_find(
    loss: Callable[..., Any],
    /,
    params: Any,
    make_optimizer: Callable[[Any], Any],
    batches: Iterable[Any],
    *,
    key: Any = ...,
    **options: "Unpack[Options]",
) -> RangeTestResult: ...
@overload
def lr_find(
    model: TorchModule,
    /,
    optimizer: TorchOptimizer,
    loss_fn: Callable[..., Any] | None,
    train_loader: Iterable[Any],
    **options: "Unpack[TorchOptions]",
) -> RangeTestResult: ...
@overload
def lr_find(
    model: TorchModule,
    /,
    optimizer: TorchOptimizer,
    *,
    train_loader: Iterable[Any],
    **options: "Unpack[TorchOptions]",
) -> RangeTestResult: ...
@overload
def lr_find(make: Callable[[], Any], /, *, pool: "AnyPool", **options: "Unpack[Options]") -> RangeTestResult: ...
@overload
def lr_find(
    step: Callable[..., Any],
    /,
    *,
    optimizer: Optimizers,
    train_loader: Iterable[Any] | None = ...,
    state: Sequence[Any] = ...,
    process_group: Any = ...,
    **options: "Unpack[Options]",
) -> RangeTestResult: ...
def lr_find(*_: Any, **__: Any) -> RangeTestResult:
    """Described above; `lr_finder.find` does it."""
    raise NotImplementedError

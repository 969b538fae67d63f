"""Ignite: an engine with its optimizer and data."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lr_finder.core.result import RangeTestResult
from lr_finder.core.search import SearchOptions
from lr_finder.extras import extra
from lr_finder.integrations.batches import Batches, batch_size_of
from lr_finder.integrations.stateful import stateful
from lr_finder.preserve import preserve

with extra("ignite"):
    import torch
    from ignite.engine import Engine, Events
    from torch.optim import Optimizer

    from lr_finder.integrations.torch.find import listed
    from lr_finder.integrations.torch.ramp import StepTraining

if TYPE_CHECKING:
    from typing_extensions import Unpack

OUTSIDE_A_RUN = (None, Events.COMPLETED, Events.EXCEPTION_RAISED, Events.TERMINATE)
"""The events that an engine fired last where no run is under way."""


def lr_find(
    engine: Engine,
    *,
    optimizer: Optimizer | Sequence[Optimizer] | Mapping[str, Optimizer],
    data: Iterable[Any],
    state: Sequence[Any] = (),
    output_transform: Callable[[Any], Any] | None = None,
    max_epochs: int | None = None,
    epoch_length: int | None = None,
    progress: bool | None = None,
    **options: "Unpack[SearchOptions]",
) -> RangeTestResult:
    """Searches for the learning rate of an Ignite trainer, and leaves everything as it was.

    The engine's process function trains on batch after batch of the data. Handlers of `STARTED` are called once, unless
    a run is under way already, because they may make what the process function uses; those of Ignite itself (loggers,
    checkpoints) are not, and no other event is fired.

    Args:
        engine: The trainer.
        optimizer: The optimizer that its process function steps, or several, as a list or by name.
        data: The batches, as for `engine.run`.
        state: What else training changes: the model, schedulers, a gradient scaler.
        output_transform: From the output of the process function to the loss, as for Ignite's metrics. Without it the
            output is the loss, or a mapping that has it under "loss".
        max_epochs: As for `engine.run`, for a process function that looks at `engine.state.max_epochs`.
        epoch_length: As for `engine.run`.
        progress: Whether to show a progress bar; None shows it on a terminal only.
        options: Those of every search: see `lr_finder.SearchOptions`.

    Raises:
        ValueError: An argument breaks its rule; the text names it.
        TypeError: An argument is of the wrong kind.
    """
    if not isinstance(engine, Engine):
        raise TypeError(f"engine must be an Ignite engine, got {type(engine).__name__}")
    optimizers = listed(optimizer)
    step = _Step(engine, data, output_transform or _loss_of, max_epochs, epoch_length)
    state = [engine, engine.state, *optimizers, *stateful(data), *state]
    training = StepTraining(
        step, optimizers, state, restart=step.restart, batches=step.batches, batch_size=batch_size_of(data)
    )
    with preserve(*state):
        step.begin()
        return training.search(progress, options)


class _Step:
    """Calls the process function on the next batch, with the engine's state as in a run."""

    def __init__(
        self,
        engine: Engine,
        data: Iterable[Any],
        output_transform: Callable[[Any], Any],
        max_epochs: int | None,
        epoch_length: int | None,
    ):
        self._engine = engine
        self._data = data
        self.batches = Batches(data, name="data")
        if epoch_length is None and hasattr(data, "__len__"):
            epoch_length = len(data)  # pyright: ignore[reportArgumentType]
        self._length = epoch_length
        self._max_epochs = max_epochs or engine.state.max_epochs or 1  # the default of a run
        self._output_transform = output_transform

    def begin(self) -> None:
        """Makes the state of a run, and silences the handlers of events that the process function fires."""
        engine, state = self._engine, self._engine.state
        state.dataloader, state.max_epochs, state.epoch_length = self._data, self._max_epochs, self._length  # pyright: ignore[reportAttributeAccessIssue]
        handlers, engine._event_handlers = engine._event_handlers, defaultdict(list)
        if engine.last_event_name in OUTSIDE_A_RUN:
            state.iteration = state.epoch = 0
            engine._event_handlers[Events.STARTED] = [
                handler for handler in handlers[Events.STARTED] if not _is_of_ignite(handler[0])
            ]
            engine._fire_event(Events.STARTED)
            engine._event_handlers.clear()

    def restart(self) -> None:
        """Goes back to the first batch, and counts anew."""
        self.batches.restart()
        state = self._engine.state
        state.iteration, state.epoch = 0, 1

    def __call__(self) -> Any:
        """Trains one batch; its loss."""
        state = self._engine.state
        state.batch = self.batches.next()
        state.iteration += 1
        if self._length is not None:
            state.epoch = 1 + (state.iteration - 1) // self._length
        state.output = self._engine._process_function(self._engine, state.batch)
        return self._output_transform(state.output)


def _is_of_ignite(handler: Any) -> bool:
    """Whether a handler is one that comes with Ignite, or a method of what builds on such."""
    owner = getattr(handler, "__self__", handler)
    modules = [getattr(handler, "__module__", None), *(kind.__module__ for kind in type(owner).__mro__)]
    return any(f"{module}.".startswith("ignite.") for module in modules)


def _loss_of(output: Any) -> Any:
    """The loss in the output of a process function: the output, or what it has under "loss"."""
    loss = output.get("loss") if isinstance(output, Mapping) else output
    if isinstance(loss, (int, float)) or (isinstance(loss, torch.Tensor) and loss.numel() == 1):
        return loss
    raise TypeError(
        "output_transform must be given where the process function returns neither the loss nor a mapping with it as "
        f"'loss'; it returned {type(output).__name__}: output_transform=lambda output: output[0], for example"
    )

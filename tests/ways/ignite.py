"""Ignite, on the quadratic."""

import warnings
from typing import Any

from lr_finder import lr_find
from quadratic import Run, run, training
from ways.plain_torch import Fault, faulty, untouched

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it runs torch.jit.script on import
    from ignite.engine import Engine, Events, create_supervised_trainer
    from ignite.handlers import Checkpoint, DiskSaver, Timer

__all__ = ["Checkpoint", "DiskSaver", "Engine", "Events", "Timer", "create_supervised_trainer", "process_function"]


def refuse(engine: Engine) -> None:
    raise AssertionError("a handler of the user's was called")


def process_function(fault: Fault, **bounds: Any) -> Run:
    model, optimizer, _, batches = training()

    def train_step(engine: Engine, batch: Any) -> Any:
        inputs, target = batch
        optimizer.zero_grad()
        loss = faulty(fault)(model(inputs), target)
        loss.backward()
        optimizer.step()
        return loss.item()

    engine = Engine(train_step)
    for event in (Events.EPOCH_STARTED, Events.ITERATION_STARTED, Events.ITERATION_COMPLETED, Events.EXCEPTION_RAISED):
        engine.add_event_handler(event, refuse)
    check_torch = untouched(model, optimizer)

    def check_untouched() -> None:
        check_torch()
        assert engine.state.iteration == 0
        assert engine.has_event_handler(refuse, Events.EPOCH_STARTED)

    return run(
        lambda: lr_find(engine, optimizer=optimizer, data=batches, state=[model], **bounds),
        check_untouched,
    )

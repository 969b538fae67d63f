"""Accelerate, on the quadratic: prepared objects, and a step function."""

from collections.abc import Callable
from typing import Any

from accelerate import Accelerator

from lr_finder import lr_find
from quadratic import Run, run, training
from ways.plain_torch import Fault, faulty, untouched


def accelerate(fault: Fault, **bounds: Any) -> Run:
    accelerator = Accelerator(cpu=True)
    model, optimizer, _, batches = training()
    prepared = accelerator.prepare(model, optimizer, batches)
    check = _all_untouched(accelerator, model, optimizer)
    return run(lambda: lr_find(*prepared[:2], faulty(fault), prepared[2], **bounds), check)


def accelerate_step(fault: Fault, **bounds: Any) -> Run:
    accelerator = Accelerator(cpu=True)
    model, optimizer, _, batches = training()
    prepared, stepping, loader = accelerator.prepare(model, optimizer, batches)

    def step(batch):
        inputs, target = batch
        with accelerator.accumulate(prepared):
            loss = faulty(fault)(prepared(inputs), target)
            accelerator.backward(loss)
            stepping.step()
            stepping.zero_grad()
        return loss

    check = _all_untouched(accelerator, model, optimizer)
    arguments = {"optimizer": stepping, "train_loader": loader, "state": [prepared, accelerator]}
    return run(lambda: lr_find(step, **arguments, **bounds), check)


def _all_untouched(accelerator: Accelerator, model: Any, optimizer: Any) -> Callable[[], None]:
    gradients = dict(vars(accelerator.gradient_state))

    def check() -> None:
        untouched(model, optimizer)()
        assert accelerator.step == 0
        assert dict(vars(accelerator.gradient_state)) == gradients

    return check

"""Hugging Face's Trainer, on the quadratic."""

import tempfile
from pathlib import Path
from typing import Any

import torch
from transformers import Trainer, TrainerCallback, TrainingArguments

from lr_finder import lr_find
from quadratic import FIRST_WEIGHT, Quadratic, Run, run
from ways.plain_torch import Fault


class Refusing(TrainerCallback):
    """Fails at whatever a trial must not fire."""

    def on_train_begin(self, args, state, control, **kwargs):
        raise AssertionError("a callback of the user's was fired")

    on_step_end = on_log = on_save = on_evaluate = on_train_begin


class WithLoss(torch.nn.Module):
    """The quadratic as the Trainer takes models: it returns its loss."""

    def __init__(self, fault: Fault):
        super().__init__()
        self.model, self.fault = Quadratic(), fault

    def forward(self, ones):
        return {"loss": self.model(ones).mean() * self.fault()}


def transformers(fault: Fault, **bounds: Any) -> Run:
    with tempfile.TemporaryDirectory() as folder:
        module = WithLoss(fault)
        arguments = TrainingArguments(
            output_dir=f"{folder}/out", max_steps=2, per_device_train_batch_size=2, report_to=[], use_cpu=True,
            max_grad_norm=0, save_steps=1, logging_steps=1, disable_tqdm=True,
        )  # fmt: skip
        trainer = Trainer(
            module, arguments, callbacks=[Refusing()],
            train_dataset=[{"ones": torch.ones(1, dtype=torch.float64)} for _ in range(10)],
            optimizers=(torch.optim.SGD(module.parameters(), lr=0.01), None),
        )  # fmt: skip
        optimizer, before = trainer.optimizer, dict(vars(trainer))

        def check() -> None:
            assert module.model.weight.item() == FIRST_WEIGHT
            assert module.model.weight.grad is None
            assert {group["lr"] for group in optimizer.param_groups} == {0.01}
            assert not optimizer.state
            assert dict(vars(trainer)) == before
            assert trainer.state.global_step == 0
            assert arguments.max_steps == 2

        done = run(lambda: lr_find(trainer, **bounds), check)
        assert not Path(folder, "out").exists() or not list(Path(folder, "out").iterdir())
        return done

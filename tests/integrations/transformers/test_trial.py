"""What a trainer's own code sees in the trial is what it sees in the run."""

from pathlib import Path
from typing import ClassVar

import pytest
import torch
from transformers import Trainer
from transformers.optimization import Adafactor, AdafactorSchedule

from integrations.transformers.trainers import Sentences, bert, trainer_of
from lr_finder import lr_find

pytestmark = pytest.mark.slow

BOUNDS = {"start_lr": 1e-4, "end_lr": 0.1, "num_it": 20}


class Looking(Trainer):
    """A trainer that notes what it sees in its steps, and uses it."""

    seen: ClassVar[list] = []  # of the class, since what a trainer holds is put back

    def compute_loss(self, *arguments, **keywords):
        loss = super().compute_loss(*arguments, **keywords)
        state, scheduler = self.state, self.lr_scheduler
        self.seen.append(
            {
                "rate": scheduler.get_last_lr()[0],
                "is used": scheduler.get_last_lr()[0] == self.optimizer.param_groups[0]["lr"],
                "scheduler": (type(scheduler), scheduler.base_lrs, scheduler.last_epoch * 0),
                "length": (state.max_steps, state.num_train_epochs, self.args.max_steps, self.args.num_train_epochs),
                "place": (state.global_step, state.epoch),
                "control": vars(self.control).copy(),
                "folder": self.args.output_dir,
            }
        )
        Path(self.args.output_dir, f"{state.global_step}.txt").write_text("seen")
        self.log({"share": state.global_step / state.max_steps})
        return loss

    def training_step(self, *arguments, **keywords):
        assert self.lr_scheduler.optimizer is not None
        return super().training_step(*arguments, **keywords)


def looking(folder, **settings):
    Looking.seen.clear()
    (folder / "out").mkdir(exist_ok=True)
    return trainer_of(folder, kind=Looking, **settings)


LENGTHS = {
    "steps": {"max_steps": 8},
    "epochs": {"max_steps": -1, "num_train_epochs": 2},
    "accumulation": {"max_steps": -1, "num_train_epochs": 3, "gradient_accumulation_steps": 2},
}


@pytest.mark.parametrize("settings", LENGTHS.values(), ids=LENGTHS)
def test_the_trial_answers_as_the_run_does(tmp_path, settings):
    trainer = looking(tmp_path, lr_scheduler_type="cosine", **settings)
    seen = trainer.seen
    result = lr_find(trainer, **BOUNDS)
    assert len(result.losses) == 20
    in_trial = list(seen)
    assert list((tmp_path / "out").iterdir()) == []
    assert not Path(in_trial[0]["folder"]).exists()
    seen.clear()
    trainer.train()
    for tried, ran in zip(in_trial, seen, strict=False):
        for name in ("is used", "scheduler", "length", "place", "control"):
            assert tried[name] == ran[name], name
    assert all(tried["is used"] for tried in in_trial)
    assert seen[0]["folder"] == str(tmp_path / "out")


def test_a_scheduler_of_the_users_is_asked_and_neither_stepped_nor_changed(tmp_path):
    model = bert()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.5, total_steps=100)
    trainer = looking(tmp_path, model=model, optimizers=(optimizer, scheduler))
    before = dict(vars(scheduler))
    result = lr_find(trainer, **BOUNDS)
    assert [seen["rate"] for seen in trainer.seen] == list(result.lrs)
    assert vars(scheduler) == before
    assert trainer.lr_scheduler is scheduler


def test_an_optimizer_that_ignores_the_rate_is_told_with_the_line_to_write(tmp_path):
    model = bert()
    optimizer = Adafactor(model.parameters())
    trainer = trainer_of(tmp_path, model, Sentences(), optimizers=(optimizer, AdafactorSchedule(optimizer)))
    with pytest.raises(ValueError, match=r"Adafactor with relative_step=True ignores it: .*optim=\"adafactor\""):
        lr_find(trainer, **BOUNDS)
    assert len(lr_find(trainer_of(tmp_path, optim="adafactor"), **BOUNDS).losses) == 20

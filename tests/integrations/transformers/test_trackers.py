"""A search in the trackers that a Trainer reports to: TensorBoard for real."""

import pytest

from curves import valley_curve
from integrations.transformers.test_callback import QUICK, clear_trainer
from lr_finder import RangeTestResult
from lr_finder.integrations.transformers import LRFinderCallback
from report.test_trackers import read


def test_a_trainer_that_has_set_up_no_tracker_is_told_what_does(tmp_path):
    trainer = clear_trainer(tmp_path, report_to="tensorboard")
    with pytest.raises(ValueError, match=r"must have set up a tracker, .* LRFinderCallback\(log=True\)"):
        RangeTestResult(valley_curve(), 200).log_to(trainer)


@pytest.mark.slow
@pytest.mark.parametrize("log", [True, False])
def test_the_callback_writes_its_search_on_request(tmp_path, log):
    callback = LRFinderCallback(log=log, progress=False, **QUICK)
    trainer = clear_trainer(tmp_path, report_to="tensorboard", max_steps=2, logging_steps=1)
    trainer.add_callback(callback)
    trainer.train()
    (events,) = tmp_path.rglob("events.out.*")
    scalars = read(events.parent).Tags()["scalars"]
    assert ("lr_finder/suggested_lr" in scalars) == log
    assert "train/loss" in scalars

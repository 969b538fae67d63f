"""A search in the loggers that a trainer has: TensorBoard and CSV for real."""

import csv
from pathlib import Path

import pytest
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from curves import valley_curve
from integrations.lightning.classifier import LIGHTNINGS_WARNINGS, batches, classifier, trainer_of
from lr_finder import RangeTestResult
from lr_finder.integrations.lightning import LRFinderCallback
from report.test_trackers import read

pytestmark = LIGHTNINGS_WARNINGS

RESULT = RangeTestResult(valley_curve(), 200)


def test_every_logger_of_a_trainer_gets_the_search(tmp_path):
    trainer = trainer_of(logger=[TensorBoardLogger(tmp_path), CSVLogger(tmp_path, name="csv")])
    RESULT.log_to(trainer)
    for logger in trainer.loggers:
        logger.save()
    events = read(trainer.log_dir)
    assert len(events.Scalars("lr_finder/loss")) == 200
    assert "lr_finder/curve" in events.Tags()["images"]
    with Path(trainer.loggers[1].log_dir, "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["lr_finder/loss"]) for row in rows[:200]] == pytest.approx(RESULT.losses)
    assert float(rows[200]["lr_finder/suggested_lr"]) == RESULT.suggestion.lr


def test_a_logger_may_be_given_itself(tmp_path):
    logger = TensorBoardLogger(tmp_path)
    RESULT.log_to(logger)
    logger.save()
    assert len(read(logger.log_dir).Scalars("lr_finder/loss")) == 200


def test_a_trainer_without_a_logger_is_told_to_have_one():
    with pytest.raises(ValueError, match="the trainer must have a logger, got none"):
        RESULT.log_to(trainer_of(logger=False))


@pytest.mark.slow
@pytest.mark.parametrize("log", [True, False])
def test_the_callback_writes_its_search_on_request(tmp_path, log):
    callback = LRFinderCallback(log=log, progress=False)
    trainer = trainer_of(logger=TensorBoardLogger(tmp_path), callbacks=[callback])
    trainer.fit(classifier(), batches())
    trainer.logger.save()
    scalars = read(trainer.log_dir).Tags()["scalars"]
    assert ("lr_finder/suggested_lr" in scalars) == log
    assert "loss_epoch" in scalars

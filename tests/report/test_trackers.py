"""A search in an experiment tracker: TensorBoard for real; the others where they are installed."""

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter

from curves import valley_curve
from lr_finder import Curve, RangeTestResult

RESULT = RangeTestResult(valley_curve(), 200)


def read(folder):
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    return events


def test_tensorboard_has_the_series_the_suggestion_the_words_and_the_picture(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        RESULT.log_to(writer)
    events = read(tmp_path)
    losses = events.Scalars("lr_finder/loss")
    assert [event.step for event in losses] == list(range(200))
    assert [event.value for event in losses] == pytest.approx(RESULT.losses, rel=1e-6)
    assert [event.value for event in events.Scalars("lr_finder/lr")] == pytest.approx(RESULT.lrs, rel=1e-6)
    assert events.Scalars("lr_finder/suggested_lr")[0].value == pytest.approx(RESULT.suggestion.lr)
    assert events.Scalars("lr_finder/low")[0].value == pytest.approx(RESULT.suggestion.low)
    assert events.Images("lr_finder/curve")[0].encoded_image_string.startswith(b"\x89PNG")
    assert "Start training with" in str(events.Tensors("lr_finder/explanation/text_summary"))


def test_without_a_suggestion_the_series_is_there_all_the_same(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        RangeTestResult(Curve([1e-3, 1e-2], [1.0, float("nan")]), 2).log_to(writer)
    assert [tag for tag in read(tmp_path).Tags()["scalars"] if "suggested" in tag] == []
    assert len(read(tmp_path).Scalars("lr_finder/loss")) == 1


def test_what_takes_numbers_alone_gets_the_numbers():
    class Logger:
        def __init__(self):
            self.rows = []

        def log_metrics(self, metrics, step):
            self.rows.append({"step": step, **metrics})

    logger = Logger()
    RESULT.log_to(logger)
    assert logger.rows[7] == {"step": 7, "lr_finder/loss": RESULT.losses[7], "lr_finder/lr": RESULT.lrs[7]}
    assert logger.rows[-1]["lr_finder/suggested_lr"] == RESULT.suggestion.lr


def test_anything_else_is_refused():
    with pytest.raises(TypeError, match=r"writer must be a TensorBoard SummaryWriter, .* got list"):
        RESULT.log_to([])

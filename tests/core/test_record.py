"""The record of a search: when, with which versions, options and training."""

import platform
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

import lr_finder
from curves import valley_curve
from lr_finder import Curve, RangeTest, RangeTestResult, search
from lr_finder.core.record import Record
from lr_finder.curve.training import Training, settings_of

TRAINING = Training("AdamW", ({"lr": 1e-3, "betas": [0.9, 0.999]}, {"lr": 1e-4}), batch_size=64, seed=7)


def ramp(sweep):
    losses = np.interp(np.log(sweep.lrs), np.log(valley_curve().lrs), valley_curve().losses)
    return Curve(sweep.lrs, losses, training=TRAINING)


def test_a_search_notes_its_date_versions_and_options():
    record = search(ramp, start_lr=1e-6, end_lr=1.0, num_it=np.int64(120), wd=0.1).record
    assert timedelta() <= datetime.now(timezone.utc) - datetime.fromisoformat(record.date) < timedelta(minutes=10)
    assert record.versions["python"] == platform.python_version()
    assert record.versions["lr_finder"] == lr_finder.__version__
    assert record.versions["numpy"] == np.__version__
    given = {"start_lr": 1e-6, "end_lr": 1.0, "num_it": 120, "stop_div": True, "wd": 0.1, "probes": 0, "warmup": False}
    assert record.options == given


def test_a_loop_of_ones_own_has_a_record_too():
    test = RangeTest(1e-3, 1.0, 2)
    test.record(1.0)
    assert test.result.record.options == {"start_lr": 1e-3, "end_lr": 1.0, "num_it": 2, "stop_div": True}


def test_what_was_measured_until_an_error_has_the_record_of_the_search():
    def failing(sweep):
        if len(sweep.lrs) > 30:
            raise ArithmeticError
        return ramp(sweep)

    with pytest.raises(ArithmeticError) as caught:
        search(failing)
    assert caught.value.partial_result.record.options == {"stop_div": True, "probes": 0, "warmup": False}


@pytest.mark.parametrize(
    ("given", "noted"),
    [
        ((1e-5, 1e-3), [1e-5, 1e-3]),
        (np.array([1e-5, 1e-3]), [1e-5, 1e-3]),
        (slice(1e-5, 1e-3), "slice(1e-05, 0.001, None)"),
        (ramp, "ramp"),
        (np.bool_(True), True),
    ],
)
def test_an_option_is_noted_as_json_has_it(given, noted):
    assert Record.now({"option": given}).options == {"option": noted}


def test_record_and_training_are_saved_and_loaded(tmp_path):
    result = search(ramp, start_lr=[1e-6], end_lr=1.0)
    result.save(tmp_path / "lr.json")
    loaded = RangeTestResult.load(tmp_path / "lr.json")
    assert loaded == result
    assert loaded.record == result.record
    assert loaded.curve.training == TRAINING


class Rate:
    """A rate as a tensor holds it."""

    def item(self):
        return 0.5


def test_of_a_parameter_group_its_numbers_are_settings():
    group = {"params": [1, 2.0, object()], "lr": Rate(), "betas": (0.9, 0.99), "foreach": None, "fused": True}
    group |= {"eps": 1e-8, "weight_decay": 0, "limit": float("inf"), "name": "head", "none": ()}
    assert settings_of(group) == {"lr": 0.5, "betas": [0.9, 0.99], "eps": 1e-8, "weight_decay": 0.0}

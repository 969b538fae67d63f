import json
import math
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curves import valley_curve
from lr_finder import Curve, NoSuggestionError, RangeTestResult, ResultFileError, StopReason
from lr_finder.core.record import Record
from lr_finder.curve.probe import Probe
from lr_finder.curve.training import Training

RESULT = RangeTestResult(valley_curve(), steps_taken=230)


class Optimizer:
    """All of an optimizer that `apply` needs; tests/integrations/torch/ has real ones."""

    def __init__(self, *lrs):
        self.param_groups = [{"lr": lr} for lr in lrs]


def test_a_result_shows_its_curve():
    assert RESULT.lrs.shape == RESULT.losses.shape == (200,)
    assert RESULT.group_lrs.shape == (200, 1)
    assert RESULT.to_records()[3] == {"step": 3, "lr": RESULT.lrs[3], "loss": RESULT.losses[3]}


def test_it_shows_itself_in_a_line():
    assert repr(RESULT).startswith(f"RangeTestResult({RESULT.suggestion}; 200 points, 230 steps")
    assert "no suggestion; 1 points" in repr(RangeTestResult(Curve([1e-3], [1.0]), 1))


def test_it_explains_what_to_do_then_how_sure_it_is_then_what_was_measured():
    to_do, how_sure, measured = RESULT.explain().split("\n")
    assert to_do.startswith(f"Start training with {RESULT.suggestion.lr:.2g}. ")
    assert how_sure.startswith("The best rate should lie between")
    assert how_sure.endswith(RESULT.suggestion.doubt)
    assert measured.startswith("In 200 training steps the learning rate climbed from 1e-06 to 10")
    assert "Another 30 steps" in measured
    assert RESULT.suggestion.seen in measured


@pytest.mark.parametrize("runs_away", [False, True])
def test_it_explains_that_the_loss_never_ran_away_unless_another_sweep_saw_it(runs_away):
    below = valley_curve(end=0.1)
    curve = Curve(below.lrs, below.losses, runs_away=runs_away)
    assert ("never ran away" in RangeTestResult(curve, 200).explain()) is not runs_away


def test_without_a_suggestion_it_explains_what_to_do_next_first():
    flat = RangeTestResult(Curve(np.geomspace(1, 2, 20), np.ones(20)), 20)
    to_do, seen, measured = flat.explain().split("\n")
    assert to_do.startswith("Check that it depends on the parameters that the optimizer holds")
    assert seen.startswith("There is no suggestion. The loss stayed at 1 whatever the rate")
    assert measured.startswith("In 20 training steps")


def test_a_reason_is_what_was_seen_and_why_the_confidence_is_what_it_is():
    suggestion = RESULT.suggestion
    assert f"{suggestion.seen} {suggestion.doubt}" == suggestion.reason
    assert suggestion.doubt.startswith(f"Confidence is {suggestion.confidence}: ")
    own = replace(suggestion, reason="As my rule has it.")
    assert (own.seen, own.doubt) == ("As my rule has it.", "")


def test_apply_sets_the_rate_and_keeps_the_ratios():
    optimizer = Optimizer(1e-5, 1e-3)
    lr = RESULT.suggestion.lr
    assert RESULT.apply(optimizer) == [(1e-5, pytest.approx(lr / 100)), (1e-3, pytest.approx(lr))]
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([lr / 100, lr])


def test_a_suggestion_is_written_as_a_number_is_or_whole():
    suggestion = RESULT.suggestion
    assert f"{suggestion:.2e}" == f"{suggestion.lr:.2e}"
    assert f"{suggestion}" == str(suggestion)


def test_apply_sets_what_each_group_was_searched_at_whatever_their_ratio_is_now():
    curve = valley_curve()
    both = replace(curve, group_lrs=np.stack([curve.lrs, curve.lrs], axis=1))
    result = RangeTestResult(both, steps_taken=200)
    optimizer = Optimizer(1e-4, 1e-2)
    result.apply(optimizer)
    assert [group["lr"] for group in optimizer.param_groups] == [result.suggestion.lr] * 2


def test_a_group_that_stood_still_keeps_its_rate():
    curve = valley_curve()
    result = RangeTestResult(replace(curve, group_lrs=np.stack([curve.lrs, 0 * curve.lrs], axis=1)), steps_taken=200)
    optimizer = Optimizer(1e-4, 1e-2)
    assert result.apply(optimizer)[1] == (1e-2, 1e-2)
    assert "none, as it stood still" in result.explain()


def test_apply_without_a_suggestion_leaves_the_optimizer_alone():
    optimizer = Optimizer(1e-3)
    with pytest.raises(NoSuggestionError):
        RangeTestResult(Curve([1e-3], [1.0]), 1).apply(optimizer)
    assert optimizer.param_groups == [{"lr": 1e-3}]


def test_apply_says_what_it_needs():
    with pytest.raises(TypeError, match=r"takes an optimizer with param_groups, .*got dict; where a function makes"):
        RESULT.apply({})


losses = st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=30)


momenta = st.none() | st.floats(0, 1, exclude_max=True)


@given(losses, st.sampled_from(StopReason), st.lists(st.text(), max_size=2), st.integers(1, 3), momenta)
def test_what_is_saved_is_what_is_loaded(tmp_path_factory, losses, reason, notes, groups, momentum):
    lrs = np.geomspace(1e-7, 10, 30)[: len(losses)]
    group_lrs = lrs[:, None] / np.arange(1, groups + 1)
    curve = Curve(lrs, losses, group_lrs, reason, tuple(notes), momentum=momentum)
    saved = RangeTestResult(curve, steps_taken=44)
    path = tmp_path_factory.mktemp("results") / "lr.json"
    saved.save(path)
    loaded = RangeTestResult.load(path)
    for name in ("lrs", "losses") + (("group_lrs",) if losses else ()):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(saved, name))
    assert (loaded.stop_reason, loaded.steps_taken, loaded.curve.notes) == (reason, 44, tuple(notes))
    assert loaded.curve.momentum == momentum
    assert loaded == saved


def test_equal_results_are_equal_and_others_are_not():
    curve = Curve([1e-3, 1e-2], [np.nan, 2.0])
    probe = Probe(1e-3, np.array([2.0, np.inf]), np.nan, -np.inf, 1)
    result = RangeTestResult(curve, 2, (probe,), record=Record.now({}))
    same = RangeTestResult(
        Curve([1e-3, 1e-2], [np.nan, 2.0]), 2, (Probe(1e-3, np.array([2.0, np.inf]), np.nan, -np.inf, 1),)
    )
    assert result == same
    assert hash(result) == hash(same)
    for other in (
        replace(result, steps_taken=3),
        replace(result, probes=()),
        replace(result, probes=(replace(probe, fall=0.0),)),
        replace(result, curve=replace(curve, losses=[np.nan, 2.1])),
        replace(result, curve=replace(curve, momentum=0.9)),
        curve,
    ):
        assert result != other


def test_results_with_and_without_a_control_are_not_equal():
    curve = valley_curve()
    controlled = replace(curve, control_losses=curve.losses)
    assert controlled != curve
    assert curve != controlled


def test_what_is_saved_is_there_as_a_dictionary_with_the_suggestion(tmp_path):
    RESULT.save(tmp_path / "lr.json")
    data = json.loads((tmp_path / "lr.json").read_text())
    assert data == RESULT.to_dict()
    assert data["suggestion"] == asdict(RESULT.suggestion)
    assert data["no_suggestion"] is None


def test_of_a_result_without_a_suggestion_the_dictionary_says_why():
    data = RangeTestResult(Curve([1e-3], [np.nan]), 1).to_dict()
    assert data["suggestion"] is None
    assert "nan at the first step" in data["no_suggestion"]
    assert data["losses"] == ["nan"]


def test_a_validation_loss_and_a_search_that_ended_before_its_first_step_are_saved(tmp_path):
    several = Training(optimizers=("SGD", "AdamW"))
    for curve in (
        replace(valley_curve(), validation_loss=0.5),
        Curve([], [], np.empty((0, 2)), StopReason.INTERRUPTED, training=several),
    ):
        result = RangeTestResult(curve, steps_taken=len(curve))
        result.save(tmp_path / "lr.json")
        assert RangeTestResult.load(tmp_path / "lr.json") == result


def test_a_file_of_an_earlier_release_has_no_record(tmp_path):
    path = tmp_path / "lr.json"
    path.write_text(saved_with())
    loaded = RangeTestResult.load(path)
    assert loaded.record is None
    assert loaded.curve.training is None


def test_a_csv_has_the_points(tmp_path):
    RESULT.save(tmp_path / "lr.csv")
    step, lr, loss = np.loadtxt(tmp_path / "lr.csv", delimiter=",", skiprows=1, unpack=True)
    np.testing.assert_array_equal(step, range(200))
    np.testing.assert_array_equal(lr, RESULT.lrs)
    np.testing.assert_array_equal(loss, RESULT.losses)


def test_another_kind_of_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"path must end in .json or .csv, got .*lr.pkl"):
        RESULT.save(tmp_path / "lr.pkl")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "lr.json"
    path.write_text("old")
    monkeypatch.setattr(json, "dump", lambda *_, **__: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        RESULT.save(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def saved_with(**changes):
    data = {"format": "lr_finder.RangeTestResult", "version": 1, "stop_reason": "COMPLETED", "steps_taken": 2}
    data |= {"notes": [], "lrs": [1e-3, 1e-2], "losses": [2.0, "nan"], "group_lrs": [[1e-3], [1e-2]]}
    data["probes"] = [{"lr": 1e-3, "losses": [2.0, 1.0], "validation_loss": None, "fall": 1.0}]
    return json.dumps({key: value for key, value in (data | changes).items() if value is not Ellipsis})


TRAINING = {"optimizer": "AdamW", "groups": [{"lr": 0.1}], "batch_size": 32, "seed": 0}

BAD_FILES = {
    "not JSON": ("{", "not readable as JSON"),
    "not text": ("\x00\x01", "not readable as JSON"),
    "too deep": ("[" * 100_000, "not readable as JSON"),
    "another format": ('{"format": "x"}', "it has no"),
    "no object": ("[1, 2]", "it has no"),
    "newer": (saved_with(version=2), "format version 2, and this lr_finder reads versions up to 1: a newer"),
    "version zero": (saved_with(version=0), "format version 0"),
    "rates of groups": (saved_with(group_lrs=[[1e-3, -1], [1e-2, 1]]), "damaged: .*group_lrs must be finite"),
    "transposed": (saved_with(group_lrs=[[1e-3, 1e-2]]), "damaged: .*group_lrs must have shape"),
    "version of another kind": (saved_with(version="1"), "format version '1'"),
    "missing": (saved_with(losses=...), "damaged: KeyError: 'losses'"),
    "text for numbers": (saved_with(losses=[1.0, "x"]), "damaged: .*expected a number, got 'x'"),
    "a yes for a number": (saved_with(lrs=[True, 1]), "damaged: .*expected a number, got True"),
    "lengths": (saved_with(losses=[1.0]), "damaged: .*same length, got 2 and 1"),
    "negative rate": (saved_with(lrs=[-1.0, 1.0]), "damaged: .*lrs must be finite and greater than 0"),
    "reason": (saved_with(stop_reason="BORED"), "damaged: KeyError: 'BORED'"),
    "steps": (saved_with(steps_taken=-1), "damaged: .*steps_taken must be"),
    "momentum": (saved_with(momentum=1), "damaged: .*momentum must be at least 0 and below 1, got 1"),
    "notes": (saved_with(notes=[1]), "damaged: .*notes must be"),
    "probe's rate": (
        saved_with(probes=[{"lr": 0, "losses": [], "validation_loss": None, "fall": 1}]),
        "damaged: .*of a probe",
    ),
    "probe's loss": (
        saved_with(probes=[{"lr": 1, "losses": [1], "validation_loss": "1", "fall": 1}]),
        "damaged: .*a number",
    ),
    "probe's fall": (
        saved_with(probes=[{"lr": 1, "losses": [1], "validation_loss": None, "fall": "nan"}]),
        "damaged: .*a fall below infinity",
    ),
    "probe": (saved_with(probes=[1]), "damaged"),
    "training": (saved_with(training=["AdamW"]), "damaged: .*expected an object"),
    "optimizer": (saved_with(training=TRAINING | {"optimizer": 1}), "damaged: .*expected a text, got 1"),
    "groups": (saved_with(training=TRAINING | {"groups": {}}), "damaged: .*groups must be a list"),
    "settings": (saved_with(training=TRAINING | {"groups": [{"lr": "x"}]}), "damaged: .*expected a number"),
    "batch size": (saved_with(training=TRAINING | {"batch_size": 1.5}), "damaged: .*a whole number"),
    "record": (saved_with(record=3), "damaged: .*expected an object"),
    "versions": (saved_with(record={"date": "", "versions": {"torch": 2}, "options": {}}), "damaged: .*a text"),
    "options": (saved_with(record={"date": "", "versions": {}, "options": {"wd": [[1]]}}), "damaged: .*a number"),
    "probes": (saved_with(probes={}), "damaged: .*probes must be a list"),
    "huge number": (saved_with(losses=[1, 10**400]), "damaged"),
}


@pytest.mark.parametrize(("content", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_that_is_no_result_is_refused_with_the_reason(tmp_path, content, message):
    path = tmp_path / "lr.json"
    path.write_text(content)
    with pytest.raises(ResultFileError, match=message):
        RangeTestResult.load(path)


def test_the_file_that_the_bad_ones_vary_is_good(tmp_path):
    path = tmp_path / "lr.json"
    path.write_text(saved_with())
    assert math.isnan(RangeTestResult.load(path).losses[1])

import pytest

from curves import valley_curve
from lr_finder import Curve, RangeTestResult, compare

LOW = RangeTestResult(valley_curve(), steps_taken=230)
HIGH = RangeTestResult(Curve(10 * valley_curve().lrs, valley_curve().losses), steps_taken=200)
NONE = RangeTestResult(Curve([1e-3], [float("nan")]), 1)


def test_the_table_has_a_line_for_each_result():
    comparison = compare({"AdamW": LOW, "SGD": HIGH, "broken": NONE})
    heads, *lines = comparison.table().split("\n")
    assert heads.split() == ["rate", "interval", "confidence", "lowest", "loss", "steps"]
    found = LOW.suggestion
    said = ["AdamW", f"{found.lr:.2g}", f"{found.low:.2g}", "..", f"{found.high:.2g}", found.confidence]
    assert lines[0].split() == [*said, f"{LOW.view().smoothed.min():.4g}", "230"]
    assert lines[2].split() == ["broken", "none", "-", "-", "-", "1"]
    assert str(comparison) == comparison.table()


def test_the_same_is_there_as_records():
    first, second = compare({"AdamW": LOW, "broken": NONE}).to_records()
    assert first == {
        "name": "AdamW",
        "lr": LOW.suggestion.lr,
        "low": LOW.suggestion.low,
        "high": LOW.suggestion.high,
        "confidence": LOW.suggestion.confidence,
        "lowest_loss": LOW.view().smoothed.min(),
        "steps": 230,
    }
    nothing = dict.fromkeys(("lr", "low", "high", "confidence", "lowest_loss"))
    assert second == {"name": "broken", **nothing, "steps": 1}


@pytest.mark.parametrize(
    ("results", "error", "message"),
    [
        ([LOW], TypeError, r'results must be a mapping: compare\(\{"AdamW": a, "SGD": b\}\), got list'),
        ({}, ValueError, "at least one result"),
        ({"a": LOW.curve}, TypeError, "got Curve for 'a'"),
        ({1: LOW, "1": LOW}, ValueError, "names that differ as text, got 1, '1'"),
    ],
)
def test_anything_else_than_results_by_name_is_refused(results, error, message):
    with pytest.raises(error, match=message):
        compare(results)

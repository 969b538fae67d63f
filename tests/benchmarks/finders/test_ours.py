from dataclasses import replace

import pytest
from benchmarks.finders.answers import Answer, Answers
from benchmarks.finders.ours import SEARCHES, for_one_cycle
from benchmarks.finders.table import all_answers

from lr_finder.curve.schedule import LAWS

FOUND = Answer("wine-sgd", 0, 0.1, 90, 0.5, 0.03, 0.3, "high")
REFUSED = Answer("wine-sgd", 1, None, 40, 0.2)


def test_the_peak_of_one_cycle_follows_the_law_and_a_refusal_stays_one():
    peaks = for_one_cycle(Answers("lr_finder", ["constant", "one_cycle"], [FOUND, REFUSED]))
    assert (peaks.finder, peaks.schedules) == ("lr_finder, schedule('one_cycle')", ["one_cycle"])
    assert peaks.given == [replace(FOUND, lr=pytest.approx(0.1 * LAWS["one_cycle"].factor(150))), REFUSED]


def test_the_peaks_of_every_search_are_in_the_table_once():
    names = [answers.finder for answers in all_answers()]
    assert len(set(names)) == len(names)
    assert {name for name in names if "schedule" in name} == {f"{name}, schedule('one_cycle')" for name in SEARCHES}

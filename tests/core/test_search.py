from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from lr_finder import Curve, NoSuggestionError, RangeTest, StopReason, search
from lr_finder.core.climbs import next_region
from lr_finder.core.control import NOTE


class Bowl:
    """Noisy gradient descent on a bowl with curvatures from 0.01 to `sharpest`, from the same start every time.

    Its batches add to the loss by their `hardness`, and are others in every ramp where they are shuffled.
    """

    def __init__(self, sharpest, noise=0.02, hardness=0.0, shuffled=False):
        self.noise = noise
        self.hardness = hardness
        self.shuffled = shuffled
        self.curvatures = np.geomspace(0.01, sharpest, 50)
        self.sweeps = []

    @property
    def climbs(self):
        """The sweeps that climb: all but those without training."""
        return [sweep for sweep in self.sweeps if sweep.shape != "constant"]

    def ramp(self, sweep):
        self.sweeps.append(sweep)
        test = RangeTest.over(sweep)
        weights, noise = np.ones(50), np.random.default_rng(0)
        batches = np.random.default_rng(len(self.sweeps) if self.shuffled else 1)
        for lr in test:
            loss = float((self.curvatures * weights**2).mean()) * (1 + self.noise * noise.normal())
            test.record(loss + self.hardness * batches.normal())
            weights -= lr * self.curvatures * weights
        return test.curve


def test_with_a_range_it_is_one_plain_ramp():
    bowl = Bowl(10.0)
    result = search(bowl.ramp, start_lr=1e-5, end_lr=1, num_it=50, wd=0.1)
    (sweep,) = bowl.sweeps
    assert (sweep.start_lr, sweep.end_lr, sweep.num_it, sweep.wd, sweep.shape) == (1e-5, 1, 50, 0.1, "exponential")
    assert result.steps_taken == len(result.lrs)


def test_a_bound_left_out_beside_one_given_has_the_reference_default():
    bowl = Bowl(10.0)
    search(bowl.ramp, start_lr=1e-3)
    search(bowl.ramp, end_lr=1e-3)
    assert [(s.start_lr, s.end_lr) for s in bowl.sweeps] == [(1e-3, 10.0), (1e-7, 1e-3)]


def pace(sweep):
    """Steps per decade of rate."""
    return (sweep.num_it - 1) / np.log10(sweep.end_lr / sweep.start_lr)


@pytest.mark.parametrize("sharpest", [0.3, 10.0, 1e3, 1e5])
@pytest.mark.parametrize("num_it", [30, 60, 100, 300])
def test_without_a_range_it_finds_where_the_loss_reacts(sharpest, num_it):
    """Descent is stable below a rate of 2 / curvature: the suggestion must lie within a decade and a half below."""
    bowl = Bowl(sharpest)
    result = search(bowl.ramp, num_it=num_it)
    assert 2 / sharpest / 30 < result.suggestion.lr < 2 / sharpest
    assert sum(sweep.num_it for sweep in bowl.sweeps) >= 42
    assert result.steps_taken <= 600
    assert all(sweep.start_lr < 2 / sharpest < sweep.end_lr for sweep in bowl.climbs)
    assert all(slower.num_it > sweep.num_it and pace(slower) > pace(sweep) for sweep, slower in pairwise(bowl.climbs))
    assert result.lrs[0] == bowl.climbs[-1].start_lr


@pytest.mark.parametrize("sharpest", [0.3, 10.0, 1e3, 1e5])
def test_the_more_steps_are_planned_the_slower_is_the_last_climb(sharpest):
    paces = []
    for num_it in (100, 300, 1000):
        bowl = Bowl(sharpest)
        search(bowl.ramp, num_it=num_it)
        paces.append(pace(bowl.climbs[-1]))
    assert all(slower > 1.5 * faster for faster, slower in pairwise(paces))


@pytest.mark.parametrize(
    ("noise", "hardness", "climbs"),
    [(0.002, 0.0, [20, 50]), (0.4, 0.0, [20, 50, 130]), (0.02, 1.0, [20, 50, 130, 325])],
    ids=["clear", "usual", "noisy"],
)
def test_left_to_itself_it_takes_the_steps_that_a_narrow_interval_needs(noise, hardness, climbs):
    bowl = Bowl(10.0, noise, hardness, shuffled=True)
    said = []
    result = search(bowl.ramp, plan=lambda steps, why: said.append(steps))
    assert [sweep.num_it for sweep in bowl.climbs] == climbs
    assert said[0] == 200
    assert result.steps_taken <= said[-1]


def test_what_is_asked_for_is_spent_however_clear_the_fall_is():
    bowl = Bowl(10.0, 0.002)
    search(bowl.ramp, num_it=200)
    assert [sweep.num_it for sweep in bowl.sweeps] == [20, 50, 130]


def test_a_look_that_runs_away_after_a_few_steps_tells_where_to_climb():
    bowl = Bowl(1e5)
    search(bowl.ramp, num_it=60)
    look, climb = bowl.sweeps[:2]
    assert len(bowl.ramp(look)) < 12
    assert climb.start_lr < 2 / 1e5 < climb.end_lr
    assert climb.end_lr / climb.start_lr < 1e4


def test_where_less_is_planned_than_a_look_and_a_climb_take_more_is_said_to_be_planned():
    said = []
    result = search(Bowl(10.0).ramp, num_it=20, plan=lambda steps, why: said.append(steps))
    assert said[:2] == [20, 42]
    assert result.steps_taken > 20
    bowl = Bowl(10.0)
    search(bowl.ramp, num_it=20, max_it=41)
    assert [sweep.num_it for sweep in bowl.sweeps] == [20]


@pytest.mark.parametrize("offset", [-1000.0, -1.0, 1000.0])
def test_adding_a_constant_to_the_loss_changes_neither_suggestion_nor_cost(offset):
    def shifted(sweep):
        curve = Bowl(10.0).ramp(sweep)
        return Curve(curve.lrs, curve.losses + offset, stop_reason=curve.stop_reason)

    plain, moved = search(Bowl(10.0).ramp, num_it=100), search(shifted, num_it=100)
    assert moved.suggestion.lr == pytest.approx(plain.suggestion.lr, rel=1e-6)
    assert moved.steps_taken == plain.steps_taken


def test_where_noise_hides_the_fall_it_climbs_again_more_slowly():
    bowl = Bowl(10.0, hardness=3.0, shuffled=True)
    result = search(bowl.ramp, num_it=100)
    assert [sweep.num_it for sweep in bowl.climbs] == [20, 80, 200, 500]
    assert result.lrs[0] == bowl.climbs[-1].start_lr


@pytest.mark.parametrize(
    ("hardness", "max_it", "climbs"),
    [(1.0, None, [20, 50, 130, 325]), (30.0, None, [20, 50, 130, 325, 502]), (30.0, 600, [20, 50, 130, 325])],
    ids=["in doubt", "hidden", "hidden, and no more allowed"],
)
def test_doubt_is_worth_fewer_steps_than_no_rate_at_all(hardness, max_it, climbs):
    bowl = Bowl(10.0, hardness=hardness, shuffled=True)
    result = search(bowl.ramp, max_it=max_it)
    assert [sweep.num_it for sweep in bowl.climbs] == climbs
    assert result.has_suggestion is (hardness == 1.0)


def only_faster_climbs_see_it(slowest):
    """A ramp in which the loss falls, but for the slowest climb of a search that plans for 300 steps."""
    noise = np.random.default_rng(0)

    def ramp(sweep):
        if sweep.num_it < 200:
            return Bowl(10.0).ramp(sweep)
        return slowest(sweep, 1 + 0.1 * noise.normal(size=sweep.num_it))

    return ramp


def test_what_a_slower_climb_does_not_see_was_noise():
    ramp = only_faster_climbs_see_it(lambda sweep, noise: Curve(sweep.lrs, noise))
    assert search(ramp, num_it=100).has_suggestion
    assert not search(ramp, num_it=300).has_suggestion


def test_a_slower_climb_that_the_data_cut_short_overrules_nothing():
    def cut_short(sweep, noise):
        return Curve(sweep.lrs[:40], noise[:40], stop_reason=StopReason.DATA_ENDED)

    assert search(only_faster_climbs_see_it(cut_short), num_it=300).has_suggestion


def test_a_climb_knows_that_one_before_it_ran_away():
    """It goes no further than that one did, and so need not see it itself."""
    bowl = Bowl(10.0)

    def ramp(sweep):
        curve = bowl.ramp(sweep)
        faster = len(bowl.climbs) < 3
        return curve if faster else replace(curve, stop_reason=StopReason.COMPLETED)

    slow = search(ramp, num_it=300).curve
    assert (slow.stop_reason, slow.runs_away) == (StopReason.COMPLETED, True)
    assert not search(Bowl(10.0).ramp, num_it=100).curve.runs_away


def test_where_the_batches_hide_the_fall_they_are_measured_without_training():
    """Three times as hard or easy as the whole fall: 130 steps tell what no number of them would otherwise."""
    bowl = Bowl(10.0, hardness=3.0)
    result = search(bowl.ramp)
    assert [sweep.num_it for sweep in bowl.climbs] == [20, 50, 130]
    control = bowl.sweeps[-1]
    assert (control.shape, control.num_it) == ("constant", len(result.curve))
    assert control.end_lr < 1e-3 * bowl.climbs[-1].start_lr
    np.testing.assert_allclose(result.suggestion.lr, search(Bowl(10.0).ramp, num_it=200).suggestion.lr, rtol=0.2)
    assert result.curve.notes == (NOTE,)
    assert result.steps_taken == sum(len(Bowl(10.0, hardness=3.0).ramp(sweep)) for sweep in bowl.sweeps)


def test_the_control_is_no_climb_that_an_interrupt_leaves():
    bowl = Bowl(10.0, hardness=3.0)

    def interrupted(sweep):
        if sweep.shape == "constant":
            with RangeTest.over(sweep) as test:
                for _ in range(60):
                    test.record(1.0)
                raise KeyboardInterrupt
        return bowl.ramp(sweep)

    with pytest.raises(KeyboardInterrupt) as caught:
        search(interrupted)
    partial_result = caught.value.partial_result
    assert len(partial_result.curve) == 119
    assert partial_result.lrs[0] < partial_result.lrs[-1]
    assert partial_result.steps_taken == sum(len(Bowl(10.0, hardness=3.0).ramp(sweep)) for sweep in bowl.sweeps) + 60


def test_data_that_end_in_the_control_leave_the_steps_that_there_were():
    bowl = Bowl(10.0, hardness=3.0)

    def short(sweep):
        curve = bowl.ramp(sweep)
        if sweep.shape == "constant":
            return Curve(curve.lrs[:100], curve.losses[:100], stop_reason=StopReason.DATA_ENDED)
        return curve

    result = search(short, max_it=320)
    assert np.isfinite(result.curve.control_losses).sum() == 100
    assert 2 / 10 / 30 < result.suggestion.lr < 2 / 10


def test_no_climb_is_made_that_is_not_slower_than_the_one_before():
    bowl = Bowl(10.0, hardness=3.0, shuffled=True)
    search(bowl.ramp, num_it=100, max_it=400)
    assert [sweep.num_it for sweep in bowl.climbs] == [20, 80, 200]
    bowl.sweeps.clear()
    search(bowl.ramp, num_it=100, max_it=150)
    assert [sweep.num_it for sweep in bowl.climbs] == [20, 80]


@pytest.mark.parametrize("max_it", [None, 350, 100])
def test_max_it_bounds_all_climbs(max_it):
    bowl = Bowl(10.0, noise=1.0)
    planned = []
    result = search(bowl.ramp, num_it=100, max_it=max_it, plan=lambda steps, why: planned.append(steps))
    assert result.steps_taken <= planned[-1] <= (max_it or 1000)


def test_where_the_loss_runs_away_at_once_the_rates_below_are_climbed_through():
    """The quick look was led by its last loss."""
    bowl = Bowl(10.0)

    def ramp(sweep):
        curve = bowl.ramp(sweep)
        if len(bowl.sweeps) == 1:
            return Curve(sweep.lrs, np.append(np.ones(sweep.num_it - 1), 0.0))
        return curve

    result = search(ramp)
    first, second = bowl.sweeps[1:3]
    assert first.start_lr > 2 / 10
    assert first.start_lr < second.end_lr < first.end_lr
    assert 2 / 10 / 30 < result.suggestion.lr < 2 / 10


def test_what_runs_away_whatever_the_rate_is_not_followed_down_for_ever():
    sweeps = []

    def ramp(sweep):
        sweeps.append(sweep)
        test = RangeTest.over(sweep)
        for step, _ in enumerate(test):
            test.record(1.5**step)
        return test.curve

    with pytest.raises(NoSuggestionError):
        _ = search(ramp).suggestion
    assert all(sweep.end_lr > 1e-7 for sweep in sweeps)


def test_the_next_climb_holds_most_rates_that_may_have_the_lowest_loss():
    """From 1e-2 on the loss is low, as one that does not care about the scale of the weights; the rest is noise."""
    lrs = np.geomspace(1e-4, 1e3, 40)
    losses = 3.6 - 0.2 / (1 + (1e-2 / lrs) ** 2)
    noise = 0.03 * np.random.default_rng(0).normal(size=(40, 40))
    bounds = [next_region(Curve(lrs, losses + row)) for row in noise]
    assert np.median([bound["start_lr"] for bound in bounds]) < 1e-2  # by the lowest alone it would be 0.04
    assert np.median([bound["end_lr"] for bound in bounds]) > 300  # and this 100


VALLEY_LRS = np.geomspace(1e-5, 10, 121)


def valley(lowest, until, stop_reason):
    """A curve without noise, up to some rate."""
    losses = 2 - np.exp(-0.5 * np.log10(VALLEY_LRS / lowest) ** 2)
    steps = np.searchsorted(VALLEY_LRS, until)
    return Curve(VALLEY_LRS[:steps], losses[:steps], None, stop_reason)


def test_the_next_climb_ends_where_the_one_before_ran_away_but_leaves_room_above_the_lowest():
    ended = valley(1e-2, 0.15, StopReason.DIVERGED)
    assert next_region(ended)["end_lr"] == pytest.approx(ended.lrs[-1])
    sudden = next_region(valley(1e-2, 0.02, StopReason.NOT_FINITE))
    assert sudden["end_lr"] == pytest.approx(10 * 100 * sudden["start_lr"])


def test_a_low_point_far_below_where_the_loss_ran_away_is_noise():
    ended = valley(1e-4, 5.0, StopReason.DIVERGED)
    assert next_region(ended)["start_lr"] == pytest.approx(ended.lrs[-1] / 100 / 100)


def test_data_that_end_are_not_asked_for_more():
    bowl = Bowl(10.0, noise=1.0)

    def ramp(sweep):
        curve = bowl.ramp(sweep)
        if len(curve) < 25:
            return curve
        return Curve(curve.lrs[:25], curve.losses[:25], None, StopReason.DATA_ENDED)

    search(ramp, num_it=300)
    assert [sweep.num_it for sweep in bowl.sweeps] == [20, 50]


def test_a_climb_that_was_still_falling_at_its_end_goes_on_above():
    """The quick look sees nothing but a dip; the climb that starts there sees the loss fall to its end."""
    bowl = Bowl(10.0)

    def ramp_with_a_dip(sweep):
        curve = bowl.ramp(sweep)
        losses = curve.losses.copy()
        if sweep.num_it == 20:
            losses[:] = losses[0]
            losses[np.argmin(abs(np.log(curve.lrs / 1e-4)))] = -1
        return Curve(curve.lrs, losses)

    result = search(ramp_with_a_dip, num_it=100)
    first, second = bowl.sweeps[1:3]
    assert first.end_lr < 0.01
    assert second.end_lr > 10 * first.end_lr
    assert 2 / 10.0 / 30 < result.suggestion.lr < 2 / 10.0


def test_a_look_that_runs_away_at_its_last_step_is_no_longer_led_by_the_noise():
    """Twenty steps end before the rule is sure; the lowest of the losses before is noise."""

    def ramp(sweep):
        curve = Bowl(10.0).ramp(sweep)
        if sweep.num_it == 20:
            losses = 1 + 0.01 * np.sin(np.arange(20.0))
            losses[2], losses[-1] = 0.98, 3.0
            return Curve(sweep.lrs, losses)
        sweeps.append(sweep)
        return curve

    sweeps = []
    search(ramp, num_it=100)
    assert sweeps[0].start_lr > 1e-3


def test_a_climb_that_began_too_high_is_followed_by_one_from_lower_rates():
    """The second climb sees the loss fall within its first steps, and little after."""
    bowl = Bowl(10.0)

    def too_high(sweep):
        curve = bowl.ramp(sweep)
        if len(bowl.sweeps) != 3:
            return curve
        steps = np.arange(sweep.num_it)
        losses = np.exp(-steps / 3) + 0.1 * (1 - steps / len(steps)) + 0.001 * np.sin(steps)
        losses[-20:] = np.linspace(0.01, 2, 20)
        return Curve(sweep.lrs, losses)

    result = search(too_high, num_it=300)
    second, third = bowl.sweeps[2:]
    assert third.start_lr == pytest.approx(second.start_lr / 100)
    assert third.num_it == 2.5 * second.num_it
    assert result.lrs[0] == third.start_lr


def test_too_few_steps_for_two_ramps_make_one_over_the_whole_range():
    bowl = Bowl(10.0)
    search(bowl.ramp, num_it=10, max_it=40)
    assert [(s.start_lr, s.end_lr, s.num_it) for s in bowl.sweeps] == [(1e-7, 10.0, 10)]


def test_a_loss_that_no_rate_moves_gets_no_suggestion():
    def ramp(sweep):
        return Curve(sweep.lrs, np.ones(sweep.num_it), stop_reason=StopReason.COMPLETED)

    result = search(ramp)
    assert result.steps_taken == 20  # the quick look has seen every rate
    with pytest.raises(NoSuggestionError, match="stayed at 1 whatever the rate"):
        _ = result.suggestion


def test_losses_that_are_the_same_at_very_different_rates_get_no_suggestion():
    """Batches in the order of their classes: without training, the loss goes up and down with them."""
    of_batches = np.repeat(np.random.default_rng(3).normal(size=40), 10)

    def ramp(sweep):
        return Curve(sweep.lrs, of_batches[: sweep.num_it])

    result = search(ramp)
    assert result.steps_taken == 70
    with pytest.raises(NoSuggestionError, match="the same on the same batches at very different rates"):
        _ = result.suggestion


def test_an_exception_that_takes_no_attributes_goes_through():
    class Bare(Exception):
        __slots__ = ()

        def __setattr__(self, name, value):
            raise TypeError("no attributes")

    bowl = Bowl(10.0)

    def failing(sweep):
        if len(bowl.sweeps) == 2:
            raise Bare
        return bowl.ramp(sweep)

    with pytest.raises(Bare):
        search(failing, num_it=300)


def test_a_loss_that_is_not_finite_at_once_ends_the_search_at_once():
    def ramp(sweep):
        return Curve(sweep.lrs[:1], [np.nan], stop_reason=StopReason.NOT_FINITE)

    result = search(ramp)
    assert result.steps_taken == 1
    with pytest.raises(NoSuggestionError, match="was nan at the first step"):
        _ = result.suggestion


class PressedTwice(KeyboardInterrupt):
    """Ctrl-C, and once more while something is left on it."""

    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        raise KeyboardInterrupt("the second")


def test_a_second_control_c_does_not_take_the_place_of_the_first_with_its_curve():
    first = PressedTwice()

    def ramp(sweep):
        if sweep.num_it < 20:
            return Curve(sweep.lrs, np.linspace(2, 1, sweep.num_it))
        raise first

    with pytest.raises(KeyboardInterrupt) as caught:
        search(ramp, num_it=60)
    assert caught.value is first
    assert len(first.partial_result.losses) > 0


def test_data_that_end_are_named_with_what_to_do():
    def ramp(sweep):
        return Curve(sweep.lrs[:9], np.linspace(2, 1, 9), stop_reason=StopReason.DATA_ENDED)

    with pytest.raises(NoSuggestionError, match="The data ended: give a loader that can start over"):
        _ = search(ramp).suggestion


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_it": 1}, "num_it"),
        ({"start_lr": 0}, "start_lr"),
        ({"start_lr": 1, "end_lr": 0.1}, "start_lr must be smaller"),
    ],
)
def test_bad_arguments_are_refused_before_any_step(arguments, message):
    bowl = Bowl(1.0)
    with pytest.raises(ValueError, match=message):
        search(bowl.ramp, **arguments)
    assert bowl.sweeps == []


def test_a_ramp_that_returns_something_else_than_its_curve_is_told():
    with pytest.raises(TypeError, match=r"ramp must return a Curve, .*, got NoneType"):
        search(lambda sweep: None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start_lr": ["a"]}, "start_lr must be a number, one number per parameter group or a slice"),
        ({"schedule": ["cosine"]}, "schedule must be"),
    ],
)
def test_what_is_wrong_with_an_option_is_said_of_that_option(options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        search(Bowl(10.0).ramp, **options)


def test_a_rate_without_axes_is_a_number():
    result = search(Bowl(10.0).ramp, start_lr=np.array(1e-4), end_lr=np.float32(1), num_it=20)
    assert result.record.options["start_lr"] == 1e-4


def test_a_plain_ramp_has_not_looked_for_its_range():
    result = search(Bowl(10.0).ramp, start_lr=1e-4, end_lr=10, num_it=60, warmup=True)
    assert "steps tried warm-ups." in result.explain()
    assert "found where to look" not in result.explain()

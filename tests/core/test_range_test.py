import math

import numpy as np
import pytest

from lr_finder import RangeTest, StopReason, Sweep
from lr_finder.core.step import SharedRead
from lr_finder.errors import DataEndedError


def drive(test, losses):
    """Feeds losses to a range test until it has ended; the rates that it asked for."""
    return [test.record(loss) or lr for lr, loss in zip(test, losses, strict=False)]


def test_the_rate_recorded_is_the_rate_asked_for():
    test = RangeTest(1e-3, 10, 20, stop_div=False)
    asked = drive(test, range(20))
    assert asked == test.result.lrs.tolist()
    assert asked[0] == 1e-3
    assert asked[-1] == 10
    assert test.result.losses.tolist() == list(range(20))
    assert test.stop_reason is StopReason.COMPLETED


def test_a_step_that_was_skipped_is_no_point_and_keeps_its_rate():
    test = RangeTest(1e-3, 10, 5, stop_div=False)
    asked = drive(test, [1, None, 2, None, None, 3, 4, 5])
    assert asked[0:2] == [1e-3, test.result.lrs[1]]
    assert asked[1] == asked[2]
    assert test.result.losses.tolist() == [1, 2, 3, 4, 5]
    assert test.steps_taken == 5


def test_an_optimizer_that_no_longer_steps_is_told():
    test = RangeTest(1e-3, 10, 5)
    drive(test, [1.0, 1.0])
    with pytest.raises(RuntimeError, match="no optimizer step was taken in 1000 batches"):
        drive(test, [None] * 1001)


def test_a_loop_over_the_rates_may_tell_each_batch():
    test = RangeTest(1e-3, 10, 3)
    for batch, _ in enumerate(test):
        test.add_batch(float(batch))
        test.end_step(has_stepped=batch % 2 == 1)
    assert test.curve.losses.tolist() == [0.5, 2.5, 4.5]


def test_the_loss_is_one_number_whatever_its_axes():
    test = RangeTest(1e-3, 10, 2)
    drive(test, [np.array([1.0]), np.array([[2.0]])])
    assert test.curve.losses.tolist() == [1.0, 2.0]
    with pytest.raises(TypeError, match="the loss must be one number, got dict"):
        RangeTest(1e-3, 10, 2).record({"loss": 1.0})


def test_steps_that_overshot_are_none_that_looked_for_the_range():
    test = RangeTest(1e-3, 10, 12, read_every=7)
    drive(test, [2.0, 1.5, 1.0, 0.8, 0.9, 4.0, 30.0, 500.0, 1e4, 1e5, 1e6, 1e7])
    assert len(test.curve) < test.steps_taken
    assert test.result.steps_taken == len(test.curve)


def test_a_number_beside_bounds_by_group_is_that_of_every_group():
    test = RangeTest(1e-7, [0.1, 10.0], 3, current_lrs=[1e-3, 1e-4])
    np.testing.assert_allclose(test.group_lrs, [1e-7, 1e-7])
    drive(test, [1.0, 1.0, 1.0])
    np.testing.assert_allclose(test.curve.lrs, test.curve.group_lrs[:, 1])


def test_a_rate_without_axes_is_a_number():
    assert RangeTest(np.array(1e-3), np.float32(10.0), 2).result.record.options["start_lr"] == 1e-3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"read_every": 0}, "read_every must be at least 1, got 0"),
        ({"hold": 1.5}, "hold must be from 0 to 98 of 100 steps, got 1.5"),
        ({"shape": "constant"}, "start_lr and end_lr must be the same with shape='constant', got 1e-07 and 10"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        RangeTest(**options)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_losses_that_are_not_finite_stop_the_sweep_and_a_stray_one_does_not(bad):
    test = RangeTest(1e-3, 10, 20)
    drive(test, [1.0, bad, 1.0, 1.0, bad, 1.0, bad, bad])
    assert test.stop_reason is StopReason.NOT_FINITE
    np.testing.assert_array_equal(test.result.losses, [1.0, bad, 1.0, 1.0, bad, 1.0, bad, bad])


def test_without_stop_div_nothing_stops_it():
    test = RangeTest(1e-3, 10, 6, stop_div=False)
    drive(test, [1.0, math.nan, 1e30, math.inf, -1, 0])
    assert len(test.result.lrs) == 6
    assert test.stop_reason is StopReason.COMPLETED


@pytest.mark.parametrize("read_every", [1, 2, 3, 7, 100])
def test_losses_read_late_give_the_curve_of_losses_read_at_once(read_every):
    losses = [2.0, 1.5, 1.0, 0.8, 0.9, 4.0, 30.0, 500.0, 1e4, 1e5, 1e6, 1e7]
    at_once = RangeTest.over(Sweep(1e-3, 10, 12))
    drive(at_once, losses)
    late = RangeTest.over(Sweep(1e-3, 10, 12), read_every=read_every)
    drive(late, losses)
    assert at_once.stop_reason is late.stop_reason is StopReason.DIVERGED
    assert late.curve.losses.tolist() == at_once.curve.losses.tolist()
    assert late.curve.lrs.tolist() == at_once.curve.lrs.tolist()
    assert late.steps_taken >= at_once.steps_taken


def test_losses_wait_until_they_are_read_together():
    reads = []

    def read(losses):
        reads.append(len(losses))
        return losses

    test = RangeTest.over(Sweep(1e-3, 10, 10), read=read, read_every=4)
    drive(test, [1.0] * 10)
    assert reads == [4, 4, 2]


def test_leaving_the_loop_early_keeps_what_was_measured():
    test = RangeTest(1e-3, 10, 20)
    for lr in test:
        test.record(1.0)
        if lr > 0.1:
            break
    assert test.stop_reason is StopReason.INTERRUPTED
    assert 0.1 < test.result.lrs[-1] < 0.2


def test_a_loop_that_does_not_record_is_told_so():
    with pytest.raises(RuntimeError, match="must be called once for each rate"):
        for _ in RangeTest(1e-3, 10, 20):
            pass


def test_recording_after_the_end_is_told_so():
    test = RangeTest(1e-3, 10, 2)
    drive(test, [1, 1])
    with pytest.raises(RuntimeError, match="after the end of the sweep: the sweep reached its last rate"):
        test.record(1)


def test_an_exception_can_carry_what_was_measured():
    test = RangeTest(1e-3, 10, 20)
    error = KeyboardInterrupt()
    test.record(3.0)
    test.keep_partial(error)
    assert error.partial_result.losses.tolist() == [3.0]
    assert error.partial_result.stop_reason is StopReason.INTERRUPTED


class PressedTwice(KeyboardInterrupt):
    """Ctrl-C, and once more while something is left on it."""

    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        raise KeyboardInterrupt("the second")


def test_a_second_control_c_does_not_take_the_place_of_the_first_with_its_curve():
    test = RangeTest(num_it=5)
    test.record(3.0)
    first = PressedTwice()
    test.keep_partial(first)
    assert first.partial_result.losses.tolist() == [3.0]


@pytest.mark.parametrize("momentum", [-0.1, 1, float("nan")])
def test_a_momentum_that_is_none_is_refused_before_the_first_step(momentum):
    with pytest.raises(ValueError, match="momentum must be at least 0 and below 1, got"):
        RangeTest(momentum=momentum)


def told(batches, **options):
    """The losses recorded of batches, each with whether the optimizer stepped on it."""
    test = RangeTest(1e-3, 10, 20, stop_div=False, **options)
    for loss, has_stepped in batches:
        test.add_batch(loss)
        test.end_step(has_stepped)
    return test.curve.losses.tolist()


def test_the_loss_of_a_step_is_the_mean_of_its_batches():
    assert told([(4.0, False), (2.0, True), (5.0, True), (1.0, False), (1.0, False), (4.0, True)]) == [3.0, 5.0, 2.0]


def test_batches_after_the_last_step_are_no_step():
    assert told([(4.0, True), (2.0, False)]) == [4.0]


def test_a_batch_that_was_left_out_has_no_part_in_its_step():
    assert told([(None, False), (4.0, True), (None, True), (2.0, True)]) == [4.0, 2.0]


def test_the_rate_stays_until_the_optimizer_has_stepped():
    test = RangeTest(1e-3, 10, 5)
    test.add_batch(1.0)
    test.end_step(has_stepped=False)
    assert test.lr == 1e-3
    test.end_step()
    assert test.lr == test.result.lrs[0] * 10


@pytest.mark.parametrize("lost", [math.nan, math.inf])
def test_a_lost_loss_is_recorded_although_its_step_was_skipped(lost):
    test = RangeTest(1e-3, 10, 20)
    for loss in [3.0, 2.0, lost, lost, lost]:
        test.add_batch(loss)
        test.end_step(has_stepped=loss != lost and math.isfinite(loss))
    assert test.stop_reason is StopReason.NOT_FINITE
    assert len(test.curve) == 5


def test_a_lost_loss_is_looked_for_only_as_often_as_losses_are_read():
    reads = []

    def read(losses):
        reads.append(len(losses))
        return [float(loss) for loss in losses]

    test = RangeTest(1e-3, 10, 20, read=read, read_every=4)
    for batch in range(1, 9):
        test.add_batch(math.nan)
        test.end_step(has_stepped=False)
        assert test.steps_taken == batch // 4
    assert reads == [1, 1]  # once for each of the two that were lost, and neither is read as a step yet
    assert test.curve.stop_reason is StopReason.NOT_FINITE


def test_accumulating_reads_no_loss():
    reads = []

    def read(losses):
        reads.append(len(losses))
        return [float(loss) for loss in losses]

    test = RangeTest(1e-3, 10, 20, read=read, read_every=2)
    for batch in range(1, 17):
        test.add_batch(1.0)
        test.end_step(has_stepped=batch % 4 == 0)
    assert reads == [1, 2, 2]  # once in the first step, of whose length nothing is known


def test_a_training_that_never_steps_is_told():
    test = RangeTest(1e-3, 10, 20)
    with pytest.raises(RuntimeError, match="1000 batches: the training never called step"):  # noqa: PT012
        for _ in range(2000):
            test.add_batch(1.0)
            test.end_step(has_stepped=False)


@pytest.mark.parametrize("loss", [np.ones(2), np.ones((1, 3)), np.ones(0)], ids=["two", "three", "none"])
def test_a_loss_that_is_no_scalar_is_refused(loss):
    with pytest.raises(ValueError, match=r"the loss must be a scalar, got a tensor of shape"):
        RangeTest(1e-3, 10, 20).add_batch(loss)
    with pytest.raises(ValueError, match=r"the loss must be a scalar, got a tensor of shape"):
        RangeTest(1e-3, 10, 20).record(loss)


def test_each_step_is_reported_once():
    steps = []
    test = RangeTest(1e-3, 10, 4, on_step=lambda: steps.append(test.steps_taken))
    drive(test, [1.0, None, 2.0, 3.0, 4.0])
    assert steps == [1, 2, 3, 4]


@pytest.mark.parametrize("error", [ArithmeticError("in a step"), KeyboardInterrupt()], ids=["raises", "Ctrl-C"])
def test_what_ends_the_block_carries_what_was_measured(error):
    test = RangeTest(1e-3, 10, 20)
    with pytest.raises(type(error)) as caught, test:  # noqa: PT012
        test.record(2.0)
        test.record(1.0)
        raise error
    assert caught.value is error
    assert error.partial_result.losses.tolist() == [2.0, 1.0]
    assert error.partial_result.stop_reason is StopReason.INTERRUPTED


def test_data_that_end_in_the_block_end_the_sweep_and_no_more():
    test = RangeTest(1e-3, 10, 20)
    with test:
        test.record(2.0)
        raise DataEndedError
    assert test.stop_reason is StopReason.DATA_ENDED
    assert test.curve.losses.tolist() == [2.0]


def test_an_error_waits_for_no_loss_that_other_processes_would_have_to_read_too():
    class OthersAreGone(SharedRead):
        def __call__(self, losses):
            raise AssertionError("no other process reads along")

        def meet(self):
            raise AssertionError("no other process comes")

    test = RangeTest(1e-3, 10, 20, read=OthersAreGone(), read_every=8)
    error = ArithmeticError()
    with pytest.raises(ArithmeticError), test:  # noqa: PT012
        test.record(1.0)
        raise error
    assert len(error.partial_result.losses) == 0


def test_processes_meet_after_they_have_validated_and_before_they_read_its_loss():
    happened = []

    class Together(SharedRead):
        def __call__(self, losses):
            happened.append(f"read {len(losses)}")
            return [float(loss) for loss in losses]

        def meet(self):
            happened.append("meet")

    def validate():
        happened.append("validate")
        return 0.5

    test = RangeTest(1e-3, 10, 2, read=Together(), read_every=8, validate=validate)
    drive(test, [2.0, 1.0])
    assert happened == ["read 2", "validate", "meet", "read 1"]
    assert test.curve.validation_loss == 0.5

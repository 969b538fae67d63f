"""Losses that several processes share: read eight at a time, and the curve is that of a message for each."""

import os
from unittest.mock import patch

import pytest
import torch
import torch.distributed as dist
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState
from torch.utils.data import DataLoader, TensorDataset

from integrations.torch.ranks import Loss, data, launch, network, shared
from lr_finder import StopReason, lr_find

pytestmark = pytest.mark.slow

CLIMB = {"start_lr": 1e-3, "end_lr": 50, "num_it": 60}  # runs away at about two thirds of it
GENTLE = {"start_lr": 1e-3, "end_lr": 0.1, "num_it": 21}


def usual(rank, ranks, loss_fn=None, **options):
    model, optimizer = shared()
    return lr_find(model, optimizer, loss_fn or Loss(rank), data(rank, ranks), progress=False, **options)


def runs_away(rank, ranks):
    return usual(rank, ranks, **CLIMB)


def runs_away_three_steps_later(rank, ranks):
    return usual(rank, ranks, **{**CLIMB, "num_it": 64})


def never_stops(rank, ranks):
    return usual(rank, ranks, stop_div=False, **CLIMB)


def finds_the_range(rank, ranks):
    return usual(rank, ranks, num_it=60)


def one_nan(rank, ranks):
    return usual(rank, ranks, Loss(rank, 6), **GENTLE)


def nan_from_one(rank, ranks):
    def nan_from_now_on(loss):
        loss_fn._call += 1
        return loss * float("nan")

    loss_fn = Loss(rank, 6, nan_from_now_on)
    return usual(rank, ranks, loss_fn, **GENTLE)


def accumulates(rank, ranks):
    return usual(rank, ranks, accumulation_steps=3, **CLIMB)


def step_that_accumulates(rank, ranks):
    model, optimizer = shared()
    loss_fn = Loss(rank)
    calls = []

    def step(batch):
        calls.append(1)
        loss = loss_fn(model(batch[0]), batch[1])
        (loss / 3).backward()
        if len(calls) % 3 == 0:
            optimizer.step()
            optimizer.zero_grad()
        return loss

    return lr_find(step, optimizer=optimizer, train_loader=data(rank, ranks), state=[model], progress=False, **CLIMB)


def of_a_stream(rank, ranks):
    model, optimizer = shared()
    return lr_find(model, optimizer, Loss(rank), iter(data(rank, ranks, 80)), progress=False, **CLIMB)


def with_accelerate(rank, ranks):
    processes = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": ranks, "MASTER_ADDR": "localhost", "MASTER_PORT": 1}
    with patch.dict(os.environ, {name: str(value) for name, value in processes.items()}):
        accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
        model, loader = network(), DataLoader(TensorDataset(*map(torch.cat, zip(*data(0, 1), strict=True))), 4)
        prepared = accelerator.prepare(model, torch.optim.SGD(model.parameters(), lr=0.1), loader)
        assert accelerator.num_processes == ranks
        result = lr_find(*prepared[:2], Loss(rank), prepared[2], progress=False, **CLIMB)
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()
    return result


SAME = [
    *(runs_away, runs_away_three_steps_later, never_stops, finds_the_range),
    *(one_nan, nan_from_one, accumulates, step_that_accumulates, of_a_stream, with_accelerate),
]
"""Searches whose curve must not depend on when the losses are read."""


class BothWays:
    """A search with a message for every loss, and again as it is; what it found, and how many messages it sent."""

    def __init__(self, search):
        self._search = search

    def __call__(self, rank, ranks):
        found = []
        for every in (1, 8):
            with (
                patch("lr_finder.integrations.torch.optimizer_sweep.READ_EVERY", every),
                patch.object(dist, "all_gather", wraps=dist.all_gather) as gather,
            ):
                result = self._search(rank, ranks)
                found.append((result.losses.tolist(), result.stop_reason, result.steps_taken, gather.call_count))
        return found


def scaled(rank, ranks, loss_fn):
    return usual(rank, ranks, loss_fn, scaler=torch.amp.GradScaler("cpu", init_scale=2.0), **GENTLE)


def scaler_that_skips_one(rank, ranks):
    found = scaled(rank, ranks, Loss(rank, 6))
    return found.losses.tolist(), found.stop_reason


def scaler_that_skips_all(rank, ranks):
    def nan_from_now_on(loss):
        loss_fn._call += 1
        return loss * float("nan")

    loss_fn = Loss(rank, 6, nan_from_now_on)
    found = scaled(rank, ranks, loss_fn)
    return found.losses.tolist(), found.stop_reason


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    cases = {search.__name__: BothWays(search) for search in SAME}
    cases |= {case.__name__: case for case in (scaler_that_skips_one, scaler_that_skips_all)}
    return launch(cases, tmp_path_factory.mktemp("two"))


@pytest.fixture(scope="module")
def found_by_four(tmp_path_factory):
    return launch({"runs_away": BothWays(runs_away), "one_nan": BothWays(one_nan)}, tmp_path_factory.mktemp("four"), 4)


def check_same(of_each_rank):
    for at_once, late in of_each_rank:
        assert repr(at_once[:3]) == repr(late[:3])  # of a NaN too
    (_, late), *others = of_each_rank
    assert all(repr(other) == repr(late) for _, other in others)
    return late


@pytest.mark.parametrize("search", [search.__name__ for search in SAME])
def test_the_curve_is_bit_for_bit_that_of_a_message_for_every_loss(found, search):
    losses, *_ = check_same(found[search])
    assert len(losses) > 7


@pytest.mark.parametrize("search", ["runs_away", "one_nan"])
def test_so_it_is_for_four_processes(found_by_four, search):
    check_same(found_by_four[search])


@pytest.mark.parametrize("search", [search.__name__ for search in SAME])
def test_there_is_at_most_one_message_in_eight_steps(found, search):
    (_, (*_, steps, messages)), _ = found[search]
    ramps = 5 if search == "finds_the_range" else 1
    beforehand = search == "of_a_stream"
    # For each ramp one more: for what overshot, or for the end, which may come within a window.
    assert 0 < messages <= steps / 8 + ramps + beforehand


def test_a_loss_that_runs_away_within_a_window_ends_the_curve_there(found):
    lengths = [len(check_same(found[search])[0]) for search in ("runs_away", "runs_away_three_steps_later")]
    assert any(length % 8 for length in lengths)
    assert all(found[search][0][1][1] is StopReason.DIVERGED for search in ("runs_away", "runs_away_three_steps_later"))


@pytest.mark.parametrize(
    ("case", "reason"),
    [("scaler_that_skips_one", StopReason.COMPLETED), ("scaler_that_skips_all", StopReason.NOT_FINITE)],
)
def test_processes_whose_scaler_skips_for_a_nan_in_one_stay_in_step(found, case, reason):
    (losses, stop_reason), other = found[case]
    assert repr(other) == repr((losses, stop_reason))
    assert stop_reason is reason

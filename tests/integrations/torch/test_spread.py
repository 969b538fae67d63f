"""Every way of spreading a training over processes, in four real ones, against one process that sees all batches."""

import json
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.distributed.fsdp import FullyShardedDataParallel
from torch.nn.parallel import DistributedDataParallel

from integrations.torch.spread_trainings import (
    OLDEST_TORCH,
    RANKS,
    TRAININGS,
    Training,
    communication_hook,
    flat_parameters,
    hybrid_fsdp2,
    model,
    original_parameters,
)
from lr_finder import lr_find
from lr_finder.preserve import preserve

pytestmark = pytest.mark.slow

WARM_UPS = [0, 3]
"""Steps before the search: some ways of spreading a model set themselves up at its first."""


def search(training, **options):
    options = {"start_lr": 1e-3, "end_lr": 50, "num_it": 60, "progress": False, **options}
    return lr_find(
        training.step, optimizer=training.optimizer, train_loader=training.batches, state=training.state, **options
    )


class StepCutShortError(Exception):
    """Raised in the middle of a step."""


def search_until_a_forward_pass_is_cut_short(training):
    """The forward pass of the sixth step ends in an error: what was gathered for it is gathered still."""
    search_until_the_sixth(training, training.net, give_up)


def search_until_a_backward_pass_is_cut_short(training):
    """The same in the middle of a backward pass: the last layer has come to its end, and the first has not begun."""
    first = next(module for module in training.net.modules() if isinstance(module, nn.Linear))
    search_until_the_sixth(training, first, lambda output: output.register_hook(give_up))


def search_until_the_sixth(training, module, interrupt):
    """A search that ends with what is done with the module's output in the sixth step."""
    passes = []

    def count(module, inputs, output):
        passes.append(output)
        if len(passes) == 6:
            interrupt(output)

    hook = module.register_forward_hook(count)
    with pytest.raises(StepCutShortError):
        search(training)
    hook.remove()


def give_up(tensor):
    raise StepCutShortError


def train_in_a_block(training):
    before = [parameter.grad for parameter in training.net.parameters()]
    with preserve(training.net, training.optimizer):
        training.train()
    assert [parameter.grad for parameter in training.net.parameters()] == before


def amid_accumulation(make, rank, hold_back=FullyShardedDataParallel.no_sync):
    """A training whose gradients are held back, each of the whole: they are not yet sent to their shards."""
    training = make(rank)
    training.train(3)
    inputs, targets = training.batches[0]
    with hold_back(training.net):
        nn.functional.mse_loss(training.net(inputs), targets).backward()
    return training


@contextmanager
def no_exchange(net):
    """What FSDP2 has in place of `no_sync`."""
    net.set_requires_gradient_sync(False)
    yield
    net.set_requires_gradient_sync(True)


@contextmanager
def no_exchange_between_replicas(net):
    net.set_requires_all_reduce(False)
    yield
    net.set_requires_all_reduce(True)


DISTURBANCES = {
    "a search with a communication hook": (communication_hook, 3, search),
    "a block amid accumulation": (partial(amid_accumulation, flat_parameters), 0, train_in_a_block),
    "a block amid accumulation with original parameters": (
        partial(amid_accumulation, original_parameters),
        0,
        train_in_a_block,
    ),
}
"""What leaves nothing changed, beside the searches of `TRAININGS`: a training, steps before it, the disturbance."""
SHARDED = {"FSDP1": flat_parameters, "FSDP1 and original parameters": original_parameters, "FSDP2": hybrid_fsdp2}
if OLDEST_TORCH:
    SHARDED.pop("FSDP2")
for way, make in SHARDED.items():
    DISTURBANCES[f"a forward pass cut short with {way}"] = (make, 3, search_until_a_forward_pass_is_cut_short)
    for warm_up in WARM_UPS:
        name = f"a backward pass cut short with {way}, after {warm_up}"
        DISTURBANCES[name] = (make, warm_up, search_until_a_backward_pass_is_cut_short)
if not OLDEST_TORCH:
    for hold_back in (no_exchange, no_exchange_between_replicas):
        make = partial(amid_accumulation, hybrid_fsdp2, hold_back=hold_back)
        DISTURBANCES[f"a block amid accumulation with FSDP2, {hold_back.__name__}"] = (make, 0, train_in_a_block)


def changes_nothing(rank, make, warm_up, disturb):
    """What a disturbance gives, and whether losses and weights after it are, bit for bit, those without it."""
    after = []
    for is_disturbed in (True, False):
        training = make(rank)
        if training is None:
            return None, True
        training.train(warm_up)
        if is_disturbed:
            found = disturb(training)
        after.append(training.train())
    return found, after[0] == after[1]


def alone(net, rank, **options):
    return search(Training(net, (rank, RANKS)), **options)


def work(rank, folder):
    """What each process does; what it found goes into a file of its own."""
    torch.set_num_threads(1)  # four processes have few cores as a rule
    store = dist.FileStore(f"{folder}/store", RANKS)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=RANKS, timeout=timedelta(seconds=60))
    found = {}
    try:
        for name, make in TRAININGS.items():
            for warm_up in WARM_UPS:
                result, is_unchanged = changes_nothing(rank, make, warm_up, search)
                if result is not None:
                    found[f"{name} {warm_up}"] = {**result_of(result), "is_unchanged": is_unchanged}
        for name, (make, warm_up, disturb) in DISTURBANCES.items():
            found[name] = changes_nothing(rank, make, warm_up, disturb)[1]
        found["each by itself"] = result_of(alone(model(), rank))
        found["in a group"] = result_of(alone(model(), rank, process_group=dist.group.WORLD))
        wrapped = DistributedDataParallel(model())
        if rank == 0:
            found["one by itself"] = result_of(alone(model(), rank))
            found["one by itself inside a wrapper"] = result_of(alone(wrapped.module, rank))
        Path(folder, f"{rank}.json").write_text(json.dumps(found))
    finally:
        dist.destroy_process_group()


def result_of(result):
    return {"losses": result.losses.tolist(), "stop": result.stop_reason.name, "notes": result.curve.notes}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What each of the processes found. One launch for all: it takes longer than their searches."""
    folder = tmp_path_factory.mktemp("processes")
    mp.spawn(work, [str(folder)], nprocs=RANKS)
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(RANKS)]


@pytest.fixture(scope="module")
def in_one_process():
    """The search of one process over all batches, by the steps before it."""
    results = {}
    for warm_up in WARM_UPS:
        training = Training(model())
        training.train(warm_up)
        results[warm_up] = search(training)
    return results


@pytest.mark.parametrize("warm_up", WARM_UPS)
@pytest.mark.parametrize("name", TRAININGS)
def test_all_processes_that_train_see_the_curve_of_all_batches(found, in_one_process, name, warm_up):
    first, *others = [of_one[f"{name} {warm_up}"] for of_one in found if f"{name} {warm_up}" in of_one]
    if name == "FSDP2 over each half":  # the other half trains on other batches
        assert others.pop()["losses"] == others.pop()["losses"] != first["losses"]
    assert [other["losses"] for other in others] == [first["losses"]] * len(others)
    assert {other["stop"] for other in others} == {first["stop"]} == {"DIVERGED"}
    expected = in_one_process[warm_up].losses
    np.testing.assert_allclose(first["losses"][:40], expected[:40], rtol=1e-3)
    assert len(first["losses"]) == len(expected) < 60
    assert not first["notes"]


# DistributedDataParallel lays out its messages anew after its first step, once and for all: sums round otherwise then.
@pytest.mark.parametrize(
    ("name", "warm_up"),
    [(name, warm_up) for name in TRAININGS for warm_up in WARM_UPS if warm_up or "DistributedData" not in name],
)
def test_training_after_a_search_is_training_without_one(found, name, warm_up):
    assert all(of_one.get(f"{name} {warm_up}", {"is_unchanged": True})["is_unchanged"] for of_one in found)


@pytest.mark.parametrize("name", DISTURBANCES)
def test_training_goes_on_as_if_nothing_had_been(found, name):
    assert [of_one[name] for of_one in found] == [True] * RANKS


def test_processes_that_search_each_by_itself_say_so(found):
    curves = {tuple(of_one["each by itself"]["losses"]) for of_one in found}
    assert len(curves) == RANKS
    assert all("one of 4 processes" in note for of_one in found for note in of_one["each by itself"]["notes"])
    assert all("process_group" in note for of_one in found for note in of_one["each by itself"]["notes"])
    assert [len(of_one["each by itself"]["notes"]) for of_one in found] == [1] * RANKS


def test_processes_of_a_given_group_see_the_mean_of_their_losses(found):
    first, *others = [of_one["in a group"] for of_one in found]
    assert all(other == first for other in others)
    assert first["losses"][0] == pytest.approx(np.mean([of_one["each by itself"]["losses"][0] for of_one in found]))
    assert not first["notes"]


@pytest.mark.parametrize("name", ["one by itself", "one by itself inside a wrapper"])
def test_one_process_searches_while_the_others_wait(found, name):
    assert found[0][name]["losses"] == found[0]["each by itself"]["losses"]

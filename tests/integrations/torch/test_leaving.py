"""One of several processes leaves a search: all of them end within seconds, with everything put back."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import redirect_stderr
from io import StringIO

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from integrations.torch.ranks import Loss, data, launch, network, shared
from lr_finder import StopReason, lr_find
from lr_finder.errors import ProcessLeftError
from preserve.fingerprint import fingerprint

pytestmark = pytest.mark.slow

OPTIONS = {"start_lr": 1e-3, "end_lr": 0.1, "num_it": 40, "progress": False}
PROBED = {"start_lr": 1e-3, "end_lr": 10, "num_it": 40, "probes": 2, "probe_steps": 16}
AT = 13
"""The call at which something happens: four losses wait to be read."""


class NotOurs(Exception):
    """An exception of the user's own."""


def fail(loss=None):
    raise NotOurs("no such file")


def fail_as_torch_does(loss):
    raise RuntimeError("shapes do not match")


def press_control_c(loss):
    os.kill(os.getpid(), signal.SIGINT)
    return loss


def found_by(search, model, optimizer):
    """What a search came to, and what it left behind."""
    before = fingerprint(*model.parameters()), optimizer.state_dict(), torch.get_rng_state()
    began = time.monotonic()
    error, result = None, None
    try:
        result = search()
    except BaseException as caught:  # noqa: BLE001
        error, result = caught, getattr(caught, "partial_result", None)
    found = {
        "error": error and (type(error), str(error)),
        "losses": None if result is None else result.losses.tolist(),
        "reason": None if result is None else result.stop_reason,
        "seconds": time.monotonic() - began,
        "is_put_back": fingerprint(*model.parameters()) == before[0]
        and optimizer.state_dict() == before[1]
        and torch.equal(torch.get_rng_state(), before[2]),
    }
    found["group_serves"] = _group_serves()
    return found


def _group_serves():
    """Whether the group goes on; no collective is tried where a broken one would be of no use."""
    try:
        one = torch.ones(1)
        dist.all_reduce(one)
    except RuntimeError:
        return False
    return one.item() == dist.get_world_size()


def search_with(rank, ranks, loss_fn, batches=None, **options):
    model, optimizer = shared()
    batches = data(rank, ranks) if batches is None else batches
    return found_by(lambda: lr_find(model, optimizer, loss_fn, batches, **{**OPTIONS, **options}), model, optimizer)


def loss_raises(rank, ranks):
    return search_with(rank, ranks, Loss(rank, AT, fail))


def loss_raises_while_others_wait_for_the_first_step(rank, ranks):
    return search_with(rank, ranks, Loss(rank, 1, fail))


def loss_raises_runtime_error(rank, ranks):
    return search_with(rank, ranks, Loss(rank, AT, fail_as_torch_does))


def control_c(rank, ranks):
    return search_with(rank, ranks, Loss(rank, AT, press_control_c))


def control_c_in_all(rank, ranks):
    return search_with(rank, ranks, Loss(rank, AT, press_control_c, on=rank))


def loss_raises_in_all(rank, ranks):
    return search_with(rank, ranks, Loss(rank, AT, fail_as_torch_does, on=rank))


def loader_raises(rank, ranks):
    def batches():
        yield from data(rank, ranks)
        if rank == 1:
            fail()
        yield from data(rank, ranks)

    class Loader:
        def __iter__(self):
            return batches()

    return search_with(rank, ranks, Loss(rank), Loader())


def step_raises_after_its_step(rank, ranks):
    model, optimizer = shared()
    calls = []

    def step(batch):
        calls.append(1)
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(batch[0]), batch[1])
        loss.backward()
        optimizer.step()
        return fail() if rank == 1 and len(calls) == AT else loss

    def search():
        return lr_find(step, optimizer=optimizer, train_loader=data(rank, ranks), state=[model], **OPTIONS)

    return found_by(search, model, optimizer)


def validate_raises(rank, ranks):
    def validate():
        return fail() if rank == 1 else 1.0

    return search_with(rank, ranks, Loss(rank), data(rank, ranks, 1), validate=validate, **PROBED)


def validate_that_reduces_raises(rank, ranks):
    def validate():
        if rank == 1:
            fail()
        loss = torch.ones(4)
        dist.all_reduce(loss)
        return loss.mean()

    return search_with(rank, ranks, Loss(rank), data(rank, ranks, 1), validate=validate, **PROBED)


def validate_returns_none_in_one(rank, ranks):
    def validate():
        return None if rank == 1 else 1.0

    return search_with(rank, ranks, Loss(rank), data(rank, ranks, 1), validate=validate, **PROBED)


def control_c_in_validate(rank, ranks):
    def validate():
        if rank == 1:
            press_control_c(None)
        return 1.0

    return search_with(rank, ranks, Loss(rank), data(rank, ranks, 1), validate=validate, **PROBED)


def control_c_while_others_validate(rank, ranks):
    def validate():
        if rank == 1:
            threading.Timer(0.3, press_control_c, [None]).start()
        else:
            time.sleep(1)
        return 1.0

    return search_with(rank, ranks, Loss(rank), data(rank, ranks, 1), validate=validate, **PROBED)


def fsdp_loss_raises(rank, ranks):
    model = fully_shard(network(), mesh=init_device_mesh("cpu", (ranks,)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss_fn = Loss(rank, AT, fail)
    return found_by(lambda: lr_find(model, optimizer, loss_fn, data(rank, ranks), **OPTIONS), model, optimizer)


RAISES = [
    *(loss_raises, loss_raises_while_others_wait_for_the_first_step, loss_raises_runtime_error, control_c),
    *(control_c_in_validate, control_c_while_others_validate),
    *(loader_raises, step_raises_after_its_step, validate_raises, validate_that_reduces_raises, fsdp_loss_raises),
]
if torch.__version__.startswith("2.6."):  # its FSDP2 can't shard on CPUs
    RAISES.remove(fsdp_loss_raises)


def stream_ends_earlier(rank, ranks):
    return search_with(rank, ranks, Loss(rank), iter(data(rank, ranks, 30 - 4 * rank)))


def stream_ends_earlier_within_a_step(rank, ranks):
    batches = iter(data(rank, ranks, 40 - 4 * rank))
    return search_with(rank, ranks, Loss(rank), batches, accumulation_steps=3)


def stream_ends_at_once(rank, ranks):
    return search_with(rank, ranks, Loss(rank), iter(data(rank, ranks, 30 if rank == 0 else 3)))


def stream_of_several_ramps(rank, ranks):
    batches = iter(data(rank, ranks, 60 - 4 * rank))
    return search_with(rank, ranks, Loss(rank), batches, start_lr=None, end_lr=None, num_it=60)


class OnlyOnce:
    """A loader that gives its batches once, and none when it is gone through again."""

    def __init__(self, batches):
        self._batches = iter(batches)

    def __iter__(self):
        return self._batches


def loader_that_gives_nothing_again(rank, ranks):
    return search_with(rank, ranks, Loss(rank), OnlyOnce(data(rank, ranks, 21)))


def loader_that_gives_nothing_again_in_one(rank, ranks):
    return search_with(rank, ranks, Loss(rank), OnlyOnce(data(rank, ranks, 30 if rank == 0 else 21)))


def shows_its_progress(rank, ranks):
    model, optimizer = shared()
    shown = StringIO()
    with redirect_stderr(shown):
        lr_find(model, optimizer, Loss(rank), data(rank, ranks, 1), progress=True, **PROBED)
    return shown.getvalue()


ENDS = {stream_ends_earlier: 26, stream_ends_earlier_within_a_step: 12, stream_ends_at_once: 3}
"""The streams, with the steps that all processes can take."""

CASES = [
    *(*RAISES, *ENDS, control_c_in_all, loss_raises_in_all, stream_of_several_ramps, validate_returns_none_in_one),
    *(loader_that_gives_nothing_again, loader_that_gives_nothing_again_in_one, shows_its_progress),
]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return launch({case.__name__: case for case in CASES}, tmp_path_factory.mktemp("two"))


@pytest.fixture(scope="module")
def found_by_four(tmp_path_factory):
    cases = (loss_raises, control_c, stream_ends_earlier, validate_that_reduces_raises)
    return launch({case.__name__: case for case in cases}, tmp_path_factory.mktemp("four"), 4)


def check_left(of_each_rank):
    """One left, the others were told so, and it took none of them the timeout of the group."""
    other, left, *others = of_each_rank
    kind, text = left["error"]
    assert kind in (NotOurs, RuntimeError, KeyboardInterrupt)
    for told in (other, *others):
        assert told["error"] == (
            ProcessLeftError,
            f"rank 1 left the search: {kind.__name__}: {text}".removesuffix(": "),
        )
        assert told["losses"] == left["losses"]
    for each in of_each_rank:
        assert each["seconds"] < 20
        assert each["is_put_back"]


@pytest.mark.parametrize("case", [case.__name__ for case in RAISES])
def test_all_processes_end_where_one_leaves(found, case):
    check_left(found[case])


@pytest.mark.parametrize("case", ["loss_raises", "control_c", "validate_that_reduces_raises"])
def test_so_do_four(found_by_four, case):
    check_left(found_by_four[case])


def test_what_had_been_read_is_kept(found):
    assert all(len(each["losses"]) == 8 for each in found["loss_raises"])
    assert all(each["reason"] is StopReason.INTERRUPTED for each in found["loss_raises"])


def test_the_group_serves_on_where_nobody_waited_in_it(found):
    for case in ("validate_raises", "loss_raises_in_all", *(ends.__name__ for ends in ENDS)):
        assert all(each["group_serves"] for each in found[case]), case


def test_where_all_fail_alike_each_has_its_own_error(found):
    for each in found["loss_raises_in_all"]:
        assert each["error"] == (RuntimeError, "shapes do not match")
        assert each["is_put_back"]


def test_control_c_in_all_processes_ends_all(found):
    for each in found["control_c_in_all"]:
        assert each["error"][0] in (KeyboardInterrupt, ProcessLeftError)
        assert each["seconds"] < 20
        assert each["is_put_back"]


def test_a_validation_that_gives_no_loss_in_one_process_is_told(found):
    other, left = found["validate_returns_none_in_one"]
    assert left["error"] == (TypeError, "validate must return a loss, one number, got NoneType")
    assert other["error"] == (ProcessLeftError, f"rank 1 left the search: TypeError: {left['error'][1]}")


@pytest.mark.parametrize(("case", "steps"), [(case.__name__, steps) for case, steps in ENDS.items()])
def test_a_stream_that_ends_earlier_in_one_process_ends_in_all(found, case, steps):
    first, second = found[case]
    assert first["error"] is second["error"] is None
    assert first["reason"] is second["reason"] is StopReason.DATA_ENDED
    assert first["losses"] == second["losses"]
    assert len(first["losses"]) == steps


def test_so_does_a_stream_of_four(found_by_four):
    losses = [each["losses"] for each in found_by_four["stream_ends_earlier"]]
    assert all(each == losses[0] for each in losses)
    assert len(losses[0]) == 18


def test_a_search_of_the_range_sees_one_curve_of_a_stream(found):
    first, second = found["stream_of_several_ramps"]
    assert first["error"] is second["error"] is None
    assert first["losses"] == second["losses"]


def test_a_loader_that_gives_nothing_again_ends_the_data_of_all_or_is_told(found):
    for each in found["loader_that_gives_nothing_again"]:
        assert (len(each["losses"]), each["reason"], each["group_serves"]) == (21, StopReason.DATA_ENDED, True)
    other, left = found["loader_that_gives_nothing_again_in_one"]
    assert left["error"] == (RuntimeError, "the data of this process ended, and those of the others go on")
    assert other["error"] == (ProcessLeftError, f"rank 1 left the search: RuntimeError: {left['error'][1]}")


def test_one_of_the_processes_shows_the_progress(found):
    first, second = found["shows_its_progress"]
    assert "lr_find:   0%" in first
    assert "short trainings at 2 rates" in first
    assert second == ""


UNDER_TORCHRUN = """
import os, sys, time, torch, torch.distributed as dist
from pathlib import Path
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from lr_finder import lr_find

dist.init_process_group("gloo")
rank, folder = dist.get_rank(), Path(sys.argv[1])
model = DistributedDataParallel(nn.Linear(4, 1))
before = model.module.weight.detach().clone()
calls = []

def loss_fn(output, target):
    calls.append(1)
    if len(calls) == 20:
        (folder / f"{rank}.pid").write_text(str(os.getpid()))
    time.sleep(0.01)
    return nn.functional.mse_loss(output, target)

said = "found"
try:
    lr_find(model, torch.optim.SGD(model.parameters(), lr=0.1), loss_fn, [(torch.ones(2, 4), torch.ones(2, 1))],
            start_lr=1e-6, end_lr=1e-4, num_it=10000)
except BaseException as error:
    said = f"{type(error).__name__}: {error}; {len(error.partial_result.losses) % 8}"
is_put_back = torch.equal(model.module.weight, before)
(folder / f"{rank}.txt").write_text(f"{said}; {is_put_back}")
for _ in range(200):  # its process lives on, or its end alone would free the other
    if (folder / f"{1 - rank}.txt").exists():
        break
    time.sleep(0.1)
else:
    os._exit(1)
dist.destroy_process_group()
"""


def test_control_c_to_one_process_under_torchrun_ends_both(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(UNDER_TORCHRUN)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    running = subprocess.Popen([*torchrun, script, tmp_path], stderr=subprocess.PIPE, text=True)
    pid = tmp_path / "1.pid"
    try:
        while not (pid.exists() and pid.read_text()) and running.poll() is None:
            time.sleep(0.1)
        os.kill(int(pid.read_text()), signal.SIGINT)
        _, errors = running.communicate(timeout=40)
    finally:
        running.terminate()
    assert running.returncode == 0, errors
    assert (tmp_path / "1.txt").read_text() == "KeyboardInterrupt: ; 0; True"
    assert (tmp_path / "0.txt").read_text() == ("ProcessLeftError: rank 1 left the search: KeyboardInterrupt; 0; True")

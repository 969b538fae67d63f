"""Searches of trainings that break other finders: each ends as it should, and leaves everything as it was."""

import math

import numpy as np
import pytest
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, IterableDataset, Subset

from lr_finder import NoSuggestionError, StopReason, lr_find
from preserve.fingerprint import fingerprint, values_only
from preserve.loaders import LOADERS, samples
from preserve.models import Bookkeeping, Embedded, batch_norm, mlp
from preserve.optimizers import adam_and_sgd, sparse_adam

pytestmark = pytest.mark.filterwarnings("ignore:'set_vital' is deprecated:UserWarning")  # torchdata 0.11 calls it

ONE_RAMP = {"start_lr": 1e-5, "end_lr": 0.1, "num_it": 30}
cross_entropy = nn.functional.cross_entropy


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def searched(*training, state=(), **keywords):
    """The result of a search, after which everything must be as before."""
    things = (*training, keywords.get("optimizer"), *state)
    before = fingerprint(*things)
    try:
        return lr_find(*training, state=state, progress=False, **keywords)
    finally:
        assert fingerprint(*things) == before


def usual(loss_fn=cross_entropy, model=mlp, batch_size=8):
    """A warm training with AdamW, in the middle of things: gradients are there."""
    network = model()
    optimizer = optim.AdamW(network.parameters(), lr=0.01)
    for inputs, targets in DataLoader(samples(), 14):
        optimizer.zero_grad()
        cross_entropy(network(inputs), targets).backward()
        optimizer.step()
    return network, optimizer, loss_fn, DataLoader(samples(), batch_size, shuffle=True)


class FromStep:
    """A loss that is changed from a step on; what it counts comes back for each ramp."""

    def __init__(self, step, change):
        self.step, self.change, self.calls = step, change, 0

    def __call__(self, outputs, targets):
        self.calls += 1
        loss = cross_entropy(outputs, targets)
        return self.change(loss, self.calls) if self.calls >= self.step else loss


LOSSES = {
    "NaN at the first step": (FromStep(1, lambda loss, _: loss * math.nan), StopReason.NOT_FINITE, 1),
    "infinite at the first step": (FromStep(1, lambda loss, _: loss * math.inf), StopReason.NOT_FINITE, 1),
    "NaN later": (FromStep(12, lambda loss, _: loss * math.nan), StopReason.NOT_FINITE, 14),
    "infinite later": (FromStep(12, lambda loss, _: loss * math.inf), StopReason.NOT_FINITE, 14),
    "constant": (FromStep(1, lambda loss, _: 0 * loss + 3), StopReason.COMPLETED, 30),
    "only falling": (FromStep(1, lambda loss, step: 0 * loss - step), StopReason.COMPLETED, 30),
    "only rising": (FromStep(1, lambda loss, step: 0 * loss + 1.5**step), None, None),
    "negative": (FromStep(1, lambda loss, _: loss - 100), StopReason.COMPLETED, 30),
}


@pytest.mark.parametrize(("loss_fn", "reason", "steps"), LOSSES.values(), ids=LOSSES)
def test_a_loss_that_is_no_ordinary_one(loss_fn, reason, steps):
    result = searched(*usual(loss_fn), **ONE_RAMP)
    assert loss_fn.calls == 0
    if reason is not None:
        assert (result.stop_reason, len(result.losses)) == (reason, steps)
    searched(*usual(loss_fn), num_it=60)  # finds the range too


@pytest.mark.parametrize("name", ["NaN at the first step", "infinite at the first step", "constant", "only rising"])
def test_a_loss_from_which_no_rate_can_be_told_gives_none(name):
    result = searched(*usual(LOSSES[name][0]), num_it=60)
    with pytest.raises(NoSuggestionError):
        result.suggestion  # noqa: B018 - it raises


def test_a_negative_loss_gives_the_curve_of_the_same_loss_above_zero():
    negative = searched(*usual(LOSSES["negative"][0]), **ONE_RAMP)
    torch.manual_seed(0)
    positive = searched(*usual(), **ONE_RAMP)
    np.testing.assert_allclose(negative.losses, positive.losses - 100, atol=1e-4)
    assert negative.losses.max() < 0


@pytest.mark.parametrize("bounds", [ONE_RAMP, {"num_it": 60}], ids=["one ramp", "range found"])
def test_a_step_that_returns_none_is_skipped(bounds):
    model, optimizer, _, loader = usual()
    calls = [0]

    def step():
        calls[0] += 1
        if calls[0] % 3 == 1:
            return None
        inputs, targets = next(iter(loader))
        optimizer.zero_grad()
        loss = cross_entropy(model(inputs), targets)
        loss.backward()
        optimizer.step()
        return loss

    result = searched(step, optimizer=optimizer, state=[model, loader, calls], **bounds)
    assert np.isfinite(result.losses).all()
    if bounds is ONE_RAMP:
        np.testing.assert_allclose(result.lrs, np.geomspace(1e-5, 0.1, 30))


def test_a_step_that_is_always_skipped_is_told():
    model, optimizer, _, _ = usual()
    with pytest.raises(RuntimeError, match="no optimizer step was taken in 1000 batches"):
        searched(lambda: None, optimizer=optimizer, state=[model], **ONE_RAMP)


class Stream(IterableDataset):
    """Samples without a length."""

    def __iter__(self):
        yield from samples()


class Ending(IterableDataset):
    """Fails in the middle of an epoch, as a stream whose connection breaks."""

    def __iter__(self):
        yield from Subset(samples(), range(20))
        raise ConnectionError("the stream broke")


@pytest.mark.parametrize(
    "data", [Subset(samples(), range(8)), Stream(), list(Subset(samples(), range(10)))], ids=["one", "stream", "list"]
)
@pytest.mark.parametrize("bounds", [ONE_RAMP, {"num_it": 60}], ids=["one ramp", "range found"])
def test_a_loader_that_is_short_or_has_no_length(data, bounds):
    *training, _ = usual()
    result = searched(*training, DataLoader(data, 8), **bounds)
    assert result.stop_reason is not StopReason.DATA_ENDED
    assert len(result.losses) >= 10


def test_an_iterator_that_ends_in_the_middle():
    *training, loader = usual()
    batches = iter(list(loader))
    before = fingerprint(*training)
    result = lr_find(*training, batches, progress=False, **ONE_RAMP)
    assert fingerprint(*training) == before
    assert (result.stop_reason, len(result.losses)) == (StopReason.DATA_ENDED, 7)


def test_a_loader_that_fails_in_the_middle():
    *training, _ = usual()
    with pytest.raises(ConnectionError, match="the stream broke") as caught:
        searched(*training, DataLoader(Ending(), 4), **ONE_RAMP)
    assert len(caught.value.partial_result.losses) == 5


@pytest.mark.parametrize("data", [[], Subset(samples(), [])], ids=["list", "data set"])
def test_an_empty_loader_is_refused(data):
    *training, _ = usual()
    with pytest.raises(ValueError, match="train_loader must yield at least one batch, got none"):
        searched(*training, DataLoader(data, 4), **ONE_RAMP)


def test_a_last_batch_of_one_that_batch_norm_refuses():
    *training, _ = usual(model=batch_norm)
    with pytest.raises(ValueError, match="Expected more than 1 value per channel") as caught:
        searched(*training, DataLoader(Subset(samples(), range(33)), 8), **ONE_RAMP)
    assert len(caught.value.partial_result.losses) == 4


class Nested(nn.Module):
    """Takes what comes in whatever containers it comes, and may return its loss."""

    def __init__(self):
        super().__init__()
        self.net = mlp()

    def forward(self, first, second=None, targets=None):
        inputs = first["inputs"][0] if isinstance(first, dict) else first
        outputs = self.net(inputs if second is None else inputs + second)
        return outputs if targets is None else {"loss": cross_entropy(outputs, targets)}


BATCHES = {
    "several inputs": (cross_entropy, lambda inputs, targets: (inputs, inputs * 0, targets)),
    "nested": (cross_entropy, lambda inputs, targets: [{"inputs": [inputs]}, targets]),
    "nested target": (
        lambda outputs, targets: cross_entropy(outputs, targets["classes"][0]),
        lambda inputs, targets: (inputs, {"classes": (targets,)}),
    ),
    "mapping": (None, lambda inputs, targets: {"first": inputs, "targets": targets}),
    "nested mapping": (None, lambda inputs, targets: {"first": {"inputs": (inputs,)}, "targets": targets}),
}


@pytest.mark.parametrize(("loss_fn", "put_together"), BATCHES.values(), ids=BATCHES)
def test_batches_of_every_shape_give_the_same_curve(loss_fn, put_together):
    def collate(items):
        return put_together(*torch.utils.data.default_collate(items))

    model = Nested()
    optimizer = optim.AdamW(model.parameters(), lr=0.01)
    result = searched(model, optimizer, loss_fn, DataLoader(samples(), 8, collate_fn=collate), **ONE_RAMP)
    plain = searched(model, optimizer, cross_entropy, DataLoader(samples(), 8), **ONE_RAMP)
    np.testing.assert_array_equal(result.losses, plain.losses)


def test_sparse_gradients():
    model = Embedded()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    loader = DataLoader(samples(), 8, shuffle=True)
    for inputs, targets in loader:
        optimizer.zero_grad()
        cross_entropy(model(inputs), targets).backward()
        optimizer.step()
    assert model.embed.weight.grad.is_sparse
    result = searched(model, optimizer, cross_entropy, loader, num_it=60)
    assert result.losses.min() < result.losses[0]


@pytest.mark.parametrize("make", [sparse_adam, adam_and_sgd], ids=["SparseAdam and SGD", "Adam and SGD"])
def test_two_optimizers(make):
    model, loader = Embedded(), DataLoader(samples(), 8, shuffle=True)
    optimizers = make(model)

    def step():
        inputs, targets = next(iter(loader))
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss = cross_entropy(model(inputs), targets)
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        return loss

    step()
    result = searched(step, optimizer=optimizers, state=[model, loader], **ONE_RAMP)
    rates = [group["lr"] for optimizer in optimizers for group in optimizer.param_groups]
    assert result.group_lrs.shape == (30, 2)
    np.testing.assert_allclose(result.group_lrs / result.lrs[:, None], np.tile(np.array(rates) / max(rates), (30, 1)))


class SharpnessAware(optim.Optimizer):
    """SAM as its users have it (Foret et al. 2020): climbs first, then steps with the gradient from up there."""

    def __init__(self, parameters, rho=0.05, **options):
        super().__init__(parameters, {"rho": rho, **options})
        self.base_optimizer = optim.SGD(self.param_groups, **options)
        self.param_groups = self.base_optimizer.param_groups

    @torch.no_grad()
    def step(self, closure):
        parameters = [parameter for group in self.param_groups for parameter in group["params"]]
        with torch.enable_grad():
            loss = closure()
        for parameter in parameters:
            self.state[parameter]["before"] = parameter.data.clone()
            parameter.add_(parameter.grad, alpha=self.param_groups[0]["rho"])
        with torch.enable_grad():
            closure()
        for parameter in parameters:
            parameter.data = self.state[parameter]["before"]
        self.base_optimizer.step()
        return loss


CLOSURES = {
    "LBFGS": lambda parameters: optim.LBFGS(parameters, lr=0.1, max_iter=3, history_size=4),
    "SAM": lambda parameters: SharpnessAware(parameters, lr=0.1, momentum=0.9),
}


@pytest.mark.parametrize("warm_steps", [0, 3], ids=["cold", "warm"])
@pytest.mark.parametrize("make", CLOSURES.values(), ids=CLOSURES)
def test_an_optimizer_that_evaluates_the_loss_itself(make, warm_steps):
    model, loader = mlp(), DataLoader(samples(), 8)
    optimizer = make(model.parameters())

    def step():
        inputs, targets = next(iter(loader))

        def closure():
            optimizer.zero_grad()
            loss = cross_entropy(model(inputs), targets)
            loss.backward()
            return loss

        return optimizer.step(closure)

    for _ in range(warm_steps):
        step()
    in_one_call = searched(model, optimizer, cross_entropy, [next(iter(loader))], **ONE_RAMP)
    in_steps = searched(step, optimizer=optimizer, state=[model, loader], **ONE_RAMP)
    np.testing.assert_allclose(in_steps.losses, in_one_call.losses, rtol=1e-6)
    assert in_steps.losses[-1] < in_steps.losses[0]


def test_accumulation_in_the_middle_of_which_the_search_comes():
    model, optimizer, _, loader = usual()
    calls = [0]

    def step():
        inputs, targets = next(iter(loader))
        loss = cross_entropy(model(inputs), targets)
        loss.backward()
        calls[0] += 1
        if calls[0] % 4 == 0:
            optimizer.step()
            optimizer.zero_grad()
        return loss

    for _ in range(6):
        step()
    assert model[0].weight.grad is not None
    result = searched(step, optimizer=optimizer, state=[model, loader, calls], **ONE_RAMP)
    assert len(result.losses) == 30


def test_mixed_precision_with_steps_that_the_scaler_skips():
    model, optimizer, _, loader = usual()
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127, growth_interval=3)  # overflows at once and now and then
    losses = []

    def large(outputs, targets):
        losses.append(100 * cross_entropy(outputs, targets))
        return losses[-1]

    result = searched(
        model, optimizer, large, loader, state=[scaler], scaler=scaler, autocast=torch.bfloat16, **ONE_RAMP
    )
    assert len(result.losses) == 30
    assert len(losses) > 40
    np.testing.assert_allclose(result.lrs, np.geomspace(1e-5, 0.1, 30))


class WarmUp:
    """Writes the rate itself before each step, as hand-written warm-ups do."""

    def __init__(self, optimizer):
        self.optimizer, self.steps = optimizer, 0

    def step(self):
        self.steps += 1
        for group in self.optimizer.param_groups:
            group["lr"] = 1e-3 * min(self.steps / 10, 1)


WRITERS = {
    "warm-up": WarmUp,
    "one cycle": lambda optimizer: optim.lr_scheduler.OneCycleLR(optimizer, 0.1, 1000),
    "exponential": lambda optimizer: optim.lr_scheduler.ExponentialLR(optimizer, 0.9),
}


@pytest.mark.parametrize("make_writer", WRITERS.values(), ids=WRITERS)
@pytest.mark.parametrize("is_first", [True, False], ids=["before the step", "after it"])
def test_what_writes_the_rate_itself_is_overruled_named_and_put_back(make_writer, is_first):
    model, optimizer, _, loader = usual()
    writer = make_writer(optimizer)
    used = []
    optimizer.register_step_post_hook(lambda *_: used.append(optimizer.param_groups[0]["lr"]))

    def step():
        inputs, targets = next(iter(loader))
        optimizer.zero_grad()
        loss = cross_entropy(model(inputs), targets)
        loss.backward()
        for part in (writer, optimizer) if is_first else (optimizer, writer):
            part.step()
        return loss

    optimizer.step()
    used.clear()
    result = searched(step, optimizer=optimizer, state=[model, loader, writer], **ONE_RAMP)
    assert used == result.lrs.tolist()
    assert any("set the learning rate" in note for note in result.curve.notes)


@pytest.mark.parametrize("as_tensor", [False, True], ids=["numbers", "tensors"])
def test_groups_with_rates_a_hundred_times_apart_keep_their_ratio(as_tensor):
    model, loader = mlp(), DataLoader(samples(), 8, shuffle=True)
    rates = [torch.tensor(rate) if as_tensor else rate for rate in (1e-4, 1e-2)]
    optimizer = optim.AdamW(
        [{"params": model[index].parameters(), "lr": rate} for index, rate in zip((0, 2), rates, strict=True)]
    )
    used = []
    optimizer.register_step_post_hook(lambda *_: used.append([float(group["lr"]) for group in optimizer.param_groups]))
    result = searched(model, optimizer, cross_entropy, loader, num_it=60)
    np.testing.assert_allclose(np.array(used)[:, 0] * 100, np.array(used)[:, 1], rtol=1e-6)
    np.testing.assert_allclose(result.group_lrs[:, 0] * 100, result.lrs, rtol=1e-6)
    assert all(group["lr"] is rate for group, rate in zip(optimizer.param_groups, rates, strict=True))


@pytest.mark.parametrize("name", LOADERS)
def test_a_second_search_straight_after_the_first_gives_the_same_curve(name):
    model = Bookkeeping()
    training = (model, optim.AdamW(model.parameters(), lr=0.01), cross_entropy, LOADERS[name]())
    first, second = (lr_find(*training, progress=False, **ONE_RAMP) for _ in range(2))
    np.testing.assert_array_equal(second.losses, first.losses)


@pytest.mark.parametrize("name", ["shuffled", "noisy", "persistent workers", "stateful", "stateful workers"])
def test_a_search_in_the_middle_of_an_epoch(name):
    def trained(with_search):
        torch.manual_seed(0)
        model, loader = Bookkeeping(), LOADERS[name]()
        optimizer = optim.AdamW(model.parameters(), lr=0.01)
        losses = []
        for _ in range(2):
            for batch, (inputs, targets) in enumerate(loader):
                optimizer.zero_grad()
                loss = cross_entropy(model(inputs), targets)
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
                if with_search and batch == 3:
                    lr_find(model, optimizer, cross_entropy, loader, num_it=60, progress=False)
        return losses, values_only(fingerprint(model, optimizer, loader))

    assert trained(with_search=True) == trained(with_search=False)


def test_no_file_is_made_unless_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = searched(*usual(), num_it=60)
    result.plot()
    result.explain()
    assert list(tmp_path.iterdir()) == []

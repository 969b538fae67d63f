"""The plain PyTorch form and the step-function form of `lr_find`."""

import functools
from collections import namedtuple

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from curves import valley_curve
from lr_finder import RangeTestResult, StopReason, lr_find
from lr_finder.curve.parameter_groups import largest_momentum
from quadratic import Quadratic, loader, mean_output, training

BOUNDS = {"start_lr": 1e-4, "end_lr": 0.1, "num_it": 20}


def classifier(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))


def samples(count=64):
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(count, 4, generator=generator)
    return TensorDataset(inputs, (inputs.sum(1) > 0).long() + (inputs[:, 0] > 1).long())


OPTIMIZERS = {
    "SGD": lambda parameters: torch.optim.SGD(parameters, lr=0.05),
    "SGD with momentum": lambda parameters: torch.optim.SGD(parameters, lr=0.05, momentum=0.9),
    "AdamW": lambda parameters: torch.optim.AdamW(parameters, lr=1e-3),
    "AdamW, tensor rate": lambda parameters: torch.optim.AdamW(parameters, lr=torch.tensor(1e-3), capturable=False),
    "AdamW, fused": lambda parameters: torch.optim.AdamW(parameters, lr=1e-3, fused=True),
}


def train(model, optimizer, batches, epochs):
    """Losses of a plain training."""
    losses = []
    model.train()
    for _ in range(epochs):
        for inputs, target in batches:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(inputs), target)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses


@pytest.mark.parametrize("make_optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("warm_epochs", [0, 2], ids=["cold", "warm"])
@pytest.mark.parametrize("search", ["two ramps", "one ramp", "interrupted"])
def test_training_after_a_search_is_bit_identical_to_training_without(make_optimizer, warm_epochs, search):
    def run(with_search):
        model = classifier()
        optimizer = make_optimizer(model.parameters())
        batches = DataLoader(samples(), batch_size=8, shuffle=True)
        torch.manual_seed(2)
        train(model, optimizer, batches, warm_epochs)
        if with_search and search == "interrupted":
            calls = []

            def interrupted(output, target):
                calls.append(None)
                if len(calls) == 5:
                    raise KeyboardInterrupt
                return nn.functional.cross_entropy(output, target)

            with pytest.raises(KeyboardInterrupt):
                lr_find(model, optimizer, interrupted, batches, start_lr=1e-3, end_lr=10, num_it=30)
        elif with_search:
            bounds = {"start_lr": 1e-5, "end_lr": 10} if search == "one ramp" else {}
            lr_find(model, optimizer, nn.CrossEntropyLoss(), batches, num_it=40, **bounds)
        return train(model, optimizer, batches, 3), model.state_dict()

    (losses, weights), (losses_after, weights_after) = run(False), run(True)
    assert losses_after == losses
    for name, tensor in weights.items():
        assert torch.equal(weights_after[name], tensor), name


def test_a_second_search_gives_the_same_curve():
    model = classifier()
    arguments = (
        model,
        torch.optim.AdamW(model.parameters()),
        nn.CrossEntropyLoss(),
        DataLoader(samples(), 8, shuffle=True),
    )
    first, second = lr_find(*arguments, num_it=40), lr_find(*arguments, num_it=40)
    np.testing.assert_array_equal(second.losses, first.losses)
    np.testing.assert_array_equal(second.lrs, first.lrs)


Batch = namedtuple("Batch", "inputs target")


class TwoInputs(Quadratic):
    def forward(self, ones, zeros):
        return super().forward(ones + zeros)


class WithLoss(Quadratic):
    """A model that returns its own loss, the way that `wrap` says."""

    def __init__(self, wrap):
        super().__init__()
        self.wrap = wrap

    def forward(self, ones, target):
        return self.wrap(mean_output(super().forward(ones), target))


Output = namedtuple("Output", "loss logits")

KINDS_OF_BATCH = {
    "(input, target)": (Quadratic, mean_output, lambda x, y: (x, y)),
    "list": (Quadratic, mean_output, lambda x, y: [x, y]),
    "named tuple": (Quadratic, mean_output, Batch),
    "two inputs": (TwoInputs, mean_output, lambda x, y: (x, 0 * x, y)),
    "mapping, loss function": (Quadratic, lambda out, batch: out.mean(), lambda x, y: {"ones": x}),
    "mapping, model's loss": (lambda: WithLoss(lambda loss: loss), None, lambda x, y: {"ones": x, "target": y}),
    "mapping, output.loss": (
        lambda: WithLoss(lambda loss: Output(loss, 0)),
        None,
        lambda x, y: {"ones": x, "target": y},
    ),
    "mapping, output['loss']": (
        lambda: WithLoss(lambda loss: {"loss": loss}),
        None,
        lambda x, y: {"ones": x, "target": y},
    ),
    "tuple, model's loss first": (lambda: WithLoss(lambda loss: (loss, 0)), None, lambda x, y: (x, y)),
}


@pytest.mark.parametrize(("make", "loss_fn", "batch"), KINDS_OF_BATCH.values(), ids=KINDS_OF_BATCH)
def test_every_kind_of_batch_gives_the_same_curve(make, loss_fn, batch):
    model = make()
    batches = [batch(x, y) for x, y in loader()]
    result = lr_find(model, torch.optim.SGD(model.parameters(), lr=1), loss_fn, batches, **BOUNDS)
    np.testing.assert_allclose(result.losses, lr_find(*training(), **BOUNDS).losses, rtol=1e-12)


class Stream(IterableDataset):
    """Samples without a length."""

    def __iter__(self):
        yield from zip(torch.ones(6, 1, dtype=torch.float64), torch.zeros(6, 1), strict=True)


LOADERS = {
    "shorter than the search": lambda: loader(batches=3),
    "one batch": lambda: loader(batches=1),
    "a list": lambda: list(loader()),
    "iterable data set": lambda: DataLoader(Stream(), batch_size=2),
    "iterator": lambda: iter(list(loader(batches=20))),
}


@pytest.mark.parametrize("make_loader", LOADERS.values(), ids=LOADERS)
def test_a_loader_of_any_kind_and_length_will_do(make_loader):
    model, optimizer, loss_fn, _ = training()
    result = lr_find(model, optimizer, loss_fn, make_loader(), **BOUNDS)
    assert len(result.lrs) == 20
    assert result.stop_reason is StopReason.COMPLETED


def test_a_step_function_takes_its_optimizer_by_position_too():
    model, optimizer, loss_fn, batches = training()
    (inputs, target), *_ = batches

    def step():
        optimizer.zero_grad()
        loss = loss_fn(model(inputs), target)
        loss.backward()
        optimizer.step()
        return loss

    by_position = lr_find(step, optimizer, state=[model], **BOUNDS)
    by_name = lr_find(step, optimizer=optimizer, state=[model], **BOUNDS)
    assert by_position.losses.tolist() == by_name.losses.tolist()


def test_an_iterator_that_ends_ends_the_sweep():
    model, optimizer, loss_fn, batches = training()
    result = lr_find(model, optimizer, loss_fn, iter(batches), **BOUNDS)
    assert len(result.lrs) == 5
    assert result.stop_reason is StopReason.DATA_ENDED


def test_both_ramps_of_a_search_see_the_same_batches_of_an_iterator():
    model, optimizer, loss_fn, _ = training()
    seen = []

    def noting(output, target):
        seen.append(target[0].item())
        return loss_fn(output, target)

    batches = [(x, y + i) for i, (x, y) in enumerate(list(loader(batches=100)))]
    lr_find(model, optimizer, noting, iter(batches), num_it=60)
    starts = [i for i, number in enumerate(seen) if number == 0]
    assert len(starts) == 2
    assert seen[starts[1] :] == list(range(len(seen) - starts[1]))


def test_accumulated_batches_are_one_step_and_one_point():
    model, optimizer, loss_fn, batches = training()
    calls = []

    def counting(output, target):
        calls.append(None)
        return loss_fn(output, target)

    result = lr_find(model, optimizer, counting, batches, accumulation_steps=4, **BOUNDS)
    assert len(calls) == 4 * 20
    np.testing.assert_allclose(result.losses, lr_find(*training(), **BOUNDS).losses, rtol=1e-12)


def test_the_loss_of_a_closure_optimizer_is_the_one_before_its_step():
    torch.manual_seed(0)
    model = nn.Linear(4, 1)
    batch = (torch.randn(32, 4), torch.randn(32, 1))
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=3)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    result = lr_find(model, optimizer, nn.MSELoss(), [batch], start_lr=1e-3, end_lr=1, num_it=10)
    assert result.losses[0] == nn.functional.mse_loss(model(batch[0]), batch[1]).item()
    assert result.losses[-1] < 0.9 * result.losses[0]
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert not optimizer.state[optimizer.param_groups[0]["params"][0]]


@pytest.mark.parametrize("autocast", [True, torch.bfloat16, torch.autocast("cpu")], ids=["True", "dtype", "context"])
def test_autocast_reaches_the_forward_pass(autocast):
    model = classifier()
    seen = []
    model[0].register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    lr_find(model, optimizer, nn.CrossEntropyLoss(), DataLoader(samples(), 8), autocast=autocast, **BOUNDS)
    assert set(seen) == {torch.bfloat16}


def test_a_step_that_the_scaler_skips_is_no_point():
    model, optimizer, _, batches = training()
    model.float()
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127, growth_interval=1000)  # overflows until it has backed off
    result = lr_find(model, optimizer, lambda out, target: out.float().mean(), [(x.float(), y) for x, y in batches],
                     scaler=scaler, **BOUNDS)  # fmt: skip
    assert len(result.lrs) == 20
    assert result.lrs[0] == 1e-4
    assert np.all(np.diff(result.losses) < 0)
    assert scaler.get_scale() == 2.0**127


def test_a_scaler_that_skips_every_step_is_told():
    model, optimizer, _, batches = training()
    with pytest.raises(RuntimeError, match="no optimizer step was taken in 1000 batches: the gradient scaler"):
        lr_find(model, optimizer, lambda out, target: (0 * out.mean()).sqrt(), batches,  # its gradient is not finite
                scaler=torch.amp.GradScaler("cpu"), **BOUNDS)  # fmt: skip


@pytest.mark.parametrize("factor", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_ends_the_sweep_although_the_scaler_skips_its_step(factor):
    model, optimizer, _, batches = training()
    factors = iter([1.0] * 5 + [factor] * 9)
    result = lr_find(model, optimizer, lambda out, target: out.mean() * next(factors), batches,
                     scaler=torch.amp.GradScaler("cpu"), **BOUNDS)  # fmt: skip
    assert result.stop_reason is StopReason.NOT_FINITE
    assert len(result.losses) == 6


def test_an_attached_scheduler_is_neither_stepped_nor_broken():
    model, optimizer, loss_fn, batches = training(lr=1.0)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
    before = dict(scheduler.state_dict())
    result = lr_find(model, optimizer, loss_fn, batches, **BOUNDS)
    assert result.lrs[0] == 1e-4
    assert result.curve.notes == ()
    assert scheduler.state_dict() == before
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] == 0.5


def test_a_scheduler_inside_the_step_function_is_overruled_named_and_put_back():
    model, optimizer, loss_fn, batches = training(lr=1.0)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
    inputs, target = next(iter(batches))

    def step():
        optimizer.zero_grad()
        loss = loss_fn(model(inputs), target)
        loss.backward()
        optimizer.step()
        scheduler.step()
        return loss

    result = lr_find(step, optimizer=optimizer, state=[model, scheduler], **BOUNDS)
    np.testing.assert_allclose(result.losses, lr_find(*training(), **BOUNDS).losses, rtol=1e-12)
    assert "Something other than the search set the learning rate" in result.explain()
    assert scheduler.last_epoch == 0
    assert optimizer.param_groups[0]["lr"] == 1.0


def test_the_ratio_of_the_groups_is_kept_during_the_search_and_after():
    model = classifier()
    groups = [{"params": model[0].parameters(), "lr": 1e-4}, {"params": model[4].parameters(), "lr": 1e-2}]
    optimizer = torch.optim.SGD(groups)
    used = []
    optimizer.register_step_post_hook(lambda *_: used.append([group["lr"] for group in optimizer.param_groups]))
    result = lr_find(model, optimizer, nn.CrossEntropyLoss(), DataLoader(samples(), 8), **BOUNDS)
    np.testing.assert_array_equal(used, result.group_lrs)
    np.testing.assert_allclose(result.group_lrs[:, 0] * 100, result.lrs)
    assert [group["lr"] for group in optimizer.param_groups] == [1e-4, 1e-2]


@pytest.mark.parametrize(
    ("kind", "options", "momentum"),
    [
        (torch.optim.SGD, ({}, {"momentum": 0.8}), 0.8),  # the larger of the groups'
        (torch.optim.SGD, ({}, {}), 0.0),
        (torch.optim.SGD, ({}, {"momentum": 1.5}), None),  # no average
        (torch.optim.RMSprop, ({}, {}), 0.0),
        (torch.optim.AdamW, ({}, {"betas": (0.95, 0.98)}), 0.95),
        (torch.optim.Adagrad, ({}, {}), None),
    ],
)
def test_the_curve_tells_the_momentum_of_the_optimizer(kind, options, momentum):
    model = classifier()
    first, second = options
    optimizer = kind([{"params": model[0].parameters(), **first}, {"params": model[4].parameters(), **second}], lr=0.1)
    curve = lr_find(model, optimizer, nn.CrossEntropyLoss(), DataLoader(samples(), 8), **BOUNDS).curve
    assert curve.momentum == (None if momentum is None else pytest.approx(momentum))


@pytest.mark.parametrize(
    "settings", [{"betas": None}, {"betas": ()}, {"momentum": "heavy"}, {"momentum": float("nan")}]
)
def test_a_momentum_of_a_kind_of_its_own_is_not_known(settings):
    model = classifier()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    optimizer.param_groups[0].pop("momentum")
    optimizer.param_groups[0] |= settings
    assert largest_momentum(optimizer.param_groups) is None


@pytest.mark.parametrize("tensor", [False, True])
def test_apply_sets_the_rate_and_keeps_the_ratios(tensor):
    model = classifier()
    groups = [
        {"params": model[i].parameters(), "lr": torch.tensor(lr) if tensor else lr} for i, lr in ((0, 1e-4), (4, 1e-2))
    ]
    optimizer = torch.optim.AdamW(groups)
    rates_before = [group["lr"] for group in optimizer.param_groups]
    result = RangeTestResult(valley_curve(), steps_taken=200)
    result.apply(optimizer)
    rates = [group["lr"] for group in optimizer.param_groups]
    assert [float(rate) for rate in rates] == pytest.approx([result.suggestion.lr / 100, result.suggestion.lr])
    if tensor:  # filled, not replaced
        assert all(rate is before for rate, before in zip(rates, rates_before, strict=True))


def test_apply_keeps_the_ratios_that_a_warm_up_holds_at_zero():
    model = classifier()
    groups = [{"params": model[0].parameters(), "lr": 0.1}, {"params": model[4].parameters(), "lr": 0.01}]
    optimizer = torch.optim.SGD(groups)
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: step / 10)
    with pytest.warns(UserWarning, match="scheduler"):
        changes = RangeTestResult(valley_curve(), steps_taken=200).apply(optimizer)
    assert changes[0][1] == pytest.approx(10 * changes[1][1])


def test_the_rate_that_a_step_sees_is_the_one_that_it_trains_with():
    model, optimizer, loss_fn, batches = training()
    inputs, target = next(iter(batches))
    seen = []

    def step():
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.zero_grad()
        loss = loss_fn(model(inputs), target)
        loss.backward()
        optimizer.step()
        return loss

    result = lr_find(step, optimizer=optimizer, state=[model], **BOUNDS)
    assert seen == result.lrs.tolist()


class Loader:
    """A loader of one's own, with random numbers of its own."""

    def __init__(self):
        self.random = np.random.default_rng(0)

    def __iter__(self):
        for x, y in loader():
            yield x, y + self.random.normal()


class Counting:
    """A loss of one's own, with state of its own."""

    def __init__(self):
        self.calls, self.total = 0, torch.zeros(1)

    def __call__(self, output, target):
        self.calls += 1
        self.total += 1
        return mean_output(output, target)


@pytest.mark.parametrize("wrap", [lambda loss: loss, lambda loss: loss.__call__, functools.partial])
def test_loaders_and_losses_of_ones_own_come_back_too(wrap):
    model, optimizer, _, _ = training()
    batches, loss = Loader(), Counting()
    lr_find(model, optimizer, wrap(loss), batches, **BOUNDS)
    assert (loss.calls, loss.total.item()) == (0, 0)
    assert batches.random.normal() == np.random.default_rng(0).normal()


def test_apply_warns_of_a_scheduler_that_will_overwrite_the_rate():
    model = classifier()
    optimizer = torch.optim.AdamW(model.parameters())
    torch.optim.lr_scheduler.StepLR(optimizer, 10)
    result = RangeTestResult(valley_curve(), steps_taken=200)
    with pytest.warns(UserWarning, match="create the scheduler after apply"):
        result.apply(optimizer)


def test_a_one_cycle_schedule_peaks_as_torch_does_with_its_maximum():
    schedule = RangeTestResult(valley_curve(), steps_taken=200).schedule("one_cycle", 200)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, schedule.lr, schedule.total_steps, pct_start=schedule.warmup_steps / schedule.total_steps
    )
    rates = []
    for _ in range(schedule.total_steps):
        rates.append(cycle.get_last_lr()[0])
        optimizer.step()
        cycle.step()
    assert max(rates) == pytest.approx(schedule.lr)
    assert abs(rates.index(max(rates)) - schedule.warmup_steps) <= 1


def test_weight_decay_is_set_for_the_search_only():
    model = classifier()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.01)
    used = []
    optimizer.register_step_post_hook(lambda *_: used.append(optimizer.param_groups[0]["weight_decay"]))
    lr_find(model, optimizer, nn.CrossEntropyLoss(), DataLoader(samples(), 8), wd=0.3, **BOUNDS)
    assert set(used) == {0.3}
    assert optimizer.param_groups[0]["weight_decay"] == 0.01


def test_a_step_with_a_loader_gets_its_batches_from_the_start_in_every_ramp():
    model, optimizer, loss_fn, _ = training()
    batches = DataLoader(TensorDataset(torch.arange(10.0), torch.zeros(10)), batch_size=2, shuffle=True)
    seen = []

    def step(batch):
        inputs, target = batch
        seen.append((optimizer.param_groups[0]["lr"], inputs.tolist()))
        optimizer.zero_grad()
        loss = loss_fn(model(torch.ones_like(inputs)), target)
        loss.backward()
        optimizer.step()
        return loss

    result = lr_find(step, optimizer=optimizer, train_loader=batches, state=[model], num_it=40)
    assert result.steps_taken == len(seen)
    rates, drawn = zip(*seen, strict=True)
    second_ramp = next(i for i in range(1, len(rates)) if rates[i] < rates[i - 1])
    assert sorted(number for batch in drawn[:5] for number in batch) == list(range(10))
    assert drawn[second_ramp : second_ramp + 8] == drawn[:8]


def test_an_iterator_that_a_step_holds_is_named_when_it_ends():
    model, optimizer, loss_fn, loader = training()
    batches = iter(loader)

    def step():
        inputs, target = next(batches)
        optimizer.zero_grad()
        loss = loss_fn(model(inputs), target)
        loss.backward()
        optimizer.step()
        return loss

    with pytest.raises(RuntimeError, match=r"train_loader=loader.*step\(batch\)") as caught:
        lr_find(step, optimizer=optimizer, state=[model], **BOUNDS)
    assert len(caught.value.partial_result.losses) == 5
    assert model.weight.item() == 3


def test_two_optimizers_in_one_step_function_share_the_sweep():
    first, second = Quadratic(), Quadratic()
    optimizers = [torch.optim.SGD(first.parameters(), lr=1.0), torch.optim.SGD(second.parameters(), lr=0.1)]

    def step():
        total = 0
        for model, optimizer in zip((first, second), optimizers, strict=True):
            optimizer.zero_grad()
            loss = model(torch.ones(1)).sum()
            loss.backward()
            optimizer.step()
            total += loss
        return total

    result = lr_find(step, optimizer=optimizers, state=[first, second], **BOUNDS)
    assert len(result.lrs) == 20
    np.testing.assert_allclose(result.group_lrs, result.lrs[:, None] * [1, 0.1])
    assert first.weight.item() == second.weight.item() == 3


def test_frozen_batch_norm_stays_frozen_and_eval_mode_comes_back():
    model = classifier()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model[1].eval()
    modes = []
    model[1].register_forward_hook(lambda module, inputs, output: modes.append((model.training, module.training)))
    lr_find(model, optimizer, nn.CrossEntropyLoss(), DataLoader(samples(), 8), **BOUNDS)
    assert set(modes) == {(True, False)}
    model.eval()
    lr_find(model, optimizer, nn.CrossEntropyLoss(), DataLoader(samples(), 8), **BOUNDS)
    assert not any(module.training for module in model.modules())


def test_what_was_measured_is_left_on_the_exception_that_ends_the_search():
    calls = []

    def interrupted(output, target):
        calls.append(None)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return mean_output(output, target)

    model, optimizer, _, batches = training()
    with pytest.raises(KeyboardInterrupt) as caught:
        lr_find(model, optimizer, interrupted, batches, **BOUNDS)
    partial = caught.value.partial_result
    assert len(partial.losses) == 7
    assert partial.stop_reason is StopReason.INTERRUPTED


def step_without_effect():
    return torch.tensor(1.0)


MODEL, OPTIMIZER, LOSS_FN, BATCHES = training()
USUAL = {"optimizer": OPTIMIZER, "loss_fn": LOSS_FN, "train_loader": BATCHES}

BAD_CALLS = {
    "num_it": (MODEL, {"num_it": 1}, ValueError, "num_it must be at least 2, got 1"),
    "start_lr": (MODEL, {"start_lr": 0}, ValueError, "start_lr must be finite and greater than 0, got 0"),
    "range": (MODEL, {"start_lr": 1, "end_lr": 0.1}, ValueError, "start_lr must be smaller than end_lr, got 1 and 0.1"),
    "groups": (
        MODEL,
        {"start_lr": [1e-3, 1e-3], "end_lr": 1},
        ValueError,
        r"one rate per parameter group \(1\), got 2",
    ),
    "wd": (MODEL, {"wd": -1}, ValueError, "wd must be a finite number of at least 0, got -1"),
    "empty loader": (MODEL, {"train_loader": []}, ValueError, "train_loader must yield at least one batch, got none"),
    "empty iterator": (MODEL, {"train_loader": iter([])}, ValueError, "train_loader must yield at least one batch"),
    "no loader": (MODEL, {"train_loader": None}, TypeError, "train_loader must be given with a model"),
    "loader": (MODEL, {"train_loader": 3}, TypeError, "train_loader must be iterable, got int"),
    "batch": (
        MODEL,
        {"train_loader": torch.ones(3, 1)},
        TypeError,
        r"a batch must be \(inputs\.\.\., target\) .* got Tensor",
    ),
    "vector": (MODEL, {"loss_fn": lambda out, _: out}, ValueError, r"loss_fn must return a scalar, .* shape \(2, 1\)"),
    "number": (
        MODEL,
        {"loss_fn": lambda out, _: 1.0},
        TypeError,
        "loss_fn must return a tensor with one element, got float",
    ),
    "no gradient": (
        MODEL,
        {"loss_fn": lambda _, y: y.sum()},
        ValueError,
        "must depend on the model's trainable parameters",
    ),
    "no parameters": (
        nn.ReLU(),
        {},
        ValueError,
        "model must have parameters that require a gradient, and ReLU has none",
    ),
    "other parameters": (nn.Linear(1, 1), {}, ValueError, "optimizer must hold parameters of the model"),
    "no optimizer": (MODEL, {"optimizer": None}, TypeError, "optimizer must be a torch optimizer, got NoneType"),
    "accumulation": (
        MODEL,
        {"accumulation_steps": 0},
        ValueError,
        "accumulation_steps must be a whole number of at least 1, got 0",
    ),
    "scaler": (MODEL, {"scaler": 3}, TypeError, "scaler must be a torch.amp.GradScaler, got int"),
    "autocast": (MODEL, {"autocast": "bf16"}, TypeError, "autocast must be True, a torch dtype .* got 'bf16'"),
    "wd of another kind": (MODEL, {"wd": "a"}, ValueError, "wd must be a finite number of at least 0, got a"),
    "state": (MODEL, {"state": BATCHES}, TypeError, "state must be a list .* got DataLoader"),
    "dictionary": ({}, {}, TypeError, "does not know what to do with dict; it takes"),
    "class": (Quadratic, {}, TypeError, "does not know what to do with type; it takes"),
}


@pytest.mark.parametrize(("model", "changes", "error", "message"), BAD_CALLS.values(), ids=BAD_CALLS)
def test_bad_input_is_named_with_its_rule_and_value_and_nothing_is_disturbed(model, changes, error, message):
    with pytest.raises(error, match=message):
        lr_find(model, **(USUAL | changes))
    assert MODEL.weight.item() == 3
    assert MODEL.weight.grad is None
    assert OPTIMIZER.param_groups[0]["lr"] == 0.01
    assert not OPTIMIZER.state


def returns(loss):
    return lambda: loss


BAD_STEPS = {
    "no optimizer": (
        {},
        TypeError,
        r"lr_find\(step, optimizer=optimizer, train_loader=train_loader, state=\[model\]\)",
    ),
    "not stepped": ({"optimizer": OPTIMIZER}, RuntimeError, "no optimizer step was taken in 1000"),
    "loss_fn": ({"optimizer": OPTIMIZER, "loss_fn": LOSS_FN}, TypeError, "loss_fn goes with a model"),
    "text": ({"optimizer": "SGD"}, TypeError, "optimizer must be a torch optimizer or several, got str"),
    "none": ({"optimizer": None}, TypeError, "optimizer must be given with a step function"),
    "state": ({"optimizer": OPTIMIZER, "state": [3]}, TypeError, r"preserve\(\) takes .* got int"),
}


@pytest.mark.parametrize(("keywords", "error", "message"), BAD_STEPS.values(), ids=BAD_STEPS)
def test_a_bad_step_call_is_named(keywords, error, message):
    with pytest.raises(error, match=message):
        lr_find(returns(torch.tensor(1.0)), **keywords)


@pytest.mark.parametrize(
    ("loss", "error", "message"),
    [(None, TypeError, "must return the loss"), (torch.ones(2), ValueError, r"must be a scalar, .* shape \(2,\)")],
)
def test_a_step_must_return_its_loss(loss, error, message):
    def step():
        OPTIMIZER.step()
        return loss

    with pytest.raises(error, match=message):
        lr_find(step, optimizer=OPTIMIZER)

"""Muon and its companion, and one optimizer whose parameter groups are far apart."""

from itertools import chain

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from integrations.torch.classifier import BOUNDS, samples
from lr_finder import lr_find
from lr_finder.preserve import preserve


class Bowls(nn.Module):
    """Half of `curvature * weight ** 2` for two weights: SGD descends below a rate of 2 / curvature in each."""

    CURVATURES = (4.0, 4000.0)

    def __init__(self):
        super().__init__()
        self.weights = nn.ParameterList(torch.tensor(3 / c**0.5, dtype=torch.float64) for c in self.CURVATURES)

    def forward(self, ones):
        halves = [0.5 * c * (weight * ones) ** 2 for c, weight in zip(self.CURVATURES, self.weights, strict=True)]
        return torch.stack(halves).sum(0)


def bowls(*lrs):
    model = Bowls()
    groups = [{"params": [weight], "lr": lr} for weight, lr in zip(model.weights, lrs, strict=True)]
    return model, torch.optim.SGD(groups), lambda output, _: output.mean(), [(torch.ones(4, 1), torch.zeros(4))] * 5


def muon_and_adamw():
    """A step function, its optimizers, loader and model, with the rates that people usually take."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3))
    muon = torch.optim.Muon([model[2].weight], lr=0.02)
    rest = [model[2].bias, *chain(model[0].parameters(), model[4].parameters())]
    adamw = torch.optim.AdamW([{"params": rest[:1], "weight_decay": 0.0}, {"params": rest[1:]}], lr=1e-3)

    def step(batch):
        inputs, target = batch
        muon.zero_grad()
        adamw.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), target)
        loss.backward()
        muon.step()
        adamw.step()
        return loss

    return step, [muon, adamw], DataLoader(samples(), 16, shuffle=True), model


def train(step, loader, epochs=3):
    return [step(batch).item() for _ in range(epochs) for batch in loader]


@pytest.mark.parametrize("lrs", [(1e-3, 1e-2), (1e-3, 1e-4)], ids=str)
def test_the_groups_of_one_optimizer_get_rates_of_their_own_where_that_is_asked_for(lrs):
    model, optimizer, loss_fn, batches = bowls(*lrs)
    result = lr_find(model, optimizer, loss_fn, batches, by_group=True)
    first, second = (suggestion.lr for suggestion in result.group_suggestions)
    assert first < 2 / 4
    assert second < 2 / 4000
    assert 200 < first / second < 5000
    assert [weight.item() for weight in model.weights] == [3 / c**0.5 for c in Bowls.CURVATURES]
    assert [group["lr"] for group in optimizer.param_groups] == list(lrs)
    assert result.apply(optimizer) == [(lrs[0], first), (lrs[1], second)]
    assert [group["lr"] for group in optimizer.param_groups] == [first, second]


def test_muon_and_its_companion_are_searched_by_group_unless_told_otherwise():
    step, optimizers, loader, model = muon_and_adamw()
    result = lr_find(step, optimizer=optimizers, train_loader=loader, state=[model])
    assert result.curve.optimizers == ("Muon", "AdamW", "AdamW")
    muon, adamw, same = (suggestion.lr for suggestion in result.group_suggestions)
    assert adamw == same
    assert muon / adamw != pytest.approx(20)
    assert f"Muon {muon:.2g}, AdamW {adamw:.2g}." in result.explain()
    one = lr_find(step, optimizer=optimizers, train_loader=loader, state=[model], by_group=False)
    assert one.group_suggestions[0].lr / one.group_suggestions[1].lr == pytest.approx(20)
    assert one.steps_taken < result.steps_taken


def test_training_muon_after_a_search_by_group_is_bit_identical_to_training_without():
    def run(with_search):
        step, optimizers, loader, model = muon_and_adamw()
        torch.manual_seed(2)
        train(step, loader, epochs=1)
        if with_search:
            lr_find(step, optimizer=optimizers, train_loader=loader, state=[model], num_it=60)
        return train(step, loader)

    assert run(True) == run(False)


def test_apply_gives_muon_and_its_companion_their_own_rates():
    step, (muon, adamw), loader, model = muon_and_adamw()
    result = lr_find(step, optimizer={"muon": muon, "adamw": adamw}, train_loader=loader, state=[model], num_it=60)
    found = [suggestion.lr for suggestion in result.group_suggestions]
    for target in ([muon, adamw], {"muon": muon, "adamw": adamw}):
        with preserve(muon, adamw):
            assert [new for _, new in result.apply(target)] == found
            assert [group["lr"] for optimizer in (muon, adamw) for group in optimizer.param_groups] == found
    with pytest.raises(ValueError, match=r"must have the 3 parameter groups .* got 1; .*result.apply\(\[first, second"):
        result.apply(muon)
    with pytest.raises(TypeError, match=r"apply\(\) takes an optimizer with param_groups, several of them"):
        result.apply([muon, 3])
    assert [muon.param_groups[0]["lr"], adamw.param_groups[0]["lr"]] == [0.02, 1e-3]


def test_a_range_makes_one_ramp_of_muon_and_its_companion():
    step, optimizers, loader, model = muon_and_adamw()
    result = lr_find(step, optimizer=optimizers, train_loader=loader, state=[model], **BOUNDS)
    assert result.steps_taken == BOUNDS["num_it"]
    assert result.group_lrs[0] == pytest.approx([1e-4, 5e-6, 5e-6])


def test_two_optimizers_of_one_class_keep_their_ratio_unless_told_otherwise():
    model, _, loss_fn, batches = bowls(1.0, 1.0)
    optimizers = [torch.optim.SGD([weight], lr=0.01) for weight in model.weights]

    def step(batch):
        loss = loss_fn(model(batch[0]), batch[1])
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        return loss

    kept = lr_find(step, optimizer=optimizers, train_loader=batches, state=[model])
    assert len({suggestion.lr for suggestion in kept.group_suggestions}) == 1
    found = lr_find(step, optimizer=optimizers, train_loader=batches, state=[model], by_group=True)
    first, second = (suggestion.lr for suggestion in found.group_suggestions)
    assert 200 < first / second < 5000
    assert f"SGD 1 {first:.2g}, SGD 2 {second:.2g}" in repr(found)

"""The learner itself: training, layer groups, freezing, one cycle, validation, saving and loading."""

import io
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from curves import valley_curve
from learner.learners import SGD, classifier, samples, small_learner
from lr_finder import RangeTestResult
from lr_finder.learner import DataBunch, Learner


def test_fit_trains_as_a_plain_loop_does():
    learn = small_learner(opt_func=SGD, wd=0.0)
    torch.manual_seed(2)
    learn.fit(2, 0.1)

    model = classifier()
    optimizer = SGD(model.parameters(), lr=0.1)
    torch.manual_seed(2)
    losses = []
    for _ in range(2):
        model.train()
        for inputs, target in learn.data.train_dl:
            loss = nn.functional.cross_entropy(model(inputs), target)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        list(learn.data.valid_dl)  # starting on the validation data draws a random number too
    for parameter, known in zip(learn.model.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(parameter, known)
    averages = [np.average(losses[: n + 1], weights=0.98 ** np.arange(n, -1, -1)) for n in range(12)]
    np.testing.assert_allclose(learn.recorder.losses, averages, rtol=1e-5)


def test_the_defaults_are_those_of_the_reference():
    learn = Learner(DataBunch(torch.utils.data.DataLoader(samples(), 8)), classifier(), silent=True)
    learn.fit(1)
    assert isinstance(learn.opt.opt, torch.optim.Adam)
    assert (learn.opt.mom, learn.opt.beta) == (0.9, 0.99)
    assert (learn.opt.lr, learn.opt.wd) == (3e-3, 1e-2)
    assert isinstance(learn.loss_func, nn.CrossEntropyLoss)
    assert learn.recorder.val_losses == [None]


def test_one_thing_may_stand_where_several_are_taken():
    learn = small_learner(metrics=lambda output, target: output.mean())
    assert len(learn.validate()) == 2
    assert small_learner(metrics=None).validate()[1:] == []


def test_several_inputs_and_several_targets_are_passed_on():
    class Adding(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1))

        def forward(self, first, second):
            return self.weight * (first + second)

    ones = torch.ones(4, 1)
    batch = ([ones, 2 * ones], [3 * ones, 4 * ones])
    learn = Learner(
        DataBunch([batch], [batch]),
        Adding(),
        loss_func=lambda out, one, other: (out * (one - other)).mean(),
        silent=True,
    )
    assert learn.validate() == [-3.0]
    learn.fit(1, 0.1, 0.0)
    assert learn.recorder.losses[0] == -3.0


@pytest.mark.parametrize("batch", [torch.ones(2), (torch.ones(2),), (torch.ones(2),) * 3])
def test_a_batch_that_is_no_pair_is_refused(batch):
    learn = small_learner()
    learn.data.train_dl = [batch]
    with pytest.raises(ValueError, match=r"a batch must be \(input, target\), got"):
        learn.fit(1)


def test_a_loss_that_is_no_scalar_is_refused():
    learn = small_learner(loss_func=nn.CrossEntropyLoss(reduction="none"))
    with pytest.raises(ValueError, match=r"loss_func must return a scalar, got a tensor of shape \(8,\)"):
        learn.fit(1)


def test_there_must_be_data_to_validate_with():
    learn = small_learner()
    with pytest.raises(ValueError, match="at least one batch, got none"):
        learn.validate([])
    learn.data.valid_dl = None
    with pytest.raises(ValueError, match="dl must be given"):
        learn.validate()


def test_a_slice_gives_each_layer_group_a_rate():
    learn = small_learner()
    assert learn.lr_range(0.1) == 0.1
    assert learn.lr_range(slice(0.1)).tolist() == [0.1]
    assert learn.lr_range(slice(0.01, 0.1)).tolist() == [0.1]
    learn.split([learn.model[1], learn.model[4]])
    np.testing.assert_allclose(learn.lr_range(slice(0.1)), [0.01, 0.01, 0.1])
    np.testing.assert_allclose(learn.lr_range(slice(1e-4, 1e-2)), [1e-4, 1e-3, 1e-2])
    with pytest.raises(ValueError, match="lr must be a number, one per layer group"):
        learn.lr_range(slice(None))


def test_layer_groups_train_at_their_own_rates():
    learn = small_learner(opt_func=SGD).split(lambda model: [model[4]])
    learn.fit(1, [0.0, 0.1], wd=0.0)
    assert torch.equal(learn.model[0].weight, classifier()[0].weight)
    assert not torch.equal(learn.model[4].weight, classifier()[4].weight)


def test_a_model_is_split_at_layers_or_into_lists_of_them():
    model = classifier()
    for split_on in ([model[1], model[4]], lambda model: [[model[0]], [*model[1:4]], [model[4]]]):
        groups = small_learner(model=model).split(split_on).layer_groups
        assert [list(group) for group in groups] == [[model[0]], [model[1], model[2], model[3]], [model[4]]]


def test_a_split_at_a_layer_of_another_model_or_out_of_order_is_refused():
    learn = small_learner()
    with pytest.raises(ValueError, match="split_on must name layers of the model, and Linear is none of them"):
        learn.split(nn.Linear(1, 1))
    with pytest.raises(ValueError, match=r"in the order of the model, got positions \[4, 1\]"):
        learn.split([learn.model[4], learn.model[1]])


def test_parameters_outside_of_any_layer_are_trained_too():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 3)
            self.scale = nn.Parameter(torch.ones(1))

        def forward(self, inputs):
            return self.scale * self.layer(inputs)

    learn = small_learner(model=Scaled())
    learn.fit(1)
    assert learn.model.scale.item() != 1


@pytest.mark.parametrize("train_bn", [True, False])
def test_frozen_layer_groups_do_not_train_but_for_their_batch_norms(train_bn):
    learn = small_learner(train_bn=train_bn).split(lambda model: [model[4]])
    learn.freeze()
    learn.fit(1, 0.1)
    start = classifier()
    assert torch.equal(learn.model[0].weight, start[0].weight)
    assert torch.equal(learn.model[1].weight, start[1].weight) == (not train_bn)
    assert not torch.equal(learn.model[4].weight, start[4].weight)
    learn.lr_find(num_it=10)
    learn.unfreeze()
    learn.fit(1, 0.1)
    assert not torch.equal(learn.model[0].weight, start[0].weight)


def test_freezing_needs_two_layer_groups():
    with pytest.raises(ValueError, match="layer_groups must be at least 2"):
        small_learner().freeze()


def test_layer_groups_can_be_frozen_up_to_any():
    learn = small_learner().split(lambda model: [model[1], model[4]])
    learn.freeze_to(1)
    assert [parameter.requires_grad for parameter in learn.model.parameters()] == [False] * 2 + [True] * 4


def test_a_saved_training_goes_on_where_it_was(tmp_path):
    learn = small_learner(path=tmp_path)
    learn.fit(1, 0.02)
    assert learn.save("half", return_path=True) == tmp_path / "models" / "half.pth"
    torch.manual_seed(5)
    learn.fit(1, 0.01)
    other = small_learner(path=tmp_path).load("half")
    assert other.opt.lr == 0.02
    torch.manual_seed(5)
    other.fit(1, 0.01)
    for parameter, expected in zip(other.model.parameters(), learn.model.parameters(), strict=True):
        assert torch.equal(parameter, expected)


def test_a_model_can_be_saved_and_loaded_without_its_optimizer():
    learn, file = small_learner(), io.BytesIO()
    learn.fit(1, 0.02)
    learn.save(file, with_opt=False)
    file.seek(0)
    other = small_learner().load(file)
    assert torch.equal(other.model[0].weight, learn.model[0].weight)
    assert not other.opt.opt.state
    file.seek(0)
    with pytest.raises(ValueError, match="with_opt must not be True"):
        other.load(file, with_opt=True)


def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    learn = small_learner(path=tmp_path)
    path = learn.save("whole", return_path=True)
    before = path.read_bytes()
    learn.opt.opt.param_groups[0]["extra"] = lambda: None  # can't be pickled
    with pytest.raises((AttributeError, pickle.PicklingError)):
        learn.save("whole")
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_an_optimizer_of_other_layer_groups_is_not_loaded_in_silence(tmp_path):
    small_learner(path=tmp_path).save("whole")
    learn = small_learner(path=tmp_path).split(lambda model: [model[4]])
    with pytest.raises(ValueError, match="parameter groups"):
        learn.load("whole")
    learn.load("whole", with_opt=False)


def test_code_in_a_file_is_not_executed(tmp_path):
    class Harmful:
        def __reduce__(self):
            return (pytest.fail, ("code in a file was executed",))

    (tmp_path / "models").mkdir()
    torch.save({"model": Harmful(), "opt": {}}, tmp_path / "models" / "harmful.pth")
    with pytest.raises(Exception, match="Weights only load failed"):
        small_learner(path=tmp_path).load("harmful")


def test_one_cycle_is_that_of_the_closed_form():
    learn = small_learner()
    learn.fit_one_cycle(2, 0.1, moms=(0.9, 0.8), div_factor=10.0, pct_start=0.25, final_div=100.0)
    share_up, share_down = np.arange(3) / 3, np.arange(9) / 9
    down = (1 - np.cos(np.pi * share_down)) / 2
    up = (1 - np.cos(np.pi * share_up)) / 2
    lrs = np.concatenate([0.01 + up * 0.09, 0.1 - down * 0.099])
    moms = np.concatenate([0.9 - up * 0.1, 0.8 + down * 0.1])
    np.testing.assert_allclose(learn.recorder.lrs, lrs, rtol=1e-12)
    np.testing.assert_allclose(learn.recorder.moms, moms, rtol=1e-12)
    np.testing.assert_allclose(learn.opt.lr, 0.001)


@pytest.mark.parametrize(("fit", "kind"), [("fit", "constant"), ("fit_one_cycle", "one_cycle")])
def test_a_search_stands_for_its_rate_in_a_training_of_that_length(capsys, fit, kind):
    """With the ratios of the learner's, since what was searched had one group."""
    result = RangeTestResult(valley_curve(), steps_taken=200)
    given, known = (small_learner(silent=False).split(lambda model: [model[4]]) for _ in range(2))
    given.lr = slice(1e-4, 1e-3)
    torch.manual_seed(2)
    getattr(given, fit)(20, result)
    assert "LR Finder: the learning rate is" in capsys.readouterr().err
    lr = result.schedule(kind, total_steps=20 * 6).lr
    torch.manual_seed(2)
    getattr(known, fit)(20, slice(lr / 10, lr))
    np.testing.assert_allclose(given.recorder.lrs, known.recorder.lrs)
    np.testing.assert_allclose(given.recorder.losses, known.recorder.losses, rtol=1e-5)


def test_a_search_keeps_its_ratios_in_the_training_that_is_given_it():
    learn = small_learner().split(lambda model: [model[4]])
    learn.lr = slice(1e-4, 1e-3)
    curve = valley_curve()
    for ratio in (1.0, 0.5):
        found = RangeTestResult(replace(curve, group_lrs=curve.lrs[:, None] * [ratio, 1.0]), steps_taken=200)
        learn.fit(1, found)
        first, second = (group["lr"] for group in learn.opt.opt.param_groups[::2])
        assert first == pytest.approx(ratio * second)


def test_one_cycle_takes_slices_and_optimizers_without_momentum():
    learn = small_learner(opt_func=torch.optim.Adagrad).split(lambda model: [model[4]])
    learn.fit_one_cycle(1, slice(1e-3, 1e-2), pct_start=0.0)
    assert learn.recorder.lrs[0] == 1e-2
    assert learn.recorder.moms == [None] * 6
    with pytest.raises(ValueError, match=r"pct_start must be from 0 to 1, got 1\.5"):
        learn.fit_one_cycle(1, pct_start=1.5)


def test_trainings_that_name_no_rate_take_the_one_that_was_applied():
    result = RangeTestResult(valley_curve(), steps_taken=200)
    learn = small_learner()
    assert result.apply(learn) == [(3e-3, result.suggestion.lr)]
    assert learn.opt.lr == result.suggestion.lr
    learn.fit(1)
    assert learn.recorder.lrs == [result.suggestion.lr] * 6
    learn.fit_one_cycle(1, div_factor=10)
    assert learn.recorder.lrs[0] == pytest.approx(result.suggestion.lr / 10)
    learn.fit(1, 0.1)
    assert learn.recorder.lrs == [0.1] * 6

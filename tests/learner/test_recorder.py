"""What the recorder plots and suggests, from records with known answers."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from learner.learners import small_learner


@pytest.fixture
def learn():
    learn = small_learner()
    learn.fit(2, 1e-3)
    return learn


def lines(ax):
    return [(list(line.get_xdata()), list(line.get_ydata())) for line in ax.get_lines()]


def recorded(learn, losses):
    """A recorder with these losses, over the rates 1e-8, 1e-7, ..."""
    learn.recorder.lrs = [10.0 ** (n - 8) for n in range(len(losses))]
    learn.recorder.losses = [torch.tensor(loss, dtype=torch.float64) for loss in losses]
    return learn.recorder


def test_a_training_is_recorded(learn):
    recorder = learn.recorder
    assert recorder.lrs == [1e-3] * 12
    assert recorder.moms == [0.9] * 12
    assert len(recorder.losses) == 12
    assert recorder.nb_batches == [6, 6]
    assert recorder.val_losses[-1] == learn.validate()[0]
    assert recorder.metrics[-1] == learn.validate()[1:]


def test_validation_is_the_mean_over_samples_also_when_the_last_batch_is_short(learn):
    inputs, target = learn.data.valid_dl.dataset[:]
    loss, accuracy = learn.validate([(inputs[:13], target[:13]), (inputs[13:], target[13:])])
    learn.model.eval()
    output = learn.model(inputs)
    assert loss == pytest.approx(learn.loss_func(output, target).item())
    assert accuracy.item() == pytest.approx((output.argmax(1) == target).float().mean().item())


def test_the_suggestion_is_where_the_loss_falls_most(learn, capsys):
    recorder = recorded(learn, [2.0, 2.0, 1.9, 1.5, 0.7, 0.4, 0.3, 0.6, 5.0])
    assert recorder.min_grad_lr is None
    recorder.plot(skip_start=1, skip_end=1, suggestion=True)
    assert recorder.min_grad_lr == 1e-5  # (0.7 - 1.9) / 2 is the lowest of the gradients
    assert capsys.readouterr().out == "Min numerical gradient: 1.00E-05\nMin loss divided by 10: 1.00E-03\n"
    (curve, dot) = lines(plt.gca())
    assert curve == (recorder.lrs[1:-1], [2.0, 1.9, 1.5, 0.7, 0.4, 0.3, 0.6])
    assert dot == ([1e-5], [1.5])


@pytest.mark.parametrize("tail", [[9.0, 50.0, 30.0, 5.0], [9.0, float("inf"), float("nan"), float("nan")]])
def test_the_way_back_from_a_peak_and_nan_are_no_suggestion(learn, tail):
    recorder = recorded(learn, [2.0, 2.0, 1.8, 1.0, 0.5, 0.4, *tail])
    recorder.plot(skip_start=0, skip_end=0, suggestion=True)
    assert recorder.min_grad_lr == 1e-6 or recorder.min_grad_lr == 1e-5
    assert recorder.min_grad_lr == recorder.lrs[int(np.argmin(np.gradient([2.0, 2.0, 1.8, 1.0, 0.5, 0.4])))]


@pytest.mark.parametrize("losses", [[], [1.0], [float("nan")] * 5], ids=["none", "one", "NaN"])
def test_too_few_points_are_said_to_be_too_few(learn, capsys, losses):
    recorder = recorded(learn, losses)
    recorder.plot(skip_start=0, skip_end=0, suggestion=True)
    assert capsys.readouterr().out == "Failed to compute the gradients, there might not be enough points.\n"
    assert recorder.min_grad_lr is None


def test_more_to_skip_than_there_is_leaves_nothing_to_draw(learn):
    recorder = recorded(learn, [3.0, 2.0, 1.0])
    recorder.plot(skip_start=2, skip_end=5)
    assert lines(plt.gca()) == [([], [])]


@pytest.mark.parametrize("plot", ["plot", "plot_lr", "plot_losses", "plot_metrics"])
def test_a_figure_is_returned_only_when_asked_for_and_never_shown(learn, plot, monkeypatch):
    monkeypatch.setattr(plt, "show", lambda *arguments: pytest.fail("show() was called"))
    assert getattr(learn.recorder, plot)() is None
    assert getattr(learn.recorder, plot)(return_fig=True) is plt.gcf()


@pytest.mark.parametrize("plot", ["plot", "plot_losses", "plot_metrics"])
def test_a_grid_is_drawn_only_when_asked_for(learn, plot):
    for show_grid in (True, False):
        getattr(learn.recorder, plot)(show_grid=show_grid)
        assert plt.gca().xaxis.get_gridlines()[0].get_visible() == show_grid


def test_rates_are_plotted_over_batches_with_momenta_beside_them(learn):
    learn.recorder.plot_lr()
    assert lines(plt.gca()) == [(list(range(12)), learn.recorder.lrs)]
    learn.recorder.plot_lr(show_moms=True, skip_start=2, skip_end=3)
    left, right = plt.gcf().axes
    assert lines(left) == [(list(range(2, 9)), learn.recorder.lrs[2:-3])]
    assert lines(right) == [(list(range(2, 9)), learn.recorder.moms[2:-3])]
    assert (left.get_ylabel(), right.get_ylabel()) == ("Learning Rate", "Momentum")


def test_losses_are_plotted_with_those_of_validation_at_the_ends_of_the_epochs(learn):
    learn.recorder.plot_losses()
    train, valid = lines(plt.gca())
    assert train == (list(range(12)), [loss.item() for loss in learn.recorder.losses])
    assert valid == ([6, 12], learn.recorder.val_losses)
    assert [text.get_text() for text in plt.gca().get_legend().get_texts()] == ["Train", "Validation"]
    learn.recorder.plot_losses(skip_start=7)
    assert lines(plt.gca())[1] == ([12], learn.recorder.val_losses[1:])
    learn.recorder.plot_losses(skip_end=1)
    assert lines(plt.gca())[1] == ([6], learn.recorder.val_losses[:1])


def test_each_metric_has_its_own_axes(learn):
    def errors(output, target):
        return (output.argmax(1) != target).sum()

    learn.metrics = [*learn.metrics, errors]
    learn.fit(2)
    learn.recorder.plot_metrics()
    for index, ax in enumerate(plt.gcf().axes):
        values = [epoch[index].item() for epoch in learn.recorder.metrics]
        assert lines(ax) == [([6, 12], values)]
    assert [ax.get_ylabel() for ax in plt.gcf().axes] == ["accuracy", "errors"]


def test_a_training_without_metrics_has_none_to_plot(learn):
    learn.metrics = []
    learn.fit(1)
    with pytest.raises(ValueError, match="metrics must be given to the learner"):
        learn.recorder.plot_metrics()


def test_a_sweep_can_be_plotted_in_every_way(learn):
    learn.lr_find(num_it=20)
    learn.recorder.plot_losses()
    assert np.isnan(plt.gca().get_lines()[1].get_ydata()).all()
    learn.recorder.plot_lr(show_moms=True)
    assert plt.gcf().axes[0].get_lines()[0].get_ydata()[0] == 1e-7


def test_each_training_has_its_own_recorder(learn):
    first = learn.recorder
    learn.fit(1)
    assert learn.recorder is not first
    assert len(first.lrs) == 12

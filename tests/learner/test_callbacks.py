"""Hooks: when they run, what they are told, what they can change, and how callbacks find their learner."""

from functools import partial

import pytest
import torch

from learner.learners import SGD, classifier, samples, small_learner
from lr_finder.learner import Callback, LearnerCallback

HOOKS = [name for name in vars(Callback) if name.startswith("on_")]


class Listing(Callback):
    """Lists the hooks that ran, with the state that they were told."""

    def __init__(self):
        self.ran = []

    def names(self):
        return [hook for hook, _ in self.ran]


def _list(hook):
    return lambda self, **state: self.ran.append((hook, state))


for hook in HOOKS:
    setattr(Listing, hook, _list(hook))


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_says_when_it_runs_and_does_nothing(hook):
    assert getattr(Callback, hook).__doc__.startswith("Runs ")
    assert getattr(Callback(), hook)(epoch=0) is None


def test_hooks_run_in_the_order_that_they_describe():
    listing, learn = Listing(), small_learner()
    learn.data.train_dl = [learn.data.train_dl.dataset[:8]]
    learn.data.valid_dl = [learn.data.valid_dl.dataset[:8]]
    learn.fit(1, callbacks=listing)
    training = [
        "on_batch_begin",
        "on_loss_begin",
        "on_backward_begin",
        "on_backward_end",
        "on_step_end",
        "on_batch_end",
    ]
    validation = ["on_batch_begin", "on_loss_begin", "on_batch_end"]
    ends = ["on_epoch_end", "on_train_end"]
    assert listing.names() == ["on_train_begin", "on_epoch_begin", *training, *validation, *ends]


def test_hooks_are_told_the_state_of_the_training():
    listing, learn = Listing(), small_learner()
    learn.fit(2, callbacks=listing)
    states = dict(listing.ran)
    assert states["on_train_begin"]["n_epochs"] == 2
    assert states["on_train_begin"]["metrics_names"] == ["accuracy"]
    assert (states["on_epoch_end"]["epoch"], states["on_epoch_end"]["num_batch"]) == (1, 6)
    assert states["on_train_end"]["exception"] is False
    iterations = [state["iteration"] for hook, state in listing.ran if hook == "on_backward_begin"]
    assert iterations == list(range(12))
    documented = "epoch iteration num_batch n_epochs pbar metrics last_input last_target train last_output last_loss "
    documented += "smooth_loss last_metrics skip_validate skip_bwd skip_step skip_zero stop_epoch stop_training"
    assert set(documented.split()) == states["on_train_end"].keys() - {"exception"}
    assert all(f"`{key}`" in Callback.__doc__ for key in documented.split())


class Answering(Callback):
    """Gives one answer in one hook."""

    def __init__(self, hook, **answer):
        setattr(self, hook, lambda **state: answer)


def weights_after(*callbacks):
    learn = small_learner(opt_func=SGD)
    torch.manual_seed(0)
    learn.fit(1, 0.1, callbacks=callbacks)
    return learn, learn.model[0].weight.detach()


def test_a_hook_can_skip_the_optimizer_step():
    _, weights = weights_after(Answering("on_backward_end", skip_step=True))
    assert torch.equal(weights, classifier()[0].weight)


def test_a_hook_can_skip_the_backward_pass():
    _, weights = weights_after(Answering("on_backward_begin", skip_bwd=True))
    assert torch.equal(weights, classifier()[0].weight)


def test_a_hook_can_keep_the_gradients():
    learn, _ = weights_after(Answering("on_step_end", skip_zero=True))
    assert learn.model[0].weight.grad is not None
    learn, _ = weights_after()
    assert learn.model[0].weight.grad is None


def test_a_hook_can_end_the_epoch_and_the_training():
    learn = small_learner()
    learn.fit(3, callbacks=Answering("on_batch_end", stop_epoch=True))
    assert learn.recorder.nb_batches == [1, 1, 1]
    learn.fit(3, callbacks=Answering("on_epoch_end", stop_training=True))
    assert learn.recorder.nb_batches == [6]


def test_a_hook_can_replace_batch_output_and_loss():
    inputs, target = samples()[:8]
    learn = small_learner()
    learn.data.train_dl = [(inputs, target)]
    plain = learn.validate([(inputs * 2, target)])[0]
    doubling = Answering("on_batch_begin", last_input=inputs * 2)
    assert learn.validate([(inputs, target)], callbacks=doubling)[0] == plain
    zeros = Answering("on_loss_begin", last_output=torch.zeros(8, 3))
    assert learn.validate([(inputs, target)], callbacks=zeros)[0] == pytest.approx(torch.tensor(3.0).log().item())


def test_an_unknown_answer_is_refused():
    with pytest.raises(ValueError, match=r"Answering\.on_batch_end must return keys .*, got stop_epcoh"):
        weights_after(Answering("on_batch_end", stop_epcoh=True))


def test_callbacks_run_by_their_order():
    ran = []

    class Noting(Callback):
        def __init__(self, order):
            self._order = order

        def on_train_begin(self, **kwargs):
            ran.append(self._order)

    small_learner(callbacks=[Noting(3), Noting(-30)]).fit(1, callbacks=[Noting(1)])
    assert ran == [-30, 1, 3]


@pytest.mark.parametrize("hook", [hook for hook in HOOKS if hook != "on_train_end"])
@pytest.mark.parametrize("error", [ValueError(), KeyboardInterrupt()], ids=["raises", "Ctrl-C"])
def test_the_end_hook_runs_whatever_ends_the_training(hook, error):
    def fail(**state):
        raise error

    listing, failing = Listing(), Callback()
    setattr(failing, hook, fail)
    with pytest.raises(type(error)):
        small_learner().fit(1, callbacks=[listing, failing])
    assert listing.names()[-1] == "on_train_end"
    assert listing.ran[-1][1]["exception"] is error


def test_the_end_hook_runs_for_the_others_when_one_raises_in_it():
    def fail(**state):
        raise ValueError("at the end")

    listing, failing = Listing(), Callback()
    failing.on_train_end = fail
    with pytest.raises(ValueError, match="at the end"):
        small_learner().fit(1, callbacks=[failing, listing])
    assert listing.names()[-1] == "on_train_end"


class GradientPenalty(LearnerCallback):
    def __init__(self, learn, weight=0.1):
        super().__init__(learn)
        self.weight = weight


def test_a_learner_callback_has_the_learners_attributes_and_is_one_itself():
    learn = small_learner()
    penalty = GradientPenalty(learn)
    assert learn.gradient_penalty is penalty
    assert penalty.learn is learn
    assert penalty.model is learn.model
    assert penalty.weight == 0.1
    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = penalty.nothing_like_it


def test_a_learner_callback_does_not_keep_its_learner_alive():
    penalty = GradientPenalty(small_learner())
    with pytest.raises(ReferenceError, match="the learner of this GradientPenalty is gone"):
        _ = penalty.learn


def test_functions_of_the_learner_make_a_callback_for_each_training():
    learn = small_learner(callback_fns=partial(GradientPenalty, weight=0.5))
    learn.fit(1)
    first = learn.gradient_penalty
    learn.fit(1)
    assert learn.gradient_penalty is not first
    assert first.weight == 0.5

"""What a callback is: one empty method for each moment of a training."""

import re
import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lr_finder.learner.learner import Learner


class Callback:
    """Something to do at certain moments of a training; a subclass fills in the hooks that it needs.

    Every hook gets the whole state of the training as keywords: `epoch`, `iteration` (batches trained so far),
    `num_batch` (of them in this epoch), `n_epochs`, `pbar`, `metrics`, `last_input`, `last_target`, `train`,
    `last_output`, `last_loss`, `smooth_loss`, `last_metrics`, and the switches `skip_validate`, `skip_bwd`,
    `skip_step`, `skip_zero`, `stop_epoch` and `stop_training`; those that were not set yet are left out. What a hook
    returns, a dictionary with some of these keys, replaces them.

    Callbacks run by their `_order`, lowest first.
    """

    _order = 0

    # Hooks are called with keywords alone. The `*args` tell a type checker that a subclass may name those it uses.

    def on_train_begin(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        """Runs once, before the first epoch."""

    def on_epoch_begin(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        """Runs before the first batch of each epoch."""

    def on_batch_begin(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        """Runs before the forward pass, also when validating; may replace `last_input` and `last_target`."""

    def on_loss_begin(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        """Runs between forward pass and loss, also when validating; may replace `last_output`."""

    def on_backward_begin(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        """Runs between loss and backward pass; may replace `last_loss` or set `skip_bwd`."""

    def on_backward_end(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        """Runs between backward pass and optimizer step; may set `skip_step`."""

    def on_step_end(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        """Runs between the optimizer step and clearing the gradients; may set `skip_zero`."""

    def on_batch_end(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        """Runs after each batch, also when validating; `stop_epoch` ends the epoch here."""

    def on_epoch_end(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        """Runs after each epoch and its validation; `stop_training` ends the training here."""

    def on_train_end(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        """Runs once, however the training ended: `exception` is what ended it, or False.

        It runs for every callback whose `on_train_begin` was called, also where that one raised.
        """


class LearnerCallback(Callback):
    """A callback that knows its learner; the learner has it as an attribute of the callback's name in snake case.

    Attributes that it has not itself are those of the learner.
    """

    def __init__(self, learn: "Learner"):
        self._learn = weakref.ref(learn)  # the learner holds the callback: a strong one would be a cycle
        setattr(learn, self.cb_name, self)

    @property
    def learn(self) -> "Learner":
        """The learner.

        Raises:
            ReferenceError: It is gone; something must hold a learner for as long as its callbacks are used.
        """
        learn = self._learn()
        if learn is None:
            raise ReferenceError(f"the learner of this {type(self).__name__} is gone")
        return learn

    @property
    def cb_name(self) -> str:
        """The class's name in snake case: `lr_finder` for `LRFinder`."""
        return snake_case(type(self).__name__)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # `_learn` itself while it is not set, and what copying and pickling look for
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return getattr(self.learn, name)


def snake_case(name: str) -> str:
    """A class's name as one of a variable.

    >>> snake_case("LRFinder")
    'lr_finder'
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()

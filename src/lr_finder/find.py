"""`lr_find`: finds out what it was given and hands over to the integration for it."""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from lr_finder.kinds import (
    FACTORY,
    LOSS_FUNCTION,
    PREPARED,
    STEP_FUNCTION,
    SUPPORTED,
    TORCH,
    Supported,
    is_from,
    kind_of,
)

if TYPE_CHECKING:
    from lr_finder.overloads import lr_find as lr_find
else:

    def lr_find(training=None, /, *arguments, **keywords):
        """Searches for the learning rate to start a training with, and leaves the training as it was.

        What may be given depends on what is trained:

            lr_find(model, optimizer, loss_fn, train_loader)            PyTorch, also as prepared by Accelerate
            lr_find(model, optimizer, batch_loss=fn, train_loader=train_loader)     the same, fn(model, batch) -> loss
            lr_find(step, optimizer=optimizer, train_loader=train_loader, state=[model])    any PyTorch code
            lr_find(trainer, lightning_module, train_dataloaders=... | datamodule=...)      Lightning
            lr_find(trainer)                                            Hugging Face Trainer
            lr_find(learn)                                              fastai 2, or the Learner of this package
            lr_find(keras_model, x, y, batch_size=64)                   Keras 3
            lr_find(net, X, y)                                          skorch
            lr_find(engine, optimizer=..., data=..., state=[model])     Ignite
            lr_find(loss, params, make_optimizer, batches)              JAX with Optax
            lr_find(nnx_model, loss, make_optimizer, batches)           Flax NNX
            lr_find(make, pool="processes", probes=5)   any of them, as make() returns it, with probes side by side

        and by keyword, whatever is trained (`lr_finder.SearchOptions` says more):

            start_lr, end_lr    one plain ramp from the one to the other; without them the range is found too
            num_it              optimizer steps to plan for; up to 200, or 100 with a range, where left out
            max_it              the most steps to take where the range is found; 1000, or 5 * num_it, where left out
            stop_div=True       whether a ramp stops once the loss has diverged
            wd                  weight decay during the search
            by_group            whether to find the ratio of the parameter groups' rates too; where left out, it is done
                                for optimizers of different classes
            probes=0            how many rates around the suggestion to try in short trainings, which may correct it
            probe_steps=64      steps of each of these
            budget              the most steps that they may take together
            validate            a function that gives a validation loss to judge them by
            warmup=False        whether to find out in how many steps the rate has to climb at first, in at most 512
            total_steps         optimizer steps of the training to come, for which the rate is
            schedule            how its rate will run: "constant", "cosine", "linear", "wsd", "one_cycle" or
                                "inverse_sqrt"
            progress            whether to show a progress bar; None shows it on a terminal only

        The arguments of each framework are explained by `lr_finder.integrations.<framework>.lr_find`, which may also be
        called directly.

        Returns:
            RangeTestResult: The curve, with the suggestion and all else that can be read from it.

        Raises:
            TypeError: The first argument is of no supported kind; the text lists them.
            ValueError: An argument breaks its rule; the text names it.
            MissingExtraError: The framework is not installed.
        """
        if keywords.get("pool") is None:
            keywords.pop("pool", None)
            kind = _kind(training, arguments, keywords)
        else:
            kind = FACTORY
        module = import_module(kind.module)
        return module.lr_find(training, *arguments, **keywords)


def _kind(training: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Supported:
    optimizer = keywords.get("optimizer", arguments[0] if arguments else None)
    if isinstance(optimizer, Mapping):
        optimizer = list(optimizer.values())
    optimizers = optimizer if isinstance(optimizer, (list, tuple)) else [optimizer]
    if any(is_from(PREPARED.package, one) for one in optimizers):  # a prepared model is of the user's own class
        return PREPARED
    # Lightning's modules and Keras' models on torch are torch modules too: with an optimizer as torch's that is meant.
    if hasattr(optimizer, "param_groups") and is_from("torch.nn", training):
        return TORCH
    if (kind := kind_of(training)) is not None:
        return kind
    # Functions have no class to go by: what comes with them tells a loss from a training step.
    if callable(training) and not isinstance(training, type):
        if "optimizer" in keywords or any(hasattr(one, "param_groups") for one in optimizers):
            return STEP_FUNCTION
        if len(arguments) >= 2 or "make_optimizer" in keywords:
            return LOSS_FUNCTION
    if training is None:
        raise TypeError("lr_find() takes what is trained first, and without a name: lr_find(model, ...)")
    if isinstance(training, type):
        name = training.__name__
        raise TypeError(f"lr_find() takes what is trained, got the class {name}: make one of it, {name}(...)")
    if callable(training) and not arguments:
        raise TypeError(
            f"lr_find() takes a function that trains a step with its optimizer: {STEP_FUNCTION.call}; of one "
            "that makes the training, what it returns: lr_find(*make())"
        )
    calls = "\n".join(dict.fromkeys(f"  {kind.call}" for kind in (*SUPPORTED, LOSS_FUNCTION, STEP_FUNCTION)))
    raise TypeError(f"lr_find() does not know what to do with {type(training).__name__}; it takes\n{calls}")

"""Lightning, installed as `lightning`."""

from lr_finder.extras import extra

with extra("lightning"):
    from lightning.pytorch import Callback

    from lr_finder.integrations.lightning_trainer.apply import apply
    from lr_finder.integrations.lightning_trainer.loggers import trackers as trackers
    from lr_finder.integrations.lightning_trainer.search import lr_find
    from lr_finder.integrations.lightning_trainer.search_before_fit import SearchBeforeFit

__all__ = ["LRFinderCallback", "apply", "lr_find"]


class LRFinderCallback(SearchBeforeFit, Callback):
    """Searches for the learning rate at the start of every `Trainer.fit` and trains with it.

        trainer = Trainer(callbacks=[LRFinderCallback()])

    The rate goes where `configure_optimizers` takes it from, so that schedulers are built on it. Where it does not
    arrive in the optimizers, it is set in them and in their schedulers. A fit that resumes from a checkpoint goes on
    with the rate of the checkpoint.

    Args:
        attribute: Where the module, or its `hparams`, keeps the rate: a name, or a path such as `hparams.optim.lr` or
            `config["optim"].lr`; where left out, `lr` and `learning_rate`, as far as there are any.
        log: Whether to write the search to the trainer's loggers.
        progress: Whether to show a progress bar; None shows it on a terminal only.
        search: Those of every search: see `lr_finder.SearchOptions`.

    Attributes:
        result: What the last search found; None before.

    Raises:
        NoSuggestionError: Out of `Trainer.fit`: the curve does not tell a rate.
        ValueError: Out of `Trainer.fit`, before any step: the module has no such attribute. Or, before any step of the
            training: a scheduler keeps its rates where that is not known.
    """

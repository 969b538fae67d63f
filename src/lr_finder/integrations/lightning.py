"""Lightning, installed as `lightning`."""

from lr_finder.extras import extra

with extra("lightning"):
    from lightning.pytorch import Callback

    from lr_finder.integrations.lightning_trainer.apply import apply
    from lr_finder.integrations.lightning_trainer.search import lr_find
    from lr_finder.integrations.lightning_trainer.search_before_fit import SearchBeforeFit

__all__ = ["LRFinderCallback", "apply", "lr_find"]


class LRFinderCallback(SearchBeforeFit, Callback):
    """Searches for the learning rate at the start of every `Trainer.fit` and trains with it.

        trainer = Trainer(callbacks=[LRFinderCallback()])

    The rate goes where `configure_optimizers` takes it from, so that schedulers are built on it. A fit that resumes
    from a checkpoint goes on with the rate of the checkpoint.

    Args:
        attribute: The attribute of the module, or the entry of its `hparams`, that holds the rate; where left out, `lr`
            and `learning_rate`. A module without any gets the rate in its optimizers, where it has no scheduler.
        search: Keywords of `lr_find`: those of `lr_finder.SearchOptions`, and `progress`.

    Attributes:
        result: What the last search found; None before.

    Raises:
        NoSuggestionError: Out of `Trainer.fit`: the curve does not tell a rate.
        ValueError: Out of `Trainer.fit`: the module has a scheduler, and does not take its rate from the attribute.
    """

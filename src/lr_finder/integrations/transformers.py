"""Hugging Face: the Trainer of transformers, and those that build on it."""

from lr_finder.extras import extra

with extra("transformers"):
    from lr_finder.integrations.transformers_trainer.apply import apply
    from lr_finder.integrations.transformers_trainer.find import lr_find
    from lr_finder.integrations.transformers_trainer.search_before_training import LRFinderCallback
    from lr_finder.integrations.transformers_trainer.trackers import trackers as trackers

__all__ = ["LRFinderCallback", "apply", "lr_find"]

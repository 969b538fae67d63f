"""Hugging Face: the Trainer of transformers, and those that build on it."""

from lr_finder.extras import extra

with extra("transformers"):
    from lr_finder.integrations.transformers_trainer.apply import apply
    from lr_finder.integrations.transformers_trainer.find import lr_find

__all__ = ["apply", "lr_find"]

"""Keras 3 on any backend: a compiled model with the data that it is fitted to."""

from lr_finder.extras import extra

with extra("keras"):
    from lr_finder.integrations.keras.apply import apply
    from lr_finder.integrations.keras.find import lr_find
    from lr_finder.integrations.keras.search_before_fit import LRFinder

__all__ = ["LRFinder", "apply", "lr_find"]

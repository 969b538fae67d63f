"""Keras 3 on any backend: a compiled model with the data that it is fitted to."""

from lr_finder.integrations.keras.find import LRFinder, lr_find

__all__ = ["LRFinder", "lr_find"]

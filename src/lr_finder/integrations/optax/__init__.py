"""JAX: a loss function of parameters, with an optimizer from Optax. Plain pytrees and Equinox modules."""

from lr_finder.integrations.optax.find import lr_find

__all__ = ["lr_find"]

"""Plain PyTorch: a model with its optimizer and loader, or a step function."""

from lr_finder.integrations.torch.find import lr_find

__all__ = ["lr_find"]

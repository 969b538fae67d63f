"""The layers of a model: where to cut it into groups, and which parameters weight decay may leave alone."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TypeAlias

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

BATCH_NORMS = (_BatchNorm,)
NORMS = (*BATCH_NORMS, nn.LayerNorm)

Split: TypeAlias = Sequence[nn.Module | Sequence[nn.Module]]
"""The layers with which layer groups begin, in the order of the model; or a list of layers for each group."""


class LoneParameter(nn.Module):
    """A parameter that belongs to no layer but to a model as a whole, so that a layer group can hold it."""

    def __init__(self, parameter: nn.Parameter):
        super().__init__()
        self.parameter = parameter


def leaves(model: nn.Module) -> list[nn.Module]:
    """The layers without layers below them, in the order in which the model lists them."""
    children = list(model.children())
    if not children:
        return [model]
    below = [leaf for child in children for leaf in leaves(child)]
    return below + [LoneParameter(parameter) for parameter in model.parameters(recurse=False)]


def one_group(model: nn.Module) -> list[nn.Module]:
    """All layers of a model as one group."""
    return [nn.Sequential(*leaves(model))]


def split_layers(model: nn.Module, splits: Split) -> list[nn.Module]:
    """Layer groups of a model.

    Args:
        model: The model.
        splits: Where to cut.

    Raises:
        ValueError: A layer is not one of the model, or they are in another order.
    """
    modules = [split for split in splits if isinstance(split, nn.Module)]
    if len(modules) < len(splits):
        return [nn.Sequential(*split) for split in splits if not isinstance(split, nn.Module)]
    layers = leaves(model)
    starts = [0]
    for module in modules:
        first = leaves(module)[0]
        if first not in layers:
            raise ValueError(f"split_on must name layers of the model, and {type(module).__name__} is none of them")
        starts.append(layers.index(first))
    if starts != sorted(starts):
        raise ValueError(f"split_on must name layers in the order of the model, got positions {starts[1:]}")
    cuts = sorted({*starts, len(layers)})
    return [nn.Sequential(*layers[start:stop]) for start, stop in pairwise(cuts)]


def decay_groups(layer_groups: Iterable[nn.Module]) -> list[list[nn.Parameter]]:
    """The trainable parameters in two lists per layer group: those to decay, then biases and those of norm layers.

    A parameter that several layers share is in the first list that meets it, and in no other.
    """
    lists: list[list[nn.Parameter]] = []
    seen: set[nn.Parameter] = set()
    for group in layer_groups:
        decayed: list[nn.Parameter] = []
        exempt: list[nn.Parameter] = []
        for module in group.modules():
            for name, parameter in module.named_parameters(recurse=False):
                if parameter.requires_grad and parameter not in seen:
                    seen.add(parameter)
                    (exempt if name == "bias" or isinstance(module, NORMS) else decayed).append(parameter)
        lists += [decayed, exempt]
    return lists


def set_trainable(group: nn.Module, trainable: bool, *, keep_batch_norms: bool = False) -> None:
    """Sets `requires_grad` on the parameters of a layer group, those of its BatchNorm layers aside if so told."""
    for module in group.modules():
        if not (keep_batch_norms and isinstance(module, BATCH_NORMS)):
            for parameter in module.parameters(recurse=False):
                parameter.requires_grad_(trainable)

"""A torch optimizer with one learning rate, momentum and weight decay per layer group."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.optim import Optimizer

from lr_finder.curve.parameter_groups import lrs_of, momentum_of, write_lrs
from lr_finder.learner.layers import decay_groups

Floats: TypeAlias = float | Sequence[float] | NDArray[np.float64]
"""One number for all layer groups, or one for each."""

OptimizerFunction: TypeAlias = Callable[[list[dict[str, Any]]], Optimizer]
"""Makes a torch optimizer from parameter groups; the class of one will do."""


class OptimWrapper:
    """Settings by layer group over a torch optimizer, which has two parameter groups for each layer group.

    The second of the two holds biases and the parameters of norm layers, which go without weight decay when `bn_wd`
    is False. Reading `lr`, `mom`, `beta` or `wd` gives the last layer group's value; they are set with one number, or
    with one number per layer group.

    `lr` and `wd` are kept here and written into the torch optimizer right before each step. That is how a sweep's
    rate can still be read from `lr` after everything in the torch optimizer was put back; every `fit` sets both
    afresh. Momentum lives in the torch optimizer alone.

    Args:
        opt: A torch optimizer with two parameter groups per layer group, as `create` makes it.
        wd: Weight decay.
        true_wd: Whether weights are decayed apart from the gradient's step (Loshchilov and Hutter 2017), for any
            optimizer; else it is the optimizer's own weight decay.
        bn_wd: Whether the second parameter groups are decayed too.

    Raises:
        ValueError: The optimizer has an odd number of parameter groups.
    """

    def __init__(self, opt: Optimizer, wd: Floats = 0.0, true_wd: bool = False, bn_wd: bool = True):
        if len(opt.param_groups) % 2:
            raise ValueError(f"opt must have two parameter groups per layer group, got {len(opt.param_groups)} in all")
        self.opt = opt
        self.true_wd = true_wd
        self.bn_wd = bn_wd
        self._lr = lrs_of(opt.param_groups[::2])
        self._wd = [0.0] * len(self._lr)
        self.wd = wd

    @classmethod
    def create(
        cls,
        opt_func: OptimizerFunction,
        lr: Floats,
        layer_groups: Sequence[nn.Module],
        wd: Floats = 0.0,
        true_wd: bool = False,
        bn_wd: bool = True,
    ) -> "OptimWrapper":
        """An optimizer over the trainable parameters of layer groups.

        Raises:
            ValueError: There are no trainable parameters, or `lr` or `wd` has another number of values than there are
                layer groups.
        """
        parameters = decay_groups(layer_groups)
        if not any(parameters):
            raise ValueError("model must have parameters that require a gradient, and has none")
        lrs = _one_per_group("lr", lr, len(layer_groups))
        groups = [{"params": params, "lr": lrs[index // 2]} for index, params in enumerate(parameters)]
        return cls(opt_func(groups), wd=wd, true_wd=true_wd, bn_wd=bn_wd)

    @property
    def lr(self) -> float:
        """Learning rate, at least 0."""
        return self._lr[-1]

    @lr.setter
    def lr(self, value: Floats) -> None:
        self._lr = _one_per_group("lr", value, len(self._lr))

    @property
    def wd(self) -> float:
        """Weight decay per step and unit of rate."""
        return self._wd[-1]

    @wd.setter
    def wd(self, value: Floats) -> None:
        values = _one_per_group("wd", value, len(self._wd))
        if any(values) and not self.true_wd and "weight_decay" not in self.opt.param_groups[0]:
            raise ValueError(f"wd must be 0 without true_wd: {type(self.opt).__name__} has no weight decay of its own")
        self._wd = values

    @property
    def mom(self) -> float | None:
        """Momentum: the first of `betas`, or `momentum`; None for an optimizer without."""
        return momentum_of(self.opt.param_groups[-1])

    @mom.setter
    def mom(self, value: Floats) -> None:
        for pair, mom in zip(self._pairs(), _one_per_group("mom", value, len(self._lr)), strict=True):
            for group in pair:
                if "betas" in group:
                    group["betas"] = (mom, *group["betas"][1:])
                elif "momentum" in group:
                    group["momentum"] = mom
                else:
                    raise ValueError(f"mom can't be set: {type(self.opt).__name__} has neither momentum nor betas")

    @property
    def beta(self) -> float | None:
        """How slowly the average of squared gradients moves: the second of `betas`, or `alpha`; None without."""
        group = self.opt.param_groups[-1]
        return group["betas"][1] if "betas" in group else group.get("alpha")

    @beta.setter
    def beta(self, value: Floats) -> None:
        for pair, beta in zip(self._pairs(), _one_per_group("beta", value, len(self._lr)), strict=True):
            for group in pair:
                if "betas" in group:
                    group["betas"] = (group["betas"][0], beta, *group["betas"][2:])
                elif "alpha" in group:
                    group["alpha"] = beta
                else:
                    raise ValueError(f"beta can't be set: {type(self.opt).__name__} has neither betas nor alpha")

    def step(self) -> None:
        """Writes rates and weight decay into the torch optimizer, decays the weights if told so, and steps."""
        self._write_settings()
        if self.true_wd:
            self._decay_weights()
        self.opt.step()

    def zero_grad(self) -> None:
        """Clears the gradients."""
        self.opt.zero_grad()

    def state_dict(self) -> dict[str, Any]:
        """The torch optimizer's state, with the current settings in it."""
        self._write_settings()
        return self.opt.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes over a state that `state_dict` gave, its rates and momentum included.

        Raises:
            ValueError: It is of an optimizer over other parameter groups.
        """
        self.opt.load_state_dict(state)
        self._lr = lrs_of(self.opt.param_groups[::2])

    def _pairs(self) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """The two parameter groups of each layer group."""
        groups = self.opt.param_groups
        return list(zip(groups[::2], groups[1::2], strict=True))

    def _write_settings(self) -> None:
        write_lrs(self.opt.param_groups, np.repeat(self._lr, 2))
        for wd, (decayed, exempt) in zip(self._wd, self._pairs(), strict=True):
            if "weight_decay" in decayed:
                decayed["weight_decay"] = 0.0 if self.true_wd else wd
                exempt["weight_decay"] = decayed["weight_decay"] if self.bn_wd else 0.0

    @torch.no_grad()
    def _decay_weights(self) -> None:
        for lr, wd, (decayed, exempt) in zip(self._lr, self._wd, self._pairs(), strict=True):
            for group in (decayed, exempt) if self.bn_wd else (decayed,):
                for parameter in group["params"]:
                    if parameter.grad is not None:
                        parameter.mul_(1 - wd * lr)


def _one_per_group(name: str, value: Floats, groups: int) -> list[float]:
    try:
        values = np.atleast_1d(np.asarray(value, dtype=np.float64))
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number or one per layer group, got {value!r}") from None
    if values.shape not in ((1,), (groups,)):
        raise ValueError(f"{name} must be one number or one per layer group ({groups}), got {len(values)}")
    if not (np.all(np.isfinite(values)) and np.all(values >= 0)):
        raise ValueError(f"{name} must be finite and at least 0, got {value}")
    return np.broadcast_to(values, groups).tolist()

"""Trainings at many rates and with several seeds at once, as one training of stacked weights.

Small nets are bound by the cost of calling torch, so thirty of them together take little longer than one. Each is the
training that it would be alone, batch for batch: the optimizer steps the stacked weights at a rate of one, and each
one's step is scaled to its own rate afterwards, which is the same for every optimizer whose step is a multiple of its
rate (SGD with momentum, AdamW with its decay, Lion).
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from benchmarks.finders.tasks import Case, epochs
from benchmarks.finders.tasks.optimizers import OPTIMIZERS


class Stack:
    """The trainings of one case with every seed and rate; their losses have the shape `(seeds, rates)`.

    Args:
        case: The task and the optimizer.
        rates: Of the trainings; under a schedule, their peaks.
        seeds: Each decides an initialisation and an order of the batches.
    """

    def __init__(self, case: Case, rates: Sequence[float], seeds: Sequence[int]):
        setups = [case.make(seed) for seed in seeds]
        self._shape = (len(seeds), len(rates))
        self._batches = zip(*[epochs(setup.train_loader) for setup in setups], strict=True)
        self._loss_fn, self._validation = case.task.loss_fn, case.task.problem.validation
        self._model = setups[0].model
        weights, buffers = stack_module_state([setup.model for setup in setups])
        self._buffers = {name: buffer[0] for name, buffer in buffers.items()}
        self._names = list(weights)
        self._weights = nn.ParameterList(
            nn.Parameter(tensor.detach().repeat_interleave(len(rates), 0)) for tensor in weights.values()
        )
        self._optimizer = OPTIMIZERS[case.optimizer](self._weights, 1.0)
        self._rates = torch.tensor(rates).repeat(len(seeds))
        self._stayed_finite = torch.ones(len(self._rates), dtype=torch.bool)

    def train_step(self, factor: float | Tensor) -> None:
        """Takes one step with each training, at its rate times a factor: the same for all, or one for each rate."""
        batches = [torch.stack(part) for part in zip(*next(self._batches), strict=True)]
        inputs, targets = (part.repeat_interleave(self._shape[1], 0) for part in batches)
        self._optimizer.zero_grad()
        losses = vmap(self._loss)(self._named_weights(), inputs, targets)
        self._stayed_finite &= losses.detach().isfinite()
        losses.sum().backward()
        factors = torch.as_tensor(factor).expand(self._shape).flatten()
        before = [weight.detach().clone() for weight in self._weights]
        self._optimizer.step()
        with torch.no_grad():
            for weight, old in zip(self._weights, before, strict=True):
                rates = (factors * self._rates).reshape(-1, *[1] * (weight.dim() - 1))
                weight.copy_(old + rates * (weight - old))

    def validation_losses(self) -> NDArray[np.float64]:
        """The validation loss of each training, infinite where a loss was not finite."""
        with torch.no_grad():
            inputs, targets = self._validation
            losses = vmap(self._loss, in_dims=(0, None, None))(self._named_weights(), inputs, targets)
        losses = torch.where(self._stayed_finite & losses.isfinite(), losses, torch.inf)
        return losses.reshape(self._shape).double().numpy()

    def _named_weights(self) -> dict[str, Tensor]:
        return dict(zip(self._names, self._weights, strict=True))

    def _loss(self, weights: dict[str, Tensor], inputs: Tensor, targets: Tensor) -> Tensor:
        return self._loss_fn(functional_call(self._model, (weights, self._buffers), (inputs,)), targets)

"""Images from images: an autoencoder, a variational one, a net that removes noise."""

from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.finders.tasks.constants import constant_binary_cross_entropy, constant_squared_error
from benchmarks.finders.tasks.data import digit_images, digits
from benchmarks.finders.tasks.mlps import mlp
from benchmarks.finders.tasks.task import Examples, Problem, Task


@cache
def _reconstruction() -> Problem:
    """Brightness in 0..4: the first outputs are far off, and the first drop only learns the mean."""
    flat = digits()
    train, validation = (Examples(part.inputs, part.inputs * 4) for part in (flat.train, flat.validation))
    return Problem(train, validation, constant_squared_error(train.targets, validation.targets))


def _autoencoder() -> nn.Sequential:
    return mlp(64, 64, 12, 64, 64)


class _VariationalAutoencoder(nn.Module):
    """Gives logits of the pixels, and mean and log-variance of the code, side by side: (rows, 64 + 2 * code)."""

    def __init__(self, code: int = 8):
        super().__init__()
        self.encode, self.decode = mlp(64, 64, 2 * code), mlp(code, 64, 64)

    def forward(self, images: Tensor) -> Tensor:
        encoded = self.encode(images)
        mean, log_variance = encoded.chunk(2, dim=1)
        noise = torch.randn_like(mean) if self.training else torch.zeros_like(mean)
        return torch.cat([self.decode(mean + noise * (log_variance / 2).exp()), encoded], dim=1)


def _evidence_loss(output: Tensor, images: Tensor) -> Tensor:
    """The negative evidence lower bound (Kingma and Welling 2014), a sum over pixels and code."""
    logits, encoded = output[:, :64], output[:, 64:]
    mean, log_variance = encoded.chunk(2, dim=1)
    divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
    reconstruction = functional.binary_cross_entropy_with_logits(logits, images, reduction="none").sum(1)
    return (reconstruction + divergence).mean()


@cache
def _brightness() -> Problem:
    """Brightness in 0..1; the best constant is each pixel's mean, with a code that says nothing."""
    flat = digits()
    train, validation = (Examples(part.inputs, part.inputs) for part in (flat.train, flat.validation))
    constant = 64 * constant_binary_cross_entropy(train.targets, validation.targets)
    return Problem(train, validation, constant)


@cache
def _noisy_images() -> Problem:
    """Digits (1, 8, 8) with as much noise as signal, and without."""
    generator = torch.Generator().manual_seed(0)
    train, validation = (
        Examples(part.inputs + torch.randn(part.inputs.shape, generator=generator), part.inputs)
        for part in (digit_images().train, digit_images().validation)
    )
    return Problem(train, validation, constant_squared_error(train.targets, validation.targets))


def _denoiser() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(),
        nn.Conv2d(12, 24, 3, padding=1, stride=2), nn.ReLU(),
        nn.ConvTranspose2d(24, 12, 2, stride=2), nn.ReLU(),
        nn.Conv2d(12, 1, 3, padding=1),
    )  # fmt: skip


AUTOENCODERS = (
    Task(
        "variational_autoencoder",
        "variational autoencoder",
        ("momentum", "adamw"),
        num_steps=250,
        batch_size=32,
        load_problem=_brightness,
        make_model=_VariationalAutoencoder,
        loss_fn=_evidence_loss,
    ),
    Task(
        "denoising",
        "image to image",
        ("momentum", "adamw", "rmsprop"),
        num_steps=150,
        batch_size=32,
        load_problem=_noisy_images,
        make_model=_denoiser,
        loss_fn=functional.mse_loss,
    ),
    Task(
        "autoencoder",
        "autoencoder",
        ("sgd", "momentum", "adamw"),
        num_steps=300,
        batch_size=32,
        load_problem=_reconstruction,
        make_model=_autoencoder,
        loss_fn=functional.mse_loss,
    ),
)

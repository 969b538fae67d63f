"""Small convolutional nets: with batch norm, with group norm on signals, and with residual connections."""

from torch import Tensor, nn
from torch.nn import functional

from benchmarks.finders.tasks.data import digit_images, mnist_1d
from benchmarks.finders.tasks.task import Task


def _batch_norm_net() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.AdaptiveAvgPool2d(2),
        nn.Flatten(), nn.Linear(64, 10),
    )  # fmt: skip


def _group_norm_net() -> nn.Sequential:
    return nn.Sequential(
        nn.Unflatten(1, (1, 40)),
        nn.Conv1d(1, 16, 5, stride=2, padding=2), nn.GroupNorm(4, 16), nn.ReLU(),
        nn.Conv1d(16, 16, 5, stride=2, padding=2), nn.GroupNorm(4, 16), nn.ReLU(),
        nn.Conv1d(16, 16, 3, padding=1), nn.GroupNorm(4, 16), nn.ReLU(),
        nn.Flatten(), nn.Linear(160, 10),
    )  # fmt: skip


class _Residual(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, channels, 3, padding=1, bias=False),
        )  # fmt: skip

    def forward(self, images: Tensor) -> Tensor:
        return images + self.body(images)


def _residual_net() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 12, 3, stride=2, padding=1), *[_Residual(12) for _ in range(3)],
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 10),
    )  # fmt: skip


CONVOLUTIONS = (
    Task(
        "batch_norm_convolution",
        "convolution with batch norm",
        ("sgd", "momentum", "adamw"),
        num_steps=150,
        batch_size=32,
        load_problem=digit_images,
        make_model=_batch_norm_net,
        loss_fn=functional.cross_entropy,
    ),
    Task(
        "group_norm_convolution",
        "convolution with group norm",
        ("momentum", "rmsprop", "adamw"),
        num_steps=250,
        batch_size=32,
        load_problem=mnist_1d,
        make_model=_group_norm_net,
        loss_fn=functional.cross_entropy,
    ),
    Task(
        "residual_net",
        "residual net",
        ("momentum", "adamw"),
        num_steps=150,
        batch_size=32,
        load_problem=digit_images,
        make_model=_residual_net,
        loss_fn=functional.cross_entropy,
    ),
)

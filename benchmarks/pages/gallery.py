"""Real curves of every sort, and what the finder says about each, for `docs/how-to-read-a-curve.md`.

Run `python -m benchmarks.pages.gallery`; a few minutes of one core. Words and curves go to `results/gallery.json`.
"""

import copy
import json
import math
import os
import platform
import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.finders.tasks import CASES, WIDER_CASES
from benchmarks.finders.tasks.data import digits
from benchmarks.result_files import RESULTS
from lr_finder import NoSuggestionError, RangeTestResult, lr_find

FILE = RESULTS / "gallery.json"


def _network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))


def _loader(inputs: Tensor, targets: Tensor, batch_size: int = 64) -> DataLoader:
    return DataLoader(
        TensorDataset(inputs, targets), batch_size, shuffle=True, generator=torch.Generator().manual_seed(0)
    )


def _digits(
    model: nn.Module | None = None,
    inputs: Tensor | None = None,
    loss_fn: Callable[[Tensor, Tensor], Tensor] = functional.cross_entropy,
    **options: Any,
) -> RangeTestResult:
    """A search on handwritten digits with AdamW."""
    model = model or _network()
    images, targets = digits().train
    loader = _loader(images if inputs is None else inputs, targets)
    return lr_find(model, torch.optim.AdamW(model.parameters()), loss_fn, loader, **options)


def _case(name: str) -> RangeTestResult:
    """A search on one of the benchmark's tasks."""
    model, make_optimizer, loss_fn, loader, _ = {**CASES, **WIDER_CASES}[name].make(seed=0)
    return lr_find(model, make_optimizer(1e-3), loss_fn, loader)


def usual() -> RangeTestResult:
    """A small network learns to read digits."""
    return _digits()


def sharp_edge() -> RangeTestResult:
    """Plain SGD on a small table: the loss is best right before it explodes."""
    return _case("diabetes-sgd")


def pretrained() -> RangeTestResult:
    """The last layer of a trained sentence transformer, on a new task."""
    return _case("fine_tuned_transformer-adamw")


def never_diverges() -> RangeTestResult:
    """Boxes are to be found; the loss, 1 - overlap, cannot be more than 1."""
    return _case("box_overlap-momentum")


def saturates() -> RangeTestResult:
    """A Dice loss: once the model marks nothing any more, it stays at its worst."""
    return _case("dice-momentum")


def two_dips() -> RangeTestResult:
    """Targets of 25 to 346 that nobody scaled."""
    return _case("unscaled_targets-adamw")


def plateau() -> RangeTestResult:
    """Sixteen layers without normalisation, which rest before they learn."""
    return _case("deep_tanh-adamw")


def noisy() -> RangeTestResult:
    """Every second label is wrong."""
    return _case("half_wrong-adamw")


def nothing_to_learn() -> RangeTestResult:
    """Images and labels are shuffled apart: what a batch says is forgotten in the next."""

    def apart(output: Tensor, target: Tensor) -> Tensor:
        return functional.cross_entropy(output, target[torch.randperm(len(target))])

    return _digits(loss_fn=apart)


def already_trained() -> RangeTestResult:
    """The network has been trained to the end before: the loss can only rise."""
    model = _network()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    images, targets = digits().train
    for _ in range(300):
        optimizer.zero_grad()
        functional.cross_entropy(model(images), targets).backward()
        optimizer.step()
    return _digits(model)


def begins_too_high() -> RangeTestResult:
    """A range of one's own that begins where it should end."""
    return _digits(start_lr=0.3, end_lr=30)


def begins_somewhat_too_high() -> RangeTestResult:
    """The same from 0.1 on: the first step does harm, and the fall that follows only undoes it."""
    return _digits(start_lr=0.1, end_lr=10)


def ends_too_low() -> RangeTestResult:
    """A range of one's own that ends where it becomes interesting."""
    return _digits(start_lr=1e-7, end_lr=3e-3)


def nothing_is_trained() -> RangeTestResult:
    """The optimizer holds the weights of a copy: a step function with a usual slip."""
    model = _network()
    optimizer = torch.optim.AdamW(copy.deepcopy(model).parameters())

    def step(batch: tuple[Tensor, Tensor]) -> Tensor:
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(batch[0]), batch[1])
        loss.backward()
        optimizer.step()
        return loss

    return lr_find(step, optimizer=optimizer, train_loader=_loader(*digits().train), state=[model])


def nan_at_once() -> RangeTestResult:
    """One pixel in a hundred is missing in the data, and NaN stands in its place."""
    images = digits().train.inputs.clone()
    images[torch.rand(images.shape, generator=torch.Generator().manual_seed(0)) < 0.01] = torch.nan
    return _digits(inputs=images)


def nan_on_the_way() -> RangeTestResult:
    """A hand-written cross-entropy: the logarithm of a probability that has become 0 is infinite."""

    def log_of_softmax(output: Tensor, target: Tensor) -> Tensor:
        return -output.softmax(1).gather(1, target[:, None]).log().mean()

    return _digits(loss_fn=log_of_softmax, start_lr=1e-4, end_lr=100, num_it=40)


CURVES: tuple[Callable[[], RangeTestResult], ...] = (
    usual, sharp_edge, pretrained, never_diverges, saturates, two_dips, plateau, noisy,
    nothing_to_learn, already_trained, begins_too_high, begins_somewhat_too_high,
    ends_too_low, nothing_is_trained, nan_at_once, nan_on_the_way,
)  # fmt: skip


def _told(result: RangeTestResult) -> dict[str, Any]:
    """What the finder says, and the curve to five digits."""
    try:
        suggestion, reason = str(result.suggestion), result.suggestion.reason
    except NoSuggestionError as error:
        suggestion, reason = None, str(error)
    return {
        "suggestion": suggestion,
        "reason": reason,
        "explained": result.explain(),
        "stopped": result.stop_reason.value,
        "steps": result.steps_taken,
        "lrs": [float(f"{lr:.5g}") for lr in result.lrs],
        "losses": [float(f"{loss:.5g}") if math.isfinite(loss) else None for loss in result.losses],
    }


def main(names: list[str]) -> None:
    """Makes the curves, or those that are named, and draws them."""
    from benchmarks.pages.figures import save_curve

    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    torch.set_num_threads(1)
    found = json.loads(FILE.read_text())["curves"] if FILE.exists() else {}
    for make in CURVES:
        if not names or make.__name__ in names:
            result = make()
            found[make.__name__] = {"what": make.__doc__, **_told(result)}
            print(make.__name__, result, save_curve(result, make.__name__), flush=True)
            _write(found)


def _write(found: dict[str, Any]) -> None:
    written = {
        "command": "python -m benchmarks.pages.gallery",
        "machine": f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}, CPU only",
        "versions": {name: version(name) for name in ("torch", "scikit-learn")},
        "curves": {make.__name__: found[make.__name__] for make in CURVES if make.__name__ in found},
    }
    FILE.write_text(json.dumps(written, allow_nan=False) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])

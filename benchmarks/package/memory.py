"""Peak memory of a search over that of the bare training loop, ours and other finders'.

    pip install -r benchmarks/requirements.txt
    python -m benchmarks.package.memory           # every subject, one after another; up to 5 GB, some minutes
    python -m benchmarks.package.memory "disk"    # those whose name holds the word; writes no result

A subject trains the same model for the same steps in a process of its own, with its optimizer warm, and says how much
memory it had at most (`ru_maxrss`). `share` is what that is over the bare loop, as a share of the bytes that must come
back: the parameters and AdamW's two moments, and the gradients where those of an earlier step are held.
"""

import json
import platform
import resource
import subprocess
import sys
import warnings
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.result_files import RESULTS

FILE = RESULTS / "memory.json"
LAYERS, WIDTH, BATCH = 8, 3536, 8
"""Eight square layers of 12.5 million weights each: 100 million in all."""
STEPS = 12
START_LR, END_LR = 1e-8, 1e-5
"""Rates at which nothing diverges, so that every subject takes all its steps."""


def model() -> nn.Module:
    """The model of 100 million parameters."""
    torch.manual_seed(0)
    return nn.Sequential(*(layer for _ in range(LAYERS) for layer in (nn.Linear(WIDTH, WIDTH), nn.Tanh())))


def loader() -> DataLoader:
    """As many batches as there are steps."""
    inputs = torch.randn(BATCH * STEPS, WIDTH)
    return DataLoader(TensorDataset(inputs, inputs.flip(1)), BATCH)


def warm_training(holds_gradients: bool = False) -> tuple[nn.Module, torch.optim.Optimizer, DataLoader]:
    """A training after two steps, between two steps; the last gradients are there still where they are held."""
    network = model()
    optimizer = torch.optim.AdamW(network.parameters(), lr=START_LR)
    batches = loader()
    train(network, optimizer, batches, steps=2)
    if not holds_gradients:
        optimizer.zero_grad()
    return network, optimizer, batches


def train(network: nn.Module, optimizer: torch.optim.Optimizer, batches: DataLoader, steps: int) -> None:
    """The bare loop."""
    for _, (inputs, targets) in zip(range(steps), batches, strict=False):
        optimizer.zero_grad()
        nn.functional.mse_loss(network(inputs), targets).backward()
        optimizer.step()


def bare_loop() -> None:
    """The training steps alone."""
    train(*warm_training(), STEPS)


def ours(storage: str) -> Callable[[], None]:
    """The bare loop inside `preserve`, with the rates of a range test."""

    def subject() -> None:
        from lr_finder import RangeTest
        from lr_finder.preserve import preserve

        network, optimizer, batches = warm_training()
        test = RangeTest(START_LR, END_LR, STEPS, stop_div=False)
        with preserve(network, optimizer, batches, storage=storage):
            for lr, (inputs, targets) in zip(test, batches, strict=False):
                optimizer.param_groups[0]["lr"] = lr
                optimizer.zero_grad()
                loss = nn.functional.mse_loss(network(inputs), targets)
                loss.backward()
                optimizer.step()
                test.record(loss.item())

    return subject


def ours_in_one_call(holds_gradients: bool) -> Callable[[], None]:
    """`lr_find` as a user calls it."""

    def subject() -> None:
        from lr_finder import lr_find

        network, optimizer, batches = warm_training(holds_gradients)
        options: dict[str, Any] = {"start_lr": START_LR, "end_lr": END_LR, "num_it": STEPS, "stop_div": False}
        lr_find(network, optimizer, nn.MSELoss(), batches, **options)

    return subject


def torch_lr_finder(memory_cache: bool) -> Callable[[], None]:
    """torch-lr-finder, which keeps state dicts in memory or in files."""

    def subject() -> None:
        from torch_lr_finder import LRFinder

        network, optimizer, batches = warm_training()
        finder = LRFinder(network, optimizer, nn.MSELoss(), device="cpu", memory_cache=memory_cache)
        finder.range_test(batches, start_lr=START_LR, end_lr=END_LR, num_iter=STEPS, diverge_th=1e9)
        finder.reset()

    return subject


def ignite() -> None:
    """Ignite's FastaiLRFinder."""
    from ignite.engine import create_supervised_trainer
    from ignite.handlers import FastaiLRFinder

    network, optimizer, batches = warm_training()
    trainer = create_supervised_trainer(network, optimizer, nn.MSELoss())
    finder = FastaiLRFinder()
    state = {"model": network, "optimizer": optimizer}
    options: dict[str, Any] = {"num_iter": STEPS, "start_lr": START_LR, "end_lr": END_LR, "diverge_th": 1e9}
    with finder.attach(trainer, to_save=state, **options) as sweeping:
        sweeping.run(batches)


def lightning() -> None:
    """Lightning's Tuner; its optimizer is always cold."""
    from lightning import LightningModule, Trainer
    from lightning.pytorch.tuner import Tuner

    class Module(LightningModule):
        def __init__(self):
            super().__init__()
            self.network, self.lr = model(), START_LR

        def training_step(self, batch, _):
            inputs, targets = batch
            return nn.functional.mse_loss(self.network(inputs), targets)

        def configure_optimizers(self):
            return torch.optim.AdamW(self.parameters(), lr=self.lr)

    quiet: dict[str, Any] = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = Trainer(accelerator="cpu", enable_checkpointing=False, max_steps=STEPS, **quiet)
    options: dict[str, Any] = {"min_lr": START_LR, "max_lr": END_LR, "num_training": STEPS}
    Tuner(trainer).lr_find(Module(), loader(), early_stop_threshold=None, update_attr=False, **options)


SUBJECTS: dict[str, Callable[[], None]] = {
    "bare loop": bare_loop,
    "lr_finder, memory": ours("memory"),
    "lr_finder, disk": ours("disk"),
    "lr_finder, lr_find()": ours_in_one_call(holds_gradients=False),
    "lr_finder, lr_find(), gradients held": ours_in_one_call(holds_gradients=True),
    "torch-lr-finder, memory": torch_lr_finder(memory_cache=True),
    "torch-lr-finder, files": torch_lr_finder(memory_cache=False),
    "Ignite": ignite,
    "Lightning": lightning,
}


def peak_in_a_process(subject: str) -> int:
    """Runs a subject in a process of its own; the bytes of memory that it had at most."""
    command = [sys.executable, "-m", "benchmarks.package.memory", "--only", subject]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        raise RuntimeError(f"{subject} failed: {run.stderr}")
    return int(run.stdout.split()[-1])


def run_only(subject: str) -> None:
    """Runs a subject in this process and prints its peak."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    SUBJECTS[subject]()
    unit = 1 if sys.platform == "darwin" else 1024
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def main() -> None:
    """Measures the subjects and writes the result file where that was all of them."""
    word = " ".join(sys.argv[1:])
    values = 4 * LAYERS * (WIDTH + 1) * WIDTH
    peaks = {"bare loop": peak_in_a_process("bare loop")}
    rows = []
    for subject in SUBJECTS:
        if subject != "bare loop" and word in subject:
            peaks[subject] = peak_in_a_process(subject)
            over = peaks[subject] - peaks["bare loop"]
            changing = (4 if "held" in subject else 3) * values
            row = {"subject": subject, "over_bare_loop_mb": round(over / 1e6, 1), "share": round(over / changing, 3)}
            print(row, flush=True)
            rows.append(row)
    if not word:
        result = {
            "command": "python -m benchmarks.package.memory",
            "machine": f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}, CPU only",
            "versions": {name: version(name) for name in ("torch", "lightning", "pytorch-ignite", "torch-lr-finder")},
            "parameters": values // 4,
            "changing_mb": round(3 * values / 1e6, 1),
            "bare_loop_mb": round(peaks["bare loop"] / 1e6, 1),
            "subjects": rows,
        }
        FILE.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--only"]:
        run_only(sys.argv[2])
    else:
        main()

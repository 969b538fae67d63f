"""CPU time of a search over that of the bare loop with the same steps, ours and other finders'.

    pip install -r benchmarks/requirements.txt
    python -m benchmarks.package.overhead            # every part, about ten minutes of one core
    python -m benchmarks.package.overhead mlp steps  # some of them
    python -m benchmarks.package.overhead --table    # prints the table of docs/scaling.md

A search is one plain ramp whose rates disturb nothing, so that all of its steps are taken. The bare loop does what a
user's does, `zero_grad`, forward, loss, `backward`, `step`, on the same loader, and does not read the loss. Each round
times both with few and with many steps, in an order that is turned from round to round; with one thread. `ratio` is the
median over the rounds of search over bare loop with many steps, between its quartiles. From the difference between
many and few steps follows what a step costs more, from what is left what a search costs whatever its steps. A finder
that has a loop of its own, as a framework's has, pays for that too.

A part's rows are measured anew and take the place of those that are there; the finders are those whose packages are
installed, so that fastai has its turn in an environment of its own.
"""

import contextlib
import io
import json
import logging
import os
import platform
import socket
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.result_files import RESULTS, write_rows

FILE = RESULTS / "overhead.json"
START_LR, END_LR = 1e-8, 1e-5
"""Rates at which nothing diverges."""
SECONDS = 10.0
"""CPU time for each row, but for the least number of rounds."""
LEAST_ROUNDS, MOST_ROUNDS = 5, 60


@dataclass(frozen=True)
class Training:
    """A model with its optimizer and a loader; it is trained on and on, whichever finder comes by.

    Attributes:
        make_model: Makes the model.
        shape: That of an input.
        steps: How many steps, few and many.
        groups: Parameter groups.
        batch_size: Samples per step.
    """

    make_model: Callable[[], nn.Module]
    shape: tuple[int, ...]
    steps: tuple[int, int]
    groups: int = 1
    batch_size: int = 32

    def loader(self, steps: int) -> DataLoader:
        """A loader of as many batches, which are made already."""
        torch.manual_seed(0)
        inputs = torch.randn(min(steps, 400), self.batch_size, *self.shape)
        targets = torch.randint(10, inputs.shape[:2])
        return DataLoader(TensorDataset(inputs, targets), batch_size=None)

    def optimizer(self, model: nn.Module) -> Optimizer:
        """AdamW over the parameters, spread over the groups."""
        parameters = list(model.parameters())
        return torch.optim.AdamW(
            [{"params": parameters[group :: self.groups]} for group in range(self.groups)], lr=1e-5
        )


@dataclass(frozen=True)
class Trained:
    """What a finder gets."""

    model: nn.Module
    optimizer: Any
    loader: Any
    steps: int


loss_fn = nn.CrossEntropyLoss()


def mlp(width: int, depth: int, inputs: int = 64) -> nn.Module:
    """A fully connected net."""
    sizes = [inputs] + [width] * depth
    layers = [part for a, b in pairwise(sizes) for part in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*layers, nn.Linear(width, 10))


def convolutions() -> nn.Module:
    """A small convolutional net with batch norm."""
    return nn.Sequential(
        *(nn.Conv2d(3, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU()),
        *(nn.Conv2d(16, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10)),
    )


def many_parameters() -> nn.Module:
    """A net of 1,000 small tensors."""
    return nn.Sequential(*(nn.Linear(10, 10) for _ in range(500)))


SMALL = partial(mlp, 64, 2)


def bare_loop(trained: Trained) -> None:
    """The steps alone."""
    batches = endless(trained.loader)
    for _ in range(trained.steps):
        inputs, targets = next(batches)
        trained.optimizer.zero_grad()
        loss_fn(trained.model(inputs), targets).backward()
        trained.optimizer.step()


def endless(loader: Any) -> Iterator[Any]:
    """Batch after batch, again and again."""
    while True:
        yield from loader


def ours(trained: Trained) -> None:
    """`lr_find` as a user calls it."""
    from lr_finder import lr_find

    options: dict[str, Any] = {"start_lr": START_LR, "end_lr": END_LR, "num_it": trained.steps, "stop_div": False}
    lr_find(trained.model, trained.optimizer, loss_fn, trained.loader, progress=False, **options)


def torch_lr_finder(trained: Trained) -> None:
    """torch-lr-finder, with its copy in memory."""
    from torch_lr_finder import LRFinder

    finder = LRFinder(trained.model, trained.optimizer, loss_fn, device="cpu")
    finder.range_test(trained.loader, start_lr=START_LR, end_lr=END_LR, num_iter=trained.steps, diverge_th=1e9)
    finder.reset()


def ignite(trained: Trained) -> None:
    """Ignite's FastaiLRFinder."""
    from ignite.engine import create_supervised_trainer
    from ignite.handlers import FastaiLRFinder

    trainer = create_supervised_trainer(trained.model, trained.optimizer, loss_fn)
    state = {"model": trained.model, "optimizer": trained.optimizer}
    options: dict[str, Any] = {"start_lr": START_LR, "end_lr": END_LR, "diverge_th": 1e9}
    with FastaiLRFinder().attach(trainer, to_save=state, num_iter=trained.steps, **options) as sweeping:
        sweeping.run(trained.loader, max_epochs=1 + trained.steps // len(trained.loader))


def lightning(trained: Trained) -> None:
    """Lightning's Tuner."""
    from lightning import LightningModule, Trainer
    from lightning.pytorch.tuner import Tuner

    class Module(LightningModule):
        def __init__(self):
            super().__init__()
            self.network, self.lr = trained.model, START_LR

        def training_step(self, batch, _):
            inputs, targets = batch
            return loss_fn(self.network(inputs), targets)

        def configure_optimizers(self):
            return torch.optim.AdamW(self.parameters(), lr=self.lr)

    quiet: dict[str, Any] = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(accelerator="cpu", default_root_dir=folder, enable_checkpointing=False, **quiet)
        options: dict[str, Any] = {"min_lr": START_LR, "max_lr": END_LR, "num_training": trained.steps}
        Tuner(trainer).lr_find(Module(), trained.loader, early_stop_threshold=None, update_attr=False, **options)


def fastai(trained: Trained) -> None:
    """fastai 2's Learner."""
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from fastai.optimizer import OptimWrapper

    with tempfile.TemporaryDirectory() as folder:
        data = DataLoaders(trained.loader, trained.loader, path=Path(folder), device=torch.device("cpu"))
        learn = Learner(data, trained.model, loss_fn, opt_func=lambda _, lr: OptimWrapper(opt=trained.optimizer))
        with learn.no_bar(), learn.no_logging():
            learn.lr_find(START_LR, END_LR, trained.steps, stop_div=False, show_plot=False, suggest_funcs=())


FINDERS: dict[str, tuple[str, Callable[[Trained], None]]] = {
    "lr_finder": ("lr-finder", ours),
    "torch-lr-finder": ("torch-lr-finder", torch_lr_finder),
    "Ignite": ("pytorch-ignite", ignite),
    "Lightning": ("lightning", lightning),
    "fastai 2": ("fastai", fastai),
}
"""Each finder with the package that it needs."""


def measure(few: Trained, many: Trained, find: Callable[[Trained], None]) -> dict[str, Any]:
    """Times a search and the bare loop, round after round."""
    runs = [(name, run, trained) for trained in (few, many) for name, run in (("bare", bare_loop), ("search", find))]
    for _, run, trained in runs[:2]:
        run(trained)
    rounds: list[dict[tuple[str, int], float]] = []
    began = time.process_time()
    while len(rounds) < LEAST_ROUNDS or (_share(time.process_time() - began) < SECONDS and len(rounds) < MOST_ROUNDS):
        seconds = {}
        for name, run, trained in runs if len(rounds) % 2 else runs[::-1]:
            start = time.process_time()
            run(trained)
            seconds[name, trained.steps] = time.process_time() - start
        rounds.append(seconds)
    ratios = [seconds["search", many.steps] / seconds["bare", many.steps] for seconds in rounds]
    over = [
        [seconds["search", steps] - seconds["bare", steps] for seconds in rounds] for steps in (few.steps, many.steps)
    ]
    of_few, of_many = map(statistics.median, over)
    per_step = (of_many - of_few) / (many.steps - few.steps)
    low, ratio, high = statistics.quantiles(ratios, n=4)
    few_ratio = statistics.median(seconds["search", few.steps] / seconds["bare", few.steps] for seconds in rounds)
    bare = statistics.median(seconds["bare", many.steps] for seconds in rounds) / many.steps
    return {
        "steps": many.steps,
        "ratio": round(ratio, 3),
        "quartiles": [round(low, 3), round(high, 3)],
        "few_steps": few.steps,
        "ratio_few": round(few_ratio, 3),
        "bare_ms_a_step": round(bare * 1e3, 3),
        "over_us_a_step": round(per_step * 1e6, 1),
        "fixed_ms": round((of_few - few.steps * per_step) * 1e3, 2),
        "rounds": len(rounds),
    }


def _share(seconds: float) -> float:
    """A time that every process sees alike, so that all take as many rounds."""
    if not dist.is_initialized():
        return seconds
    longest = torch.tensor(seconds)
    dist.all_reduce(longest, dist.ReduceOp.MAX)
    return longest.item()


def trained_by(training: Training, prepare: Callable[..., Any] = lambda *things: things) -> tuple[Trained, Trained]:
    """The same model and optimizer with loaders for few and for many steps."""
    torch.manual_seed(0)
    model = training.make_model()
    few, many = (training.loader(steps) for steps in training.steps)
    model, optimizer, few, many = prepare(model, training.optimizer(model), few, many)
    return Trained(model, optimizer, few, training.steps[0]), Trained(model, optimizer, many, training.steps[1])


def row(part: str, name: str, finder: str, measured: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a measurement, with the load of the machine at its end."""
    package = FINDERS[finder][0]
    versions = {"torch": torch.__version__} | ({} if finder == "lr_finder" else {package: version(package)})
    return (
        {"part": part, "training": name, "finder": finder}
        | measured
        | {"load": round(os.getloadavg()[0], 1)}
        | versions
    )


def measure_part(part: str, trainings: dict[str, Training], finders: list[str]) -> Iterator[dict[str, Any]]:
    """Each of the finders that are installed, on each of the trainings."""
    for name, training in trainings.items():
        for finder in finders:
            package, find = FINDERS[finder]
            if is_installed(package):
                yield row(part, name, finder, measure(*trained_by(training), find))


def measure_accelerate() -> Iterator[dict[str, Any]]:
    """A training that Accelerate has prepared."""
    if is_installed("accelerate"):
        from accelerate import Accelerator

        accelerator = Accelerator(cpu=True)
        few, many = trained_by(Training(SMALL, (64,), (25, 100)), accelerator.prepare)
        yield row("accelerate", "Accelerate", "lr_finder", measure(few, many, ours))


def measure_processes() -> Iterator[dict[str, Any]]:
    """Two processes that train one model, by gloo."""
    with socket.socket() as free, tempfile.TemporaryDirectory() as folder:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        free.close()
        found = Path(folder) / "rows.json"
        torch.multiprocessing.spawn(_measure_in_process, (address, found), nprocs=2)
        yield from json.loads(found.read_text())


def _measure_in_process(rank: int, address: str, found: Path) -> None:
    from torch.distributed.fsdp import fully_shard
    from torch.nn.parallel import DistributedDataParallel

    be_quiet()
    dist.init_process_group("gloo", init_method=address, rank=rank, world_size=2)
    rows = []
    for name, spread in {"DDP": DistributedDataParallel, "FSDP2": fully_shard}.items():
        training = Training(lambda spread=spread: spread(SMALL()), (64,), (25, 100))
        rows.append(row("processes", f"{name}, 2 processes", "lr_finder", measure(*trained_by(training), ours)))
    if rank == 0:
        found.write_text(json.dumps(rows))
    dist.barrier()
    dist.destroy_process_group()


EVERY = list(FINDERS)
OURS = ["lr_finder"]
WIDTHS = {"10 k": (70, 2), "100 k": (300, 2), "1 M": (985, 2), "10 M": (2200, 3), "100 M": (5000, 5)}
STEPS = {"10 k": (25, 100), "100 k": (25, 100), "1 M": (25, 100), "10 M": (5, 20), "100 M": (2, 8)}
PARTS: dict[str, Callable[[], Iterator[dict[str, Any]]]] = {
    "mlp": partial(measure_part, "mlp", {"fully connected": Training(SMALL, (64,), (25, 100))}, EVERY),
    "convolutions": partial(
        measure_part, "convolutions", {"convolutions": Training(convolutions, (3, 32, 32), (10, 40))}, EVERY
    ),
    "steps": partial(
        measure_part,
        "steps",
        {f"{steps:,} steps": Training(SMALL, (64,), (steps // 4, steps)) for steps in (400, 1000, 10_000)},
        OURS,
    ),
    "groups": partial(
        measure_part,
        "groups",
        {f"{groups:,} groups": Training(many_parameters, (10,), (10, 40), groups) for groups in (1, 10, 100, 1000)},
        OURS,
    ),
    "parameters": partial(
        measure_part,
        "parameters",
        {
            f"{name} parameters": Training(partial(mlp, width, depth), (64,), STEPS[name])
            for name, (width, depth) in WIDTHS.items()
        },
        [*OURS, "torch-lr-finder"],
    ),
    "processes": measure_processes,
    "accelerate": measure_accelerate,
}


def is_installed(package: str) -> bool:
    """Whether there is a package of pip."""
    try:
        return bool(version(package))
    except PackageNotFoundError:
        return False


def be_quiet() -> None:
    """One thread, and no word of the frameworks."""
    torch.set_num_threads(1)
    logging.disable(logging.ERROR)
    warnings.simplefilter("ignore")


def table(rows: list[dict[str, Any]]) -> str:
    """The ratios of docs/scaling.md: a line for each training, the finders side by side."""
    finders = list(dict.fromkeys(found["finder"] for found in rows))
    lines = [
        f"| training | steps | ms a step | {' | '.join(finders)} |",
        f"| --- | --- | --- | {'--- | ' * len(finders)}".rstrip(),
    ]
    for name in dict.fromkeys(found["training"] for found in rows):
        of_training = {found["finder"]: found for found in rows if found["training"] == name}
        ratios = ["{ratio:.2f} ({quartiles[0]:.2f} .. {quartiles[1]:.2f})".format(**of_training[finder])
                  if finder in of_training else "" for finder in finders]  # fmt: skip
        ours = of_training["lr_finder"]
        cells = [name, f"{ours['steps']:,}", f"{ours['bare_ms_a_step']:.2g}", *ratios]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measures the parts that are named, or all."""
    be_quiet()
    before = json.loads(FILE.read_text())["rows"] if FILE.exists() else []
    if sys.argv[1:] == ["--table"]:
        print(table(before))
        return
    for part in sys.argv[1:] or PARTS:
        rows = []
        nowhere = io.StringIO()
        with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):  # what the others print
            for found in PARTS[part]():
                print(found, file=sys.__stdout__, flush=True)
                rows.append(found)
        measured = {(found["training"], found["finder"]) for found in rows}
        before = [old for old in before if old["part"] != part or (old["training"], old["finder"]) not in measured]
        before += rows
        machine = {"machine": f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}"}
        write_rows(FILE, "python -m benchmarks.package.overhead", machine=[machine], rows=before)


if __name__ == "__main__":
    main()

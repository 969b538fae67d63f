"""Asks the other finders, each in its own defaults and by its own entry points.

Run `python -m benchmarks.finders.peers` from the root. Those are asked whose package is installed; `requirements.txt`
has them all. What is answered already is skipped, so an interrupted run is taken up by the same command. A peer that
raises, or gives what is no rate, has refused; `results/refusals.jsonl` keeps why.
"""

import contextlib
import importlib.util
import io
import logging
import math
import os
import tempfile
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial, wraps
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from benchmarks.finders.answers import FILE, Answer, Answers, ask, load_all
from benchmarks.finders.tasks import CASES, Case
from benchmarks.finders.truth import SEEDS
from benchmarks.result_files import RESULTS, add_lines

REFUSALS = RESULTS / "refusals.jsonl"
START_LR = 1e-7
"""The optimizer's own rate, where a peer begins with that: torch-lr-finder's first example has it."""

Rate = float | Exception | None
"""What a peer says: a rate, or why there is none."""


def ask_torch_lr_finder(case: Case, seed: int, *, end_lr: float) -> list[Rate]:
    """torch-lr-finder as in its first example, with `end_lr=100`, or with the 10 that it has where nothing is said."""
    from matplotlib import pyplot
    from torch_lr_finder import LRFinder

    model, make_optimizer, loss_fn, train_loader, _ = case.make(seed)
    finder = LRFinder(model, make_optimizer(START_LR), loss_fn, device="cpu")
    finder.range_test(train_loader, end_lr=end_lr, num_iter=100)
    figure, ax = pyplot.subplots()
    try:
        return [finder.plot(ax=ax)[1]]
    finally:
        pyplot.close(figure)


def ask_lightning(case: Case, seed: int) -> list[Rate]:
    """Lightning's Tuner."""
    from lightning import LightningModule, Trainer
    from lightning.pytorch.tuner import Tuner

    setup = case.make(seed)

    class Module(LightningModule):
        def __init__(self):
            super().__init__()
            self.model, self.lr = setup.model, START_LR

        def training_step(self, batch, _):
            inputs, targets = batch
            return setup.loss_fn(self.model(inputs), targets)

        def configure_optimizers(self):
            return setup.make_optimizer(self.lr)

    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            accelerator="cpu", default_root_dir=folder, logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False,
        )  # fmt: skip
        return [Tuner(trainer).lr_find(Module(), setup.train_loader).suggestion()]


def ask_ignite(case: Case, seed: int, *, num_iter: int | None) -> list[Rate]:
    """Ignite's FastaiLRFinder; without `num_iter` it sweeps through one epoch, however long."""
    from ignite.engine import create_supervised_trainer
    from ignite.handlers import FastaiLRFinder

    model, make_optimizer, loss_fn, train_loader, _ = case.make(seed)
    optimizer = make_optimizer(START_LR)
    trainer = create_supervised_trainer(model, optimizer, loss_fn)
    finder = FastaiLRFinder()
    with finder.attach(trainer, to_save={"model": model, "optimizer": optimizer}, num_iter=num_iter) as sweeping:
        sweeping.run(train_loader)
    return [finder.lr_suggestion()]


def ask_fastai(case: Case, seed: int, *, rules: Sequence[str], **settings: int) -> list[Rate]:
    """Several rules of fastai 2, read from one sweep of its Learner; one that raises leaves the others alone."""
    from fastai.callback import schedule
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from fastai.optimizer import OptimWrapper

    model, make_optimizer, loss_fn, train_loader, _ = case.make(seed)
    failures: dict[str, Exception] = {}

    def catching(rule: Callable) -> Callable:
        @wraps(rule)
        def suggest(*curve: object) -> tuple[float, tuple[float, float]]:
            try:
                return rule(*curve)
            except Exception as error:  # noqa: BLE001  whatever it is, it is the rule's answer
                failures[rule.__name__] = error
                return math.nan, (math.nan, math.nan)

        return suggest

    with tempfile.TemporaryDirectory() as folder:
        learn = Learner(
            DataLoaders(train_loader, train_loader, path=Path(folder), device=torch.device("cpu")),
            model,
            loss_fn,
            opt_func=lambda _, lr: OptimWrapper(opt=make_optimizer(lr)),
        )
        with learn.no_bar(), learn.no_logging():
            functions = [catching(getattr(schedule, rule)) for rule in rules]
            suggested = learn.lr_find(show_plot=False, suggest_funcs=functions, **settings)
    return [failures.get(rule, getattr(suggested, rule)) for rule in rules]


def ask_fastai_1(case: Case, seed: int) -> list[Rate]:
    """fastai v1's two printed rates, by its formulas, read from a sweep of this package's Learner, which is after it.

    v1 leaves out the first 10 and the last 5 losses, and its sweep ends one of its hundred steps before the end. It
    can't be asked itself: it puts a constructor into torch's DataLoader that knows no `generator`. With that undone,
    fastai 1.0.61 gave the very same rates (`README.md`).
    """
    from lr_finder.learner import DataBunch, Learner
    from lr_finder.learner.optimizer import OptimWrapper

    model, make_optimizer, loss_fn, train_loader, _ = case.make(seed)
    optimizer = make_optimizer(START_LR)
    weight_decay = optimizer.param_groups[0].get("weight_decay", 0.0)
    optimizer.add_param_group({"params": []})  # the second of v1's two groups per layer group
    learn = Learner(DataBunch(train_loader, device="cpu"), model, loss_func=loss_fn, wd=weight_decay, silent=True)
    learn.opt = OptimWrapper(optimizer, weight_decay)
    learn.lr_find(end_lr=1e-7 * (10 / 1e-7) ** 0.99, progress=False)
    lrs, losses = learn.recorder.lrs[10:-5], np.array([float(loss) for loss in learn.recorder.losses[10:-5]])
    return [lrs[np.gradient(losses).argmin()], lrs[losses.argmin()] / 10]


@dataclass(frozen=True)
class Peer:
    """A finder of somebody else.

    Attributes:
        package: What must be installed, as pip calls it.
        finders: Names in the tables, one for each rate that a search gives.
        search: Gives the rates for a case and a seed.
    """

    package: str
    finders: tuple[str, ...]
    search: Callable[[Case, int], list[Rate]]


FASTAI_RULES = ("valley", "slide", "steep", "minimum")
PEERS = (
    Peer("lr-finder", ("fastai 1, steepest", "fastai 1, minimum / 10"), ask_fastai_1),
    Peer("pytorch-ignite", ("Ignite, num_iter=100",), partial(ask_ignite, num_iter=100)),
    Peer("torch-lr-finder", ("torch-lr-finder, 1e-7 .. 100",), partial(ask_torch_lr_finder, end_lr=100)),
    Peer("lightning", ("Lightning",), ask_lightning),
    Peer("torch-lr-finder", ("torch-lr-finder, 1e-7 .. 10",), partial(ask_torch_lr_finder, end_lr=10)),
    Peer("fastai", tuple(f"fastai 2, {rule}" for rule in FASTAI_RULES), partial(ask_fastai, rules=FASTAI_RULES)),
    Peer("fastai", ("fastai 2, minimum, num_it=300",), partial(ask_fastai, rules=["minimum"], num_it=300)),
    Peer("pytorch-ignite", ("Ignite, one epoch",), partial(ask_ignite, num_iter=None)),
)


def ask_peer(peer: Peer, case: Case, seed: int) -> tuple[list[Answer], list[str | None]]:
    """What each of a peer's finders answers, and why where it is a refusal."""
    rates: list[Rate] = []

    def search(case: Case, seed: int) -> None:
        try:
            nowhere = io.StringIO()
            with (
                warnings.catch_warnings(action="ignore"),
                contextlib.redirect_stdout(nowhere),
                contextlib.redirect_stderr(nowhere),
            ):
                rates.extend(peer.search(case, seed))
        except ImportError:  # of the environment, and no answer
            raise
        except Exception as error:  # noqa: BLE001  whatever it is, it is the peer's answer
            rates.extend([error] * len(peer.finders))

    answer = ask(search, case, seed)
    reasons = [_why_no_rate(rate) for rate in rates]
    return [
        replace(answer, lr=float(rate) if reason is None else None) for rate, reason in zip(rates, reasons, strict=True)
    ], reasons


def _why_no_rate(rate: Rate) -> str | None:
    if isinstance(rate, Exception):
        return f"{type(rate).__name__}: {str(rate).splitlines()[0] if str(rate) else ''}"
    return None if rate is not None and 0 < rate < math.inf else f"suggested {rate}"


def ask_everywhere(
    peer: Peer,
    seed: int,
    *,
    cases: Iterable[Case] = tuple(CASES.values()),
    file: Path = FILE,
    refusals: Path = REFUSALS,
) -> None:
    """Asks a peer about every case of which the file lacks an answer of one of its finders, and keeps those."""
    asked = load_all(file)
    mine = [asked.get(finder) or Answers(finder, ["constant", "one_cycle"]) for finder in peer.finders]
    for case in cases:
        if all(answers.holds(case, seed) for answers in mine):
            continue
        for answers, answer, reason in zip(mine, *ask_peer(peer, case, seed), strict=True):
            if answers.holds(case, seed):
                continue
            if reason is not None:
                keep_reason(peer.package, answers.finder, answer, reason, refusals)
            answers.add(answer, file)


def keep_reason(package: str, finder: str, refusal: Answer, reason: str, file: Path = REFUSALS) -> None:
    """Notes why there was no rate, with the versions."""
    where = {"finder": finder, "case": refusal.case, "seed": refusal.seed}
    versions = {package: version(package), "torch": torch.__version__}
    add_lines(file, where | {"reason": reason, "versions": versions})
    print(f"{finder}, {refusal.case}, seed {refusal.seed}: {reason}", flush=True)


def is_installed(package: str) -> bool:
    """Whether a package of pip can be imported here."""
    module = {"pytorch-ignite": "ignite"}.get(package, package.replace("-", "_"))
    return importlib.util.find_spec(module) is not None


def be_quiet() -> None:
    """One thread, no downloads, no windows, and nothing in the peers' logs."""
    torch.set_num_threads(1)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("MPLBACKEND", "Agg")
    logging.disable(logging.ERROR)


def main() -> None:
    be_quiet()
    for seed in SEEDS:
        for peer in PEERS:
            if is_installed(peer.package):
                ask_everywhere(peer, seed)
                print(f"seed {seed}: {', '.join(peer.finders)}", flush=True)
            elif seed == SEEDS[0]:
                print(f"{peer.package} is not installed, and so not asked")


if __name__ == "__main__":
    main()

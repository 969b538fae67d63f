"""Compares `peers.ask_fastai_1` with fastai 1.0.61 itself.

Run `python -m benchmarks.finders.fastai_1` from the root, where that imports.

    pip install --no-deps fastai==1.0.61 fastprogress==0.2.6
    pip install 'setuptools<80' beautifulsoup4 matplotlib pandas pyyaml requests scipy

It can't be among the peers: it replaces the constructor of torch's DataLoader by one that knows no `generator`, which
the tasks' loaders have. Here that is undone.
"""

import json
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader

from benchmarks.finders.peers import START_LR, ask_fastai_1, be_quiet
from benchmarks.finders.tasks import CASES, Case
from benchmarks.result_files import RESULTS

FILE = RESULTS / "fastai_1.json"
COMPARED = (
    "wine-sgd", "wine-adamw", "factorisation-sparse_adam", "mixture_density-adamw", "residual_net-momentum",
    "wrong_labels-lion", "batch_norm_convolution-adamw", "flow-adamw", "few_digits-momentum", "diabetes-rmsprop",
    "ranking-adamw", "contrastive-sgd",
)  # fmt: skip


def ask_version_1(case: Case, seed: int) -> list[float]:
    """The two rates that fastai 1.0.61 prints, unrounded."""
    constructor = DataLoader.__init__
    import fastai.train  # gives the Learner its lr_find
    from fastai.basic_data import DataBunch
    from fastai.basic_train import Learner
    from fastai.callback import OptimWrapper

    DataLoader.__init__ = constructor
    model, make_optimizer, loss_fn, loader, _ = case.make(seed)
    optimizer = make_optimizer(START_LR)
    weight_decay = optimizer.param_groups[0].get("weight_decay", 0.0)
    optimizer.add_param_group({"params": []})  # the second of its two groups per layer group
    with tempfile.TemporaryDirectory() as folder:
        data = DataBunch(
            loader, loader, fix_dl=loader, collate_fn=loader.collate_fn, path=Path(folder), device=torch.device("cpu")
        )
        learn = Learner(data, model, loss_func=loss_fn, wd=weight_decay, true_wd=False)
        learn.opt = OptimWrapper(optimizer, wd=weight_decay)
        fastai.train.lr_find(learn)
        lrs, losses = learn.recorder.lrs[10:-5], np.array([float(loss) for loss in learn.recorder.losses[10:-5]])
    return [lrs[np.gradient(losses).argmin()], lrs[losses.argmin()] / 10]


def main() -> None:
    """Prints and writes both answers for each case."""
    be_quiet()
    rates = {}
    for name in COMPARED:
        own, theirs = ask_fastai_1(CASES[name], 0), ask_version_1(CASES[name], 0)
        rates[name] = {"fastai 1.0.61": theirs, "peers.ask_fastai_1": own}
        print(name, rates[name], flush=True)
    farthest = max(float(np.max(np.abs(np.log10(np.divide(*row.values()))))) for row in rates.values())
    content = {
        "command": "python -m benchmarks.finders.fastai_1",
        "versions": {"fastai": version("fastai"), "torch": torch.__version__},
        "largest_distance_in_decades": farthest,
        "rates": rates,
    }
    FILE.write_text(json.dumps(content, indent=1) + "\n")
    print(f"at most {farthest:.1g} decades apart")


if __name__ == "__main__":
    main()

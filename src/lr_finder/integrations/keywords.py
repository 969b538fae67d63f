"""The keywords of a search: one that there is not is answered with the one that was meant."""

import difflib
from collections.abc import Iterable

from lr_finder.core.search import SearchOptions

OTHER_FINDERS = {
    "num_iter": "num_it",
    "num_iters": "num_it",
    "num_iterations": "num_it",
    "num_training": "num_it",
    "num_training_steps": "num_it",
    "num_steps": "num_it",
    "steps": "num_it",
    "n_steps": "num_it",
    "iterations": "num_it",
    "num_batches": "num_it",
    "max_steps": "num_it",
    "min_lr": "start_lr",
    "lr_min": "start_lr",
    "init_lr": "start_lr",
    "init_value": "start_lr",
    "max_lr": "end_lr",
    "lr_max": "end_lr",
    "final_value": "end_lr",
    "val_dataloaders": "validate, a function that gives a validation loss after each of the probes",
    "val_loader": "validate, a function that gives a validation loss after each of the probes",
    "valid_loader": "validate, a function that gives a validation loss after each of the probes",
    "early_stop_threshold": "stop_div, True or False",
    "diverge_th": "stop_div, True or False",
    "weight_decay": "wd",
    "verbose": "progress, True or False",
    "progress_bar": "progress, True or False",
}
"""What torch-lr-finder, Lightning, Ignite, Keras finders and others call it, and what it is here."""

PLAIN_TORCH = {
    "optim": "optimizer",
    "opt": "optimizer",
    "criterion": "loss_fn",
    "loss": "loss_fn",
    "loss_func": "loss_fn",
    "dataloader": "train_loader",
    "data_loader": "train_loader",
    "loader": "train_loader",
    "train_dl": "train_loader",
    "to_save": "state",
    "amp": "autocast",
    "fp16": "autocast",
    "bf16": "autocast",
    "mixed_precision": "autocast",
    "accum": "accumulation_steps",
    "gradient_accumulation_steps": "accumulation_steps",
    "accumulate_grad_batches": "accumulation_steps",
}
"""What other finders and loops call the arguments of plain PyTorch, and what they are here."""

NEEDLESS = {
    "device": "the batches go to the model's device",
    "epochs": "num_it counts optimizer steps",
    "max_epochs": "num_it counts optimizer steps",
    "max_duration": "num_it counts optimizer steps",
    "steps_per_epoch": "num_it counts optimizer steps",
    "step_mode": "the rate climbs by the same factor from step to step",
    "mode": "the rate climbs by the same factor from step to step",
    "smooth_f": "losses are recorded raw, and smoothed when they are read",
    "beta": "losses are recorded raw, and smoothed when they are read",
    "method": "it trains",
    "non_blocking_transfer": "the batches go to the model's device",
    "memory_cache": "everything is put back",
    "cache_dir": "everything is put back",
    "suggest_funcs": "result.suggest(rule) reads other rates from the same curve",
    "show_plot": "result.plot() draws the curve",
    "update_attr": "result.apply(optimizer) sets the rate",
    "attr_name": "result.apply(optimizer) sets the rate",
}
"""What other finders ask for, and why it is not asked for here."""


def check_keywords(given: Iterable[str]) -> None:
    """Refuses a keyword that no search has.

    Raises:
        TypeError: There is such a keyword; the text names the one that was meant.
    """
    known = [*SearchOptions.__annotations__, "progress"]
    for name in given:
        if name not in known:
            raise TypeError(f"lr_find() has no argument {name!r} here{_remedy(name, known)}")


def _remedy(name: str, known: list[str]) -> str:
    if name in OTHER_FINDERS:
        return f"; that is {OTHER_FINDERS[name]}"
    if name in PLAIN_TORCH:
        return f"; in plain PyTorch that is {PLAIN_TORCH[name]}"
    if name in NEEDLESS:
        return f", and needs none: {NEEDLESS[name]}; leave it out"
    if name == "pool":
        return '; it goes with a function that makes the training: lr_finder.lr_find(make, pool="processes")'
    close = difflib.get_close_matches(name, known, n=1)
    return f"; is {close[0]} meant?" if close else f"; the options of every search are {', '.join(known)}"

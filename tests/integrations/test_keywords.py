"""Keywords of other finders, and slips."""

from inspect import signature

import pytest

from lr_finder import SearchOptions, lr_find
from lr_finder.integrations import torch
from lr_finder.integrations.keywords import NEEDLESS, OTHER_FINDERS, PLAIN_TORCH, check_keywords
from quadratic import training

ANSWERS = {
    "num_iter": "that is num_it",
    "max_lr": "that is end_lr",
    "val_loader": "that is validate, a function",
    "device": "needs none: the batches go to the model's device; leave it out",
    "criterion": "in plain PyTorch that is loss_fn",
    "cache_dir": "needs none: everything is put back",
    "num_itt": "is num_it meant",
    "colour": "the options of every search are start_lr, end_lr, num_it",
}


@pytest.mark.parametrize(("name", "answer"), ANSWERS.items())
def test_a_keyword_that_there_is_not_is_answered_with_the_one_meant(name, answer):
    with pytest.raises(TypeError, match=rf"lr_find\(\) has no argument '{name}' here.*{answer}"):
        lr_find(*training(), **{name: 3})


def test_what_is_translated_is_no_option_and_what_it_is_translated_to_is_one():
    options = set(SearchOptions.__annotations__) | {"progress"}
    check_keywords(options)
    assert not options & (OTHER_FINDERS.keys() | NEEDLESS.keys() | PLAIN_TORCH.keys())
    plain_torch = signature(torch.lr_find).parameters
    assert set(PLAIN_TORCH.values()) <= plain_torch.keys()
    assert not plain_torch.keys() & PLAIN_TORCH.keys()
    assert {meant.split(",")[0] for meant in OTHER_FINDERS.values()} <= options


@pytest.mark.parametrize(
    ("finder", "keywords"),
    {
        "fastai": "start_lr end_lr num_it stop_div show_plot suggest_funcs",
        "Lightning's Tuner": "val_dataloaders method min_lr max_lr num_training mode early_stop_threshold update_attr"
        " attr_name",
        "torch-lr-finder": "val_loader start_lr end_lr num_iter step_mode smooth_f diverge_th non_blocking_transfer"
        " optimizer criterion device memory_cache cache_dir",
        "Ignite's FastaiLRFinder": "to_save num_iter end_lr step_mode smooth_f diverge_th start_lr",
        "Keras finders": "start_lr end_lr epochs steps_per_epoch min_lr max_lr",
    }.items(),
    ids=lambda value: value.partition(" ")[0],
)
def test_the_keywords_of_other_finders_are_known(finder, keywords):
    known = {*SearchOptions.__annotations__, *OTHER_FINDERS, *PLAIN_TORCH, *NEEDLESS, "optimizer"}
    assert set(keywords.split()) <= known

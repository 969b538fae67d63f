"""Keywords of other finders, and slips."""

import pytest

from lr_finder import SearchOptions, lr_find
from lr_finder.integrations.keywords import NEEDLESS, OTHER_FINDERS, check_keywords
from quadratic import training

ANSWERS = {
    "num_iter": "that is num_it",
    "max_lr": "that is end_lr",
    "val_loader": "that is validate, a function",
    "device": "needs none: the batches go to the model's device; leave it out",
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
    assert not options & (OTHER_FINDERS.keys() | NEEDLESS.keys())
    assert {meant.split(",")[0] for meant in OTHER_FINDERS.values()} <= options

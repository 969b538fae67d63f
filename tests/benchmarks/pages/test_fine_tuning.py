import pytest
import torch
from benchmarks.pages.fine_tuning import HELD_OUT, PIECES, SOURCES, measured, neighbours, snippets, training


def test_snippets_of_every_page_are_trained_on_and_others_held_out():
    train, held_out = snippets()
    assert len(held_out.tokens) == HELD_OUT
    assert set(train.pages.tolist()) == set(range(len(SOURCES)))


@pytest.mark.slow
def test_every_piece_of_the_old_task_has_its_neighbour():
    first, second = neighbours()
    assert first.shape == second.shape
    assert len(first) == PIECES
    assert not torch.equal(first, second)


@pytest.mark.slow
def test_before_it_is_fine_tuned_the_model_knows_the_old_task_and_not_the_new():
    before = measured(training(0)[0])
    assert before["neighbours_found"] > 30 / PIECES
    assert before["accuracy"] < 0.3

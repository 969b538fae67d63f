from benchmarks.pages.forgetting import CASE, old_accuracy, train


def test_the_old_last_layer_reads_the_old_digits_before_anything_is_forgotten():
    assert old_accuracy(CASE.make(0).model) > 0.95


def test_a_high_rate_makes_it_forget():
    gentle, rough = (train(lr, 50, seed=0).old_accuracy for lr in (1e-5, 0.1))
    assert gentle > 0.95
    assert rough < 0.5

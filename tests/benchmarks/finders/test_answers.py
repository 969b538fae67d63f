import pytest
from benchmarks.finders.answers import Answer, Answers, ask, ask_all, load_all
from benchmarks.finders.baselines import best_constant_elsewhere, random_rate, usual_constant
from benchmarks.finders.regret import summarise
from benchmarks.finders.table import as_markdown, describe_noise_floor, score_all
from benchmarks.finders.tasks import CASES, epochs
from benchmarks.finders.truth_file import Truth

WINE = CASES["wine-sgd"]


def trains_four_steps(case, seed):
    model, make_optimizer, loss_fn, loader, _ = case.make(seed)
    optimizer = make_optimizer(0.1)
    for _, (inputs, targets) in zip(range(4), epochs(loader), strict=False):
        optimizer.zero_grad()
        loss_fn(model(inputs), targets).backward()
        optimizer.step()
    return 0.02


def truth_with_best(case: str, best: float) -> Truth:
    losses = {rate: 1.0 if rate == best else 2.0 for rate in (0.001, 0.01, 0.1)}
    return Truth(case, "", case.rpartition("-")[2], 10, 3.0, {}, {0: 4.0, 1: 4.0}, {"constant": {0: losses, 1: losses}})


def test_an_answer_counts_the_steps_that_the_finder_took():
    answer = ask(trains_four_steps, WINE, 0)
    assert (answer.case, answer.seed, answer.lr, answer.steps) == ("wine-sgd", 0, 0.02, 4)
    assert ask(lambda case, seed: None, WINE, 0).steps == 0


@pytest.mark.parametrize("lr", [0, -1, float("nan"), float("inf")])
def test_an_answer_must_be_a_positive_number(lr):
    with pytest.raises(ValueError, match="positive and finite, or None"):
        ask(lambda case, seed: lr, WINE, 0)


def test_what_was_answered_is_not_asked_again(tmp_path):
    asked, file = [], tmp_path / "answers.jsonl"

    def finder(case, seed):
        asked.append(seed)
        return None if seed == 1 else 0.5

    ask_all("a finder", finder, cases=[WINE], seeds=(0, 1), schedules=["constant"], file=file)
    answers = ask_all("a finder", finder, cases=[WINE], seeds=(0, 1, 2), file=file)
    assert asked == [0, 1, 2]
    assert [answer.lr for answer in answers.given] == [0.5, None, 0.5]
    assert load_all(file) == {"a finder": answers}
    assert answers.schedules == ["constant"]


def test_an_answer_with_an_interval_is_read_as_it_was_kept(tmp_path):
    answers, file = Answers("sure", ["constant", "one_cycle"]), tmp_path / "answers.jsonl"
    for answer in (Answer("b-sgd", 0, 0.1 + 0.2, 5, 0.5, 0.1, 1 / 3, "high"), Answer("a-sgd", 1, None, 5, 0.5)):
        answers.add(answer, file)
    assert load_all(file) == {"sure": answers}


def test_the_table_shows_a_perfect_finder_at_zero_and_the_noise_floor():
    truths = {"task-sgd": truth_with_best("task-sgd", 0.01)}
    answers = Answers("perfect", ["constant"], [Answer("task-sgd", seed, 0.01, 5, 0.0) for seed in (0, 1)])
    row = as_markdown({"perfect": summarise(score_all(answers, truths, "constant"))}).splitlines()[-1]
    assert row.startswith(
        "| perfect | 2 | 0.000 ± 0.000 | 0.000 ± 0.000 | 0.000 | 0.000 | 0.000 | 0.00 | 1.00 | 0.00 | 5 |"
    )
    assert "0.000 ± 0.000, strict 0.000" in describe_noise_floor(truths, "constant")


def test_the_best_constant_is_chosen_on_other_tasks_with_the_same_optimizer():
    truths = [
        truth_with_best("a-sgd", 0.1),
        truth_with_best("b-sgd", 0.001),
        truth_with_best("c-sgd", 0.001),
        truth_with_best("d-adamw", 0.01),
    ]
    assert best_constant_elsewhere(truths[0], truths, "constant") == pytest.approx(0.001)
    assert best_constant_elsewhere(truths[3], truths, "constant") is None


def test_baselines_need_no_search():
    assert usual_constant(truth_with_best("a-sgd", 0.1)) == 0.1
    assert usual_constant(truth_with_best("a-adamw", 0.1)) == 1e-3
    assert usual_constant(truth_with_best("a-lion", 0.1)) is None
    truth = truth_with_best("a-lion", 0.1)
    assert 1e-6 <= random_rate(truth) <= 10
    assert random_rate(truth) == random_rate(truth)

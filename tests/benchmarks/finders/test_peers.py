import math

import numpy as np
import pytest
from benchmarks.finders.answers import load_all
from benchmarks.finders.peers import PEERS, Peer, ask_everywhere, ask_fastai_1, ask_peer, is_installed
from benchmarks.finders.tasks import CASES
from benchmarks.result_files import read_lines

WINE = CASES["wine-sgd"]
HERE = {"lightning", "lr-finder", "pytorch-ignite"}
"""Packages of the environment that the tests run in; the others have environments of their own."""


def raising(case, seed):
    raise RuntimeError("no curve\nof that shape")


@pytest.mark.parametrize(
    "peer", [peer for peer in PEERS if peer.package in HERE], ids=lambda peer: " and ".join(peer.finders)
)
def test_every_peer_of_this_environment_answers_and_its_steps_are_counted(peer):
    assert is_installed(peer.package)
    answers, reasons = ask_peer(peer, CASES["breast_cancer-adamw"], 0)
    assert reasons == [None] * len(peer.finders)
    assert len(answers) == len(peer.finders)
    for answer in answers:
        assert 1e-8 <= answer.lr <= 10
        assert 0 < answer.steps <= 101


def test_no_two_finders_have_one_name():
    names = [finder for peer in PEERS for finder in peer.finders]
    assert len(set(names)) == len(names)


def test_fastai_1_gives_what_version_1_0_61_gave():
    # By fastai 1.0.61 itself, with torch 2.13.0 on a CPU; see benchmarks/README.md.
    np.testing.assert_allclose(ask_fastai_1(WINE, 0), [1.096478196, 0.3311311215], rtol=1e-6)


def test_a_peer_that_raises_has_refused_in_all_its_names_and_says_why():
    answers, reasons = ask_peer(Peer("torch", ("a", "b"), raising), WINE, 0)
    assert [answer.lr for answer in answers] == [None, None]
    assert reasons == ["RuntimeError: no curve"] * 2


@pytest.mark.parametrize("rate", [None, math.nan, math.inf, 0.0, -1.0, ValueError("none")])
def test_what_is_no_rate_is_a_refusal_and_leaves_the_other_names_alone(rate):
    (first, second), (reason, none) = ask_peer(Peer("torch", ("a", "b"), lambda case, seed: [rate, 0.1]), WINE, 0)
    assert (first.lr, second.lr, none) == (None, 0.1, None)
    assert str(rate) in reason


def test_a_missing_package_is_no_refusal():
    def search(case, seed):
        raise ModuleNotFoundError("No module named 'peer'")

    with pytest.raises(ModuleNotFoundError):
        ask_peer(Peer("torch", ("a",), search), WINE, 0)


def test_answers_and_reasons_are_kept_and_not_asked_for_again(tmp_path):
    asked = []

    def search(case, seed):
        asked.append(case.name)
        return [0.1, ValueError("flat")]

    peer = Peer("torch", ("a", "b"), search)
    cases = {name: CASES[name] for name in ("wine-sgd", "wine-adamw")}
    file, refusals = tmp_path / "answers.jsonl", tmp_path / "refusals.jsonl"
    for _ in range(2):
        ask_everywhere(peer, 0, cases=cases.values(), file=file, refusals=refusals)
    assert asked == ["wine-sgd", "wine-adamw"]
    assert {name: [answer.lr for answer in answers.given] for name, answers in load_all(file).items()} == {
        "a": [0.1, 0.1],
        "b": [None, None],
    }
    kept = read_lines(refusals)
    assert [(line["finder"], line["case"], line["seed"], line["reason"]) for line in kept] == [
        ("b", "wine-sgd", 0, "ValueError: flat"),
        ("b", "wine-adamw", 0, "ValueError: flat"),
    ]
    assert all("torch" in line["versions"] for line in kept)


def test_where_one_answer_of_a_peer_is_deleted_the_others_stay(tmp_path):
    rates = iter([[0.1, 0.2], [0.3, 0.4]])
    peer = Peer("torch", ("a", "b"), lambda case, seed: next(rates))
    file = tmp_path / "answers.jsonl"
    ask_everywhere(peer, 0, cases=[WINE], file=file)
    first, _ = file.read_text().splitlines()
    file.write_text(first + "\n")
    ask_everywhere(peer, 0, cases=[WINE], file=file)
    assert {name: [answer.lr for answer in answers.given] for name, answers in load_all(file).items()} == {
        "a": [0.1],
        "b": [0.4],
    }

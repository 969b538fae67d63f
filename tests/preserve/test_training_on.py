"""Training on after a search is bit for bit as if the search had never run, whatever the training is made of."""

import pytest

from lr_finder.preserve import preserve
from preserve.fingerprint import fingerprint, values_only
from preserve.loaders import LOADERS
from preserve.models import MODELS
from preserve.optimizers import OPTIMIZERS
from preserve.trainings import COMPANIONS, build, disturb

pytestmark = pytest.mark.filterwarnings("ignore:'set_vital' is deprecated:UserWarning")  # torchdata 0.11 calls it

# Every kind of every axis, each both before the first step and in the middle of a training; together are those that
# act on one another.
TRAININGS = [
    ("mlp", "SGD", "in order", "nothing"),
    ("mlp", "Muon", "own batches", "one cycle"),
    ("mlp", "Lookahead", "in order", "nothing"),
    ("batch norm", "momentum", "shuffled", "EMA"),
    ("frozen batch norm", "Nesterov", "own generator", "SWA"),
    ("dropout", "AdamW", "workers", "scaler"),
    ("recurrent", "RMSprop", "weighted", "plateau"),
    ("spectral norm", "AdamW foreach", "epoch sampler", "step schedule"),
    ("parametrized", "Adafactor", "stateful", "nothing"),
    ("tied", "AMSGrad", "noisy", "EMA"),
    ("transformer", "schedule-free", "persistent workers", "nothing"),
    ("adapters", "AdamW fused", "iterable", "warm-up, then cosine"),
    ("compiled", "AdamW tensor lr", "own loader", "nothing"),
    ("embedded", "SparseAdam", "stateful workers", "nothing"),
    ("embedded", "Adagrad", "shuffled", "nothing"),
    ("lazy", "momentum", "in order", "nothing"),
    ("mean teacher", "Prodigy", "own generator", "scaler"),
    ("bookkeeping", "LBFGS", "noisy", "nothing"),
    ("bookkeeping", "two groups", "iterable", "SWA"),
]


@pytest.mark.slow
@pytest.mark.parametrize("warm_steps", [0, 10], ids=["cold", "warm"])
@pytest.mark.parametrize("kinds", TRAININGS, ids=", ".join)
def test_training_goes_on_as_if_the_search_had_never_run(kinds, warm_steps):
    searched = build(*kinds)
    for _ in range(warm_steps):
        searched.step()
    batches = searched.batches
    before = fingerprint(*searched.state)
    with preserve(*searched.state):
        disturb(searched)
    assert fingerprint(*searched.state) == before
    searched.batches = batches
    losses = [searched.step() for _ in range(12)]
    after = values_only(fingerprint(*searched.state))

    untouched = build(*kinds)
    for _ in range(warm_steps):
        untouched.step()
    assert losses == [untouched.step() for _ in range(12)]
    assert after == values_only(fingerprint(*untouched.state))


def test_every_kind_of_every_axis_is_in_the_table():
    assert [set(kinds) for kinds in zip(*TRAININGS, strict=True)] == [
        set(kinds) for kinds in (MODELS, OPTIMIZERS, LOADERS, COMPANIONS)
    ]

"""The typed front door: what type checkers accept and refuse, and that it is what the integrations take."""

import inspect
import json
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import get_overloads, get_type_hints

import pytest

from lr_finder import SearchOptions, find, lr_find, overloads

CALLS = Path(__file__).with_name("overload_calls.py")
WRONG = {number for number, line in enumerate(CALLS.read_text().splitlines(), 1) if "# wrong" in line}


def refused_by_basedpyright(tmp_path):
    """The lines of the calls that it refuses."""
    command = [sys.executable, "-m", "basedpyright", "--outputjson", CALLS]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    return {error["range"]["start"]["line"] + 1 for error in found["generalDiagnostics"]}


def refused_by_mypy(tmp_path):
    """The lines of the calls that it refuses; not every framework has types."""
    command = [sys.executable, "-m", "mypy", "--ignore-missing-imports", "--cache-dir", tmp_path, CALLS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return {int(line) for line in re.findall(rf"{CALLS.name}:(\d+): error", done.stdout)}


@pytest.mark.slow
@pytest.mark.parametrize("refused", [refused_by_basedpyright, refused_by_mypy])
def test_type_checkers_refuse_the_wrong_calls_and_no_right_one(refused, tmp_path):
    assert len(WRONG) > 20
    assert refused(tmp_path) == WRONG


# Each overload, by its first parameter and its integration. That of the step function takes less than `torch.lr_find`.
INTEGRATIONS = {
    "make: Callable": "lr_finder.pool",
    "learn: Learner": "lr_finder.learner",
    "trainer: LightningTrainer": "lr_finder.integrations.lightning",
    "trainer: HuggingFaceTrainer": "lr_finder.integrations.transformers",
    "learn: FastaiLearner": "lr_finder.integrations.fastai",
    "model: KerasModel": "lr_finder.integrations.keras",
    "net: SkorchNet": "lr_finder.integrations.skorch",
    "engine: IgniteEngine": "lr_finder.integrations.ignite",
    "model: NNXModule": "lr_finder.integrations.optax.nnx",
    "loss: Callable": "lr_finder.integrations.optax",
    "model: TorchModule": "lr_finder.integrations.torch",
}


def names_taken(function):
    """The names of all arguments of a function, with those of the options that it takes as keywords."""
    names = set()
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            options = re.search(r"Unpack\[(\w+)\]", str(parameter.annotation)).group(1)
            names |= set(get_type_hints(getattr(overloads, options)))
        elif parameter.kind is not parameter.VAR_POSITIONAL:  # taken to be refused
            names.add(name)
    return names


def overload_of(first):
    """The names that the overloads for a kind of training take, all together."""
    name, kind = first.split(": ")
    found = set()
    for function in get_overloads(overloads.lr_find):
        parameter = next(iter(inspect.signature(function).parameters.values()))
        if parameter.name == name and re.search(rf"\b{kind}\b", str(parameter.annotation)):
            found |= names_taken(function)
    return found


@pytest.mark.parametrize(
    ("first", "module"),
    [pytest.param(*row, marks=pytest.mark.fastai if row[1].endswith("fastai") else ()) for row in INTEGRATIONS.items()],
    ids=INTEGRATIONS.values(),
)
def test_an_overload_has_the_arguments_of_its_integration(first, module):
    assert overload_of(first) == names_taken(import_module(module).lr_find)


def test_every_kind_of_training_has_an_overload():
    assert set(INTEGRATIONS.values()) | {"lr_finder.integrations.pytorch_lightning"} == {
        kind.module for kind in (*find.SUPPORTED, find.FACTORY, find.LOSS_FUNCTION)
    }


def test_the_help_says_what_each_kind_takes_and_every_option():
    text = " ".join(lr_find.__doc__.split())
    for kind in (*find.SUPPORTED, find.FACTORY, find.LOSS_FUNCTION, find.STEP_FUNCTION):
        assert kind.call in text
    for option in get_type_hints(SearchOptions):
        assert re.search(rf"\b{option}\b", text)

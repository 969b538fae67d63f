"""Result files: hostile ones are refused, nothing in them is executed, and a failed write destroys nothing."""

import json
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lr_finder import Curve, RangeTestResult, ResultFileError
from lr_finder.core.record import Record
from lr_finder.core.storage import MAX_BYTES
from lr_finder.curve.training import Training

TRAINING = Training("AdamW", ({"lr": 1e-3, "betas": [0.9, 0.99]},), 32, 0)
RESULT = RangeTestResult(
    Curve(
        np.geomspace(1e-3, 1, 4),
        [2.0, 1.0, np.nan, np.inf],
        training=TRAINING,
        control_losses=np.array([2.0, 1.5, np.nan, 2.5]),
        runs_away=True,
    ),
    steps_taken=4,
    record=Record.now({"start_lr": [1e-3, 1e-2], "stop_div": True}),
)

on_posix = pytest.mark.skipif(os.name == "nt", reason="limits and signals of POSIX")


def load(content: bytes, folder: Path) -> RangeTestResult:
    path = folder / "lr.json"
    path.write_bytes(content)
    return RangeTestResult.load(path)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """What `save` writes for a small result."""
    path = tmp_path_factory.mktemp("good") / "lr.json"
    RESULT.save(path)
    return json.loads(path.read_text())


def test_the_dictionary_is_what_the_file_holds(good):
    assert RESULT.to_dict() == good
    assert good["control_losses"] == [2.0, 1.5, "nan", 2.5]


class Touching:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_what_a_pickle_would_execute_is_not(tmp_path):
    marker = tmp_path / "executed"
    with pytest.raises(ResultFileError, match="not readable as JSON"):
        load(pickle.dumps(Touching(marker)), tmp_path)
    assert not marker.exists()


def test_a_file_beyond_the_limit_is_not_read(tmp_path):
    path = tmp_path / "lr.json"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(ResultFileError, match=f"larger than {MAX_BYTES} bytes"):
        RangeTestResult.load(path)


@pytest.mark.parametrize("field", ["lrs", "losses", "group_lrs", "notes", "stop_reason", "steps_taken"])
def test_a_field_that_is_too_deep_is_refused(field, good, tmp_path):
    text = json.dumps(good | {field: "HERE"}).replace('"HERE"', "[" * 100_000 + "]" * 100_000)
    with pytest.raises(ResultFileError):
        load(text.encode(), tmp_path)


@pytest.mark.parametrize("field", ["version", "stop_reason", "lrs"])
def test_what_a_refusal_quotes_is_short_and_cannot_steer_a_terminal(field, good, tmp_path):
    text = "\x1b[2J" * 10_000
    with pytest.raises(ResultFileError, match=r"\\x1b\[2J") as caught:
        load(json.dumps(good | {field: [text] if field == "lrs" else text}).encode(), tmp_path)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000


odd = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["nan", "-inf"])
odd_values = st.recursive(
    odd, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


@given(data=st.data(), value=odd_values)
def test_a_value_of_any_kind_anywhere_is_read_or_refused(data, value, good, tmp_path_factory):
    content = json.loads(json.dumps(good))
    field = data.draw(st.sampled_from(sorted(content)))
    if isinstance(content[field], list) and content[field] and data.draw(st.booleans()):
        content[field][data.draw(st.integers(0, len(content[field]) - 1))] = value
    else:
        content[field] = value
    try:
        loaded = load(json.dumps(content).encode(), tmp_path_factory.mktemp("odd"))
    except ResultFileError:
        return
    assert len(loaded.lrs) == len(loaded.losses)
    loaded.explain()


SAVING = """
import resource, signal, sys
from curves import valley_curve
from lr_finder import RangeTestResult
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then the write itself fails, as on a full disk
result = RangeTestResult(valley_curve(), steps_taken=200)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    result.save(sys.argv[1])
except OSError as error:
    print(type(error).__name__, error.errno)
"""

SAVING_AGAIN_AND_AGAIN = """
import sys
from curves import valley_curve
from lr_finder import RangeTestResult
while True:
    RangeTestResult(valley_curve(), steps_taken=200).save(sys.argv[1])
    print("saved", flush=True)
"""


def process(code, path):
    tests = Path(__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tests), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-c", code, path]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@on_posix
@pytest.mark.parametrize("name", ["lr.json", "lr.csv"])
def test_a_disk_that_is_full_leaves_the_old_file_and_nothing_else(name, tmp_path):
    (tmp_path / name).write_text("old")
    said, errors = process(SAVING, tmp_path / name).communicate(timeout=60)
    assert said.startswith("OSError"), errors
    assert (tmp_path / name).read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == [name]


@on_posix
def test_a_process_that_is_killed_while_it_saves_leaves_a_whole_file(tmp_path):
    with process(SAVING_AGAIN_AND_AGAIN, tmp_path / "lr.json") as saving:
        for _ in range(20):
            assert saving.stdout.readline() == "saved\n"
        saving.send_signal(signal.SIGKILL)
    assert RangeTestResult.load(tmp_path / "lr.json").steps_taken == 200

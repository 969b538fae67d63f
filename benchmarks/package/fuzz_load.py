"""Feeds damaged files to the result loader: it reads them or says `ResultFileError`, and never anything else.

Run `python -m benchmarks.package.fuzz_load` from the root: 100,000 files, a few minutes; it writes
`results/fuzz_load.json`.
"""

import collections
import copy
import json
import platform
import random
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.result_files import RESULTS
from lr_finder import Curve, RangeTestResult, ResultFileError, StopReason
from lr_finder.curve.probe import Probe

FILE = RESULTS / "fuzz_load.json"

SPLICES = (
    *(b"null", b"true", b"-1", b"1e999", b"NaN", b"-Infinity", b'"nan"', b'"\\ud800"', b"[]", b"{}", b"[[[["),
    *(b"\x00", b"\xff", b"10" * 200),
    *(b'"__class__"', b'{"py/object": "os.system"}', b"cos\nsystem\n(S'true'\ntR."),
)
"""What is put into files: other kinds of value, numbers out of range, bad text, and what unsafe loaders execute."""

VALUES = (
    *(
        None,
        True,
        -1,
        0,
        1,
        1e308,
        10**400,
        0.5,
        float("nan"),
        float("inf"),
        "nan",
        "-inf",
        "1",
        "",
        "\ud800",
        "\x1b[2J",
    ),
    *([], {}, [[]], [{}], [None], ["nan"], {"lr": 1}, [1.0, 2.0, 3.0, 4.0], [[1.0, 1.0]] * 4, "COMPLETED", "__class__"),
)
"""What stands in place of a value: of another kind, out of range, of another shape."""


def valid_file() -> bytes:
    """A small result as `save` writes it."""
    lrs = np.geomspace(1e-3, 1, 4)
    curve = Curve(lrs, [2.0, 1.0, np.nan, np.inf], np.stack([lrs, lrs / 10], 1), StopReason.NOT_FINITE, ("a note",))
    probes = (Probe(0.1, np.array([2.0, 1.0]), None, 1.0, 1), Probe(0.3, np.array([2.0, np.inf]), 2.5, -np.inf, 2))
    with tempfile.TemporaryDirectory() as folder:
        RangeTestResult(curve, 4, probes).save(Path(folder) / "lr.json")
        return (Path(folder) / "lr.json").read_bytes()


def damaged(content: bytes, generator: random.Random) -> bytes:
    """The file with one to four cuts, splices, repetitions or changed bytes."""
    for _ in range(generator.randint(1, 4)):
        start, end = sorted(generator.randrange(len(content) + 1) for _ in range(2))
        end = min(end, start + generator.choice((0, 1, 8, 64)))
        piece = generator.choice((b"", content[start:end] * 3, bytes([generator.randrange(256)]), *SPLICES))
        content = content[:start] + piece + content[end:]
    return content


def rewritten(content: bytes, generator: random.Random) -> bytes:
    """The file with one to three values or keys replaced: still JSON, so that it comes past the first checks."""
    data = json.loads(content)
    for _ in range(generator.randint(1, 3)):
        place, key = any_place(data, generator)
        if generator.random() < 0.1:
            del place[key]
        else:
            place[key] = copy.deepcopy(generator.choice(VALUES))
    return json.dumps(data).encode()


def any_place(data: Any, generator: random.Random) -> tuple[Any, Any]:
    """A container in the data, or the data itself, and one of its keys."""
    key = generator.choice(list(data) if isinstance(data, dict) else range(len(data)))
    if isinstance(data[key], (dict, list)) and data[key] and generator.random() < 0.7:
        return any_place(data[key], generator)
    return data, key


def fuzz(count: int, seed: int = 0) -> dict[str, int]:
    """Loads that many damaged files, every other one JSON still; how often each outcome came.

    Another exception than ours goes through.
    """
    generator, valid = random.Random(seed), valid_file()
    outcomes: collections.Counter[str] = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lr.json"
        for number in range(count):
            path.write_bytes((damaged if number % 2 else rewritten)(valid, generator))
            try:
                RangeTestResult.load(path)
                outcomes["read"] += 1
            except ResultFileError as error:
                outcomes["refused: " + ("damaged" if "damaged" in str(error) else "no result of lr_finder")] += 1
    return dict(sorted(outcomes.items()))


if __name__ == "__main__":
    found = {
        "command": "python -m benchmarks.package.fuzz_load",
        "machine": f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}",
        "files": 100_000,
        "seed": 0,
        "outcomes": fuzz(100_000, seed=0),
    }
    FILE.write_text(json.dumps(found, indent=1) + "\n")
    print(found)

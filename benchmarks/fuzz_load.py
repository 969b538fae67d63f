"""Feeds damaged files to the result loader: it reads them or says `ResultFileError`, and never anything else.

Run `python -m benchmarks.fuzz_load` from the root: 100,000 files, a few minutes; it writes `results/fuzz_load.json`.
"""

import collections
import json
import random
import tempfile
from pathlib import Path

import numpy as np

from lr_finder import Curve, RangeTestResult, ResultFileError, StopReason

FOLDER = Path(__file__).parent / "results"

SPLICES = (
    *(b"null", b"true", b"-1", b"1e999", b"NaN", b"-Infinity", b'"nan"', b'"\\ud800"', b"[]", b"{}", b"[[[["),
    *(b"\x00", b"\xff", b"10" * 200),
    *(b'"__class__"', b'{"py/object": "os.system"}', b"cos\nsystem\n(S'true'\ntR."),
)
"""What is put into files: other kinds of value, numbers out of range, bad text, and what unsafe loaders execute."""


def valid_file() -> bytes:
    """A small result as `save` writes it."""
    lrs = np.geomspace(1e-3, 1, 4)
    curve = Curve(lrs, [2.0, 1.0, np.nan, np.inf], np.stack([lrs, lrs / 10], 1), StopReason.NOT_FINITE, ("a note",))
    with tempfile.TemporaryDirectory() as folder:
        RangeTestResult(curve, steps_taken=4).save(Path(folder) / "lr.json")
        return (Path(folder) / "lr.json").read_bytes()


def damaged(content: bytes, generator: random.Random) -> bytes:
    """The file with one to four cuts, splices, repetitions or changed bytes."""
    for _ in range(generator.randint(1, 4)):
        start, end = sorted(generator.randrange(len(content) + 1) for _ in range(2))
        end = min(end, start + generator.choice((0, 1, 8, 64)))
        piece = generator.choice((b"", content[start:end] * 3, bytes([generator.randrange(256)]), *SPLICES))
        content = content[:start] + piece + content[end:]
    return content


def fuzz(count: int, seed: int = 0) -> dict[str, int]:
    """Loads that many damaged files; how often each outcome came. Another exception than ours goes through."""
    generator, valid = random.Random(seed), valid_file()
    outcomes: collections.Counter[str] = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lr.json"
        for _ in range(count):
            path.write_bytes(damaged(valid, generator))
            try:
                RangeTestResult.load(path)
                outcomes["read"] += 1
            except ResultFileError as error:
                outcomes["refused: " + ("damaged" if "damaged" in str(error) else "no result of lr_finder")] += 1
    return dict(outcomes)


if __name__ == "__main__":
    found = {"command": "python -m benchmarks.fuzz_load", "files": 100_000, "outcomes": fuzz(100_000)}
    (FOLDER / "fuzz_load.json").write_text(json.dumps(found, indent=1) + "\n")
    print(found)

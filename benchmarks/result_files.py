"""The result files: where they are, and those that hold one measurement a line, each a JSON object.

Such a file only grows: what is measured is added at its end. A line that is deleted by hand is measured afresh.
"""

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def read_lines(file: Path) -> list[dict[str, Any]]:
    """What each line says; nothing where there is no file yet."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def write_rows(file: Path, command: str, **tables: list[dict[str, Any]]) -> None:
    """Writes tables whole, a row a line, with the command that makes them."""
    parts = [f'"command": {json.dumps(command)}']
    parts += [f'"{name}": [\n ' + ",\n ".join(map(json.dumps, rows)) + "\n]" for name, rows in tables.items()]
    file.write_text("{\n" + ",\n".join(parts) + "\n}\n")


def add_lines(file: Path, *lines: dict[str, Any]) -> None:
    """Adds lines in a single write: an interruption leaves no half of one, and several processes may add to a file.

    Raises:
        ValueError: A number is not finite, for which JSON has no word; nothing is written.
    """
    text = "".join(json.dumps(line, allow_nan=False) + "\n" for line in lines)
    with file.open("ab", buffering=0) as end:  # a buffer would write a long line in pieces
        end.write(text.encode())

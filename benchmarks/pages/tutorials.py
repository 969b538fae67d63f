"""Runs the tutorials and writes the pages that show them, with what they printed and drew.

Run `python -m benchmarks.pages.tutorials`, or with the names of some; `docs/tutorials/NAME.py` becomes `NAME.md`.
"""

import os
import re
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import matplotlib

TUTORIALS = Path(__file__).parents[2] / "docs" / "tutorials"


class Cell(NamedTuple):
    """A cell of a notebook in text form: Markdown without its comment signs, or Python."""

    is_markdown: bool
    text: str


def cells(notebook: str) -> list[Cell]:
    """The cells of a file in the percent format."""
    found = []
    for kind, text in re.findall(r"^# %%( \[markdown\])?\n(.*?)(?=^# %%|\Z)", notebook, flags=re.MULTILINE | re.DOTALL):
        found.append(Cell(bool(kind), (re.sub(r"^# ?", "", text, flags=re.MULTILINE) if kind else text).strip()))
    return found


def page(name: str) -> str:
    """A tutorial as Markdown: every cell run, with its output below it and its figures beside the page."""
    import matplotlib.pyplot as plt

    from benchmarks.pages.figures import save_figure

    namespace = {"__name__": "__main__"}
    parts, drawn = [f"<!-- Made by `python -m benchmarks.pages.tutorials {name}` from {name}.py. -->"], 0
    for is_markdown, text in cells((TUTORIALS / f"{name}.py").read_text()):
        if is_markdown:
            parts.append(text)
            continue
        parts.append(f"```python\n{text}\n```")
        printed = StringIO()
        with redirect_stdout(printed):
            exec(compile(text, f"{name}.py", "exec"), namespace)
        if printed.getvalue():
            parts.append(f"```text\n{printed.getvalue().rstrip()}\n```")
        for number in plt.get_fignums():
            drawn += 1
            path = save_figure(plt.figure(number), TUTORIALS / f"{name}_{drawn}.svg")
            parts.append(f"![What the lines above draw]({path.name})")
        plt.close("all")
    return "\n\n".join(parts) + "\n"


def main(names: list[str]) -> None:
    """Writes the pages."""
    import torch

    matplotlib.use("Agg")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    torch.set_num_threads(1)
    for file in sorted(TUTORIALS.glob("*.py")):
        if not names or file.stem in names:
            file.with_suffix(".md").write_text(page(file.stem))
            print(file.with_suffix(".md"), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

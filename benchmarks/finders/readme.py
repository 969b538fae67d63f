"""Puts generated tables into `benchmarks/README.md`, between the comments that name them."""

import math
import re
from pathlib import Path

from benchmarks.finders.regret import Summary

README = Path(__file__).parents[1] / "README.md"


def fill(name: str, text: str, page: Path = README) -> None:
    """Replaces what is between `<!-- name -->` and `<!-- /name -->`.

    Raises:
        ValueError: The page has no such place.
    """
    pattern = rf"(<!-- {re.escape(name)} -->\n).*?(<!-- /{re.escape(name)} -->)"
    filled, count = re.subn(
        pattern, lambda found: f"{found[1]}\n{text}\n\n{found[2]}", page.read_text(), flags=re.DOTALL
    )
    if count != 1:
        raise ValueError(f"{page.name} must have the comments <!-- {name} --> and <!-- /{name} --> once, has {count}")
    page.write_text(filled)


def overview(rows: dict[str, dict[str, Summary]]) -> str:
    """The main columns of the tables of all schedules, side by side; the rows in the order of the first schedule's."""
    headings = ["finder", "regret", "strict regret", "> 0.5", "refusals", "regret, refusals as 1", "within 3x"]
    headings += ["spread over seeds", "steps", "one-cycle: regret", "one-cycle, refusals as 1"]
    lines = [" | ".join(headings), " | ".join("---" for _ in headings)]
    constant, one_cycle = rows.get("constant", {}), rows.get("one_cycle", {})
    for name in [*constant, *(name for name in one_cycle if name not in constant)]:
        lines.append(" | ".join([name, *_constant_cells(constant.get(name)), *_one_cycle_cells(one_cycle.get(name))]))
    return "\n".join(f"| {line} |" for line in lines)


def _constant_cells(row: Summary | None) -> list[str]:
    if row is None:
        return ["-"] * 8
    return [
        f"{row.regret:.3f} ± {row.regret_error:.3f}",
        f"{row.strict_regret:.3f}",
        f"{row.share_above_half:.1%}",
        f"{row.refusals:.1%}",
        f"{row.regret_with_refusals:.3f}",
        f"{row.within_3x:.2f}",
        "-" if math.isnan(row.spread) else f"{row.spread:.2f}",
        f"{row.steps:.0f}",
    ]


def _one_cycle_cells(row: Summary | None) -> list[str]:
    if row is None:
        return ["-"] * 2
    return [f"{row.regret:.3f} ± {row.regret_error:.3f}", f"{row.regret_with_refusals:.3f}"]


def trained_instead(rows: dict[str, Summary]) -> str:
    """What training without a search gives, beside training at found rates."""
    headings = [
        "AdamW cases trained with",
        "trainings",
        "regret",
        "strict regret",
        "> 0.5",
        "refusals",
        "refusals as 1",
    ]
    lines = [" | ".join(headings), " | ".join("---" for _ in headings)]
    for name, row in rows.items():
        cells = [
            name,
            f"{row.num_answers}",
            f"{row.regret:.3f} ± {row.regret_error:.3f}",
            f"{row.strict_regret:.3f} ± {row.strict_error:.3f}",
            f"{row.share_above_half:.1%}",
            f"{row.refusals:.1%}",
            f"{row.regret_with_refusals:.3f}",
        ]
        lines.append(" | ".join(cells))
    return "\n".join(f"| {line} |" for line in lines)

"""Several results side by side: optimizers, batch sizes, weight decays."""

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any

from lr_finder.core.result import RangeTestResult
from lr_finder.report.html import joined, table
from lr_finder.report.notebook import picture
from lr_finder.report.page import save_page
from lr_finder.report.plot import plot_all
from lr_finder.report.table import aligned
from lr_finder.report.view import View

if TYPE_CHECKING:
    from matplotlib.axes import Axes


HEADS = ("", "rate", "interval", "confidence", "lowest loss", "steps")


@dataclass(frozen=True)
class Comparison:
    """Results by name; `compare` makes it."""

    results: dict[str, RangeTestResult]

    def __str__(self) -> str:
        return self.table()

    def views(self) -> list[View]:
        """What a picture shows of each, under its name."""
        return [result.view(name=name) for name, result in self.results.items()]

    def to_records(self) -> list[dict[str, Any]]:
        """A dictionary per result, as `pandas.DataFrame` takes them; None where there is no suggestion or no loss."""
        return [_row(name, result) for name, result in self.results.items()]

    def table(self) -> str:
        """A line per result: its rate, interval, confidence, the lowest smoothed loss, all steps taken."""
        return aligned(HEADS, [_cells(record) for record in self.to_records()])

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draws the curves over each other, with one legend; never calls `show()`.

        Args:
            ax: Where to draw; a new figure where left out.

        Raises:
            MissingExtraError: matplotlib is not installed.
        """
        return plot_all(self.views(), ax)

    def _repr_html_(self) -> str:
        """The output of a notebook's cell."""
        shown = table("", HEADS, [_cells(record) for record in self.to_records()])
        return joined([picture(self.views(), "the curves over each other"), shown])

    def report(self, path: "str | PathLike[str]") -> None:
        """Writes one page with all of them, as `RangeTestResult.report` does for one.

        Raises:
            MissingExtraError: The extra `report` is not installed.
            ValueError: The file's name does not end in .html.
        """
        save_page([result.run(name) for name, result in self.results.items()], path)


def compare(results: Mapping[str, RangeTestResult]) -> Comparison:
    """Puts results side by side.

        comparison = compare({"AdamW": lr_find(...), "SGD": lr_find(...)})
        print(comparison.table())
        comparison.plot()

    Args:
        results: At least one, by name; any mapping.

    Raises:
        TypeError: It is no mapping, or holds something else than results.
        ValueError: It is empty.
    """
    if not isinstance(results, Mapping):
        raise TypeError(f'results must be a mapping: compare({{"AdamW": a, "SGD": b}}), got {type(results).__name__}')
    if not results:
        raise ValueError("results must hold at least one result, got none")
    if len({str(name) for name in results}) < len(results):
        raise ValueError(f"results must have names that differ as text, got {', '.join(map(repr, results))}")
    for name, result in results.items():
        if not isinstance(result, RangeTestResult):
            raise TypeError(f"results must hold what lr_find returned, got {type(result).__name__} for {name!r}")
    return Comparison({str(name): result for name, result in results.items()})


def _row(name: str, result: RangeTestResult) -> dict[str, Any]:
    suggestion = result.suggestion if result.has_suggestion else None
    smoothed = result.view().smoothed
    return {
        "name": name,
        **{field: getattr(suggestion, field, None) for field in ("lr", "low", "high", "confidence")},
        "lowest_loss": float(smoothed.min()) if len(smoothed) else None,
        "steps": result.steps_taken,
    }


def _cells(record: dict[str, Any]) -> list[str]:
    lowest = "-" if record["lowest_loss"] is None else f"{record['lowest_loss']:.4g}"
    if record["lr"] is None:
        return [record["name"], "none", "-", "-", lowest, str(record["steps"])]
    interval = f"{record['low']:.2g} .. {record['high']:.2g}"
    return [record["name"], f"{record['lr']:.2g}", interval, record["confidence"], lowest, str(record["steps"])]

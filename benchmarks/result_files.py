"""Where the result files are."""

from pathlib import Path

RESULTS = Path(__file__).parent / "results"

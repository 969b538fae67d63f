"""What every test of the Trainer needs."""

import pytest


@pytest.fixture(autouse=True)
def _fresh_state(monkeypatch):
    """Transformers 4 leaves the precision of one trainer to the next, through the environment."""
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")

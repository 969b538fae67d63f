"""Settings for every test: no display, one thread, and plots that are closed again."""

import os
import signal
import sys

import pytest
from hypothesis import settings

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # the models are tiny; threads would only get in each other's way
os.environ.setdefault("KERAS_BACKEND", "torch")  # its default is not installed
os.environ.setdefault("HF_HUB_OFFLINE", "1")  # models and data come with packages; nothing is downloaded

# A shell starts a background job with Ctrl-C ignored, and so would be every process that the tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples on every run; no deadline, because machines are shared and noisy.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


def pytest_collection_modifyitems(items):
    """Marks what needs fastai, which has an environment of its own: its torchvision does not load beside this torch."""
    for item in items:
        if "fastai" in item.nodeid.partition("::")[2] or "test_fastai" in item.nodeid:
            item.add_marker(pytest.mark.fastai)

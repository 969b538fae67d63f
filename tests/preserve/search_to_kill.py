"""A search by hand that never ends of itself: a process for the tests to send signals to.

Prints "step" after each step, "putting back" while it does so, and at last whether everything is as before.
"""

import signal
import sys
import time

import torch
from torch import nn
from torch.utils.data import DataLoader

from lr_finder import RangeTest
from lr_finder.preserve import preserve
from preserve.fingerprint import fingerprint


class Slow:
    """Takes its time to be put back."""

    __slots__ = ()

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        say("putting back")
        time.sleep(0.5)


def say(text):
    print(text, flush=True)  # noqa: T201


def search(*state):
    test = RangeTest(num_it=10**6, stop_div=False)
    with preserve(*state, storage="disk"):
        for lr in test:
            loss = model(next(iter(loader))).square().mean()
            loss.backward()
            with torch.no_grad():  # by hand: the first use of a torch optimizer takes a process seconds
                for parameter in model.parameters():
                    parameter -= lr * parameter.grad
            test.record(loss.item())
            say("step")


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background jobs are without
    if "handle" in sys.argv:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    model = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Linear(16, 1))
    loader = DataLoader(torch.randn(16, 8), 4, shuffle=True)
    before = fingerprint(model, loader)
    try:
        search(Slow(), model, loader)
    finally:
        say("same" if fingerprint(model, loader) == before else "changed")

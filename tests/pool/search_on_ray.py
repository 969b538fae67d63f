"""A search on Ray in a process of its own, as its warnings and signals are its own too. Prints what came of it."""

import sys

from lr_finder import lr_find
from lr_finder.pool.ray import RayPool
from pool import trainings
from pool.test_processes import alone

QUICK = {**trainings.QUICK, "progress": False}


def slow():
    compare(trainings.slow, start_lr=1e-4, end_lr=1.0, num_it=40, probes=3, probe_steps=24, progress=False)


def local_function():
    """One that only Ray can send; it draws from the generators of this process."""
    compare(lambda: trainings.plain(), **QUICK)


def raises():
    try:
        lr_find(trainings.raises, pool="ray", **QUICK)
    except KeyError as error:
        print("in look_closely" in str(error.__cause__), len(error.partial_result.curve) > 20)  # noqa: T201


def dies():
    try:
        lr_find(trainings.always_dies, pool=RayPool(max_retries=1), **QUICK)
    except RuntimeError as error:
        print(str(error).splitlines()[0])  # noqa: T201


def compare(make, **options):
    try:
        result = lr_find(make, pool="ray", **options)
    except KeyboardInterrupt as interrupt:
        print(len(interrupt.partial_result.curve))  # noqa: T201
    else:
        print(len(result.probes), "same" if result == alone(make, **options) else "other")  # noqa: T201


if __name__ == "__main__":
    globals()[sys.argv[1]]()

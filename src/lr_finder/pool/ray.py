"""A Ray cluster as a pool: its scheduler places the workers, its retries replace those that are lost."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lr_finder.extras import extra
from lr_finder.pool.orders import Order, Recipe
from lr_finder.pool.worker import work_once
from lr_finder.pool.workers import AnewForEach

with extra("ray"):
    import ray
    from ray import cloudpickle
    from ray.exceptions import RayError


@dataclass(frozen=True)
class RayPool:
    """Probes as tasks of Ray: `lr_find(make, pool=RayPool(num_gpus=0.5), probes=5)`.

    The cluster is the one that is connected to already, else the one that Ray finds (by `RAY_ADDRESS`, or running on
    this machine), else one on this machine that ends with the search. Each ramp is a task, which makes the training
    anew.

    Args:
        num_gpus: GPUs for each task; a half lets two share one. Where left out, one if the cluster has any.
        num_cpus: CPU cores for each task.
        max_retries: How often a task is begun again whose worker or machine is lost.
    """

    num_gpus: float | None = None
    num_cpus: float = 1
    max_retries: int = 3

    def __str__(self) -> str:
        return "ray" if self == RayPool() else repr(self)

    def pickled(self, make: Callable[[], Any]) -> bytes:
        """The user's function by its name, or where it has none that is known elsewhere, as it is."""
        return cloudpickle.dumps(make)  # pyright: ignore[reportPrivateImportUsage]

    def open(self, recipe: Recipe) -> "Tasks":
        """Tasks that make the training."""
        return Tasks(recipe, self)


class Tasks(AnewForEach):
    """A task for each ramp, on a cluster that is there until the end of the block.

    Args:
        recipe: What they make.
        pool: What they need.
    """

    def __init__(self, recipe: Recipe, pool: RayPool):
        self._has_connected = not ray.is_initialized()
        if self._has_connected:
            ray.init()
        num_gpus = pool.num_gpus
        if num_gpus is None:
            num_gpus = min(ray.cluster_resources().get("GPU", 0), 1)
        self._task = ray.remote(
            num_cpus=pool.num_cpus, num_gpus=num_gpus, max_retries=pool.max_retries, retry_exceptions=False
        )(work_once)
        self._recipe = ray.put(recipe)
        self._running: list[Any] = []

    def __enter__(self) -> "Tasks":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.cancel()
        finally:
            if self._has_connected:
                ray.shutdown()

    def cancel(self) -> None:
        """Ends all tasks, also those that train."""
        for task in self._running:
            with contextlib.suppress(RayError):
                ray.cancel(task, force=True)

    def call(self, order: Order | None) -> Any:
        """The answer to an order."""
        running = self._task.remote(self._recipe, order)
        self._running.append(running)
        try:
            answer = ray.get(running)
        except RayError as error:
            raise RuntimeError(f"{order or 'the training'} can't be made on Ray: {error}") from error
        self._running.remove(running)
        return answer

"""The benchmark's tasks: one file per family, one table of all."""

from benchmarks.finders.tasks.autoencoders import AUTOENCODERS
from benchmarks.finders.tasks.convolutions import CONVOLUTIONS
from benchmarks.finders.tasks.densities import DENSITIES
from benchmarks.finders.tasks.embeddings import EMBEDDINGS
from benchmarks.finders.tasks.fields import FIELDS
from benchmarks.finders.tasks.fine_tuning import FINE_TUNING
from benchmarks.finders.tasks.first_falls import FIRST_FALLS
from benchmarks.finders.tasks.lasting import LASTING
from benchmarks.finders.tasks.later import LATER
from benchmarks.finders.tasks.longer import LONGER
from benchmarks.finders.tasks.mlps import MLPS
from benchmarks.finders.tasks.moving import MOVING
from benchmarks.finders.tasks.noisy import NOISY
from benchmarks.finders.tasks.plateaus import PLATEAUS
from benchmarks.finders.tasks.recurrent import RECURRENT
from benchmarks.finders.tasks.saturating import SATURATING
from benchmarks.finders.tasks.tables import TABLES
from benchmarks.finders.tasks.task import Case, Examples, Problem, Setup, Task, epochs
from benchmarks.finders.tasks.transformers import TRANSFORMERS
from benchmarks.finders.tasks.warming import WARMING

TASKS: tuple[Task, ...] = (
    *MLPS,
    *CONVOLUTIONS,
    *TRANSFORMERS,
    *RECURRENT,
    *AUTOENCODERS,
    *TABLES,
    *EMBEDDINGS,
    *DENSITIES,
    *FIELDS,
    *FINE_TUNING,
    *LATER,
)
CASES: dict[str, Case] = {
    case.name: case for task in TASKS for case in (Case(task, optimizer) for optimizer in task.optimizers)
}
"""All that is scored."""

WIDER: tuple[Task, ...] = (*FIRST_FALLS, *PLATEAUS, *SATURATING, *LONGER, *NOISY, *MOVING)
WIDER_CASES: dict[str, Case] = {
    case.name: case for task in WIDER for case in (Case(task, optimizer) for optimizer in task.optimizers)
}
"""Kinds on which a suggestion is known to be hard, written before anything was tuned on them; not in the tables."""

UNSEEN = (
    "skip_grams", "point_net", "cosine_distance", "long_transformer", "long_regression", "heavy_tails", "critic",
    "low_rank_adaptation",
)  # fmt: skip
"""The third of them on which nothing may be chosen, drawn from every sort before any finder was asked."""

LASTING_CASES: dict[str, Case] = {
    case.name: case for task in LASTING for case in (Case(task, optimizer) for optimizer in task.optimizers)
}
"""What is trained at many lengths (`benchmarks.horizon`), to see what becomes of a rate; not in the tables."""

WARMING_CASES: dict[str, Case] = {
    case.name: case for task in WARMING for case in (Case(task, optimizer) for optimizer in task.optimizers)
}
"""What is said to need a warm-up (`benchmarks.horizon.warmup`); not in the tables."""

MOMENTUM_CASES: dict[str, Case] = {
    case.name: case
    for task in TASKS
    if task not in LATER and task.name not in ("factorisation", "fine_tuned_transformer", "vision_transformer")
    for case in (
        Case(task, optimizer) for optimizer in ("sgd_m0.5", "sgd_m0.99", "adamw_m0", "adamw_m0.99", "rmsprop_m0.9")
    )
}
"""The tasks with optimizers of another momentum, for `benchmarks.rule.momentum` alone; without the slow tasks, the one
with sparse gradients, which most optimizers do not take, and the later ones."""

__all__ = [
    "CASES",
    "LASTING",
    "LASTING_CASES",
    "LATER",
    "MOMENTUM_CASES",
    "TASKS",
    "UNSEEN",
    "WARMING",
    "WARMING_CASES",
    "WIDER",
    "WIDER_CASES",
    "Case",
    "Examples",
    "Problem",
    "Setup",
    "Task",
    "epochs",
]

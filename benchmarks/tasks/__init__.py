"""The benchmark's tasks: one file per family, one table of all."""

from benchmarks.tasks.autoencoders import AUTOENCODERS
from benchmarks.tasks.convolutions import CONVOLUTIONS
from benchmarks.tasks.densities import DENSITIES
from benchmarks.tasks.embeddings import EMBEDDINGS
from benchmarks.tasks.fields import FIELDS
from benchmarks.tasks.fine_tuning import FINE_TUNING
from benchmarks.tasks.mlps import MLPS
from benchmarks.tasks.recurrent import RECURRENT
from benchmarks.tasks.tables import TABLES
from benchmarks.tasks.task import Case, Examples, Problem, Setup, Task, epochs
from benchmarks.tasks.transformers import TRANSFORMERS

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
)
CASES: dict[str, Case] = {
    case.name: case for task in TASKS for case in (Case(task, optimizer) for optimizer in task.optimizers)
}

__all__ = ["CASES", "TASKS", "Case", "Examples", "Problem", "Setup", "Task", "epochs"]

"""Probes side by side: in processes of this machine, or wherever an executor has its workers."""

from lr_finder.pool.find import lr_find
from lr_finder.pool.processes import ProcessPool

__all__ = ["ProcessPool", "lr_find"]

"""An accelerator for torch that needs no hardware: `far.cpp`, compiled when it has changed.

This module is what torch and programs ask for, as `torch.cuda` is for CUDA: `torch.far`, once it is imported.
"""

import sys
from pathlib import Path

import torch
from torch.utils.cpp_extension import load

_HERE = Path(__file__).parent
_BUILT = _HERE.parents[1] / "build" / "far"
_BUILT.mkdir(parents=True, exist_ok=True)
_DEVICE = load("far_device", [_HERE / "far.cpp"], extra_cflags=["-O1"], build_directory=_BUILT)

counts, reset_counts, set_free_memory = _DEVICE.counts, _DEVICE.reset_counts, _DEVICE.set_free_memory
"""What crossed over between host and device, and how often that was waited for; and how many bytes it still has."""


def is_available():
    return True


is_initialized = is_available


def _is_in_bad_fork():
    return False


def device_count():
    return 1


def current_device():
    return 0


def mem_get_info(device=None):
    return _DEVICE.memory()


def get_rng_state(device=0):
    return _DEVICE.generator().get_state()


def set_rng_state(state, device=0):
    _DEVICE.generator().set_state(state)


def manual_seed_all(seed):
    _DEVICE.generator().manual_seed(seed)


torch.utils.rename_privateuse1_backend("far")
torch._register_device_module("far", sys.modules[__name__])
torch.utils.generate_methods_for_privateuse1_backend(for_storage=True)

"""Takes out the restoring of each kind of state, one at a time, and lists the tests that notice.

    python -m benchmarks.package.mutations                  # all, about half an hour on one core
    python -m benchmarks.package.mutations "torch random"   # those whose name holds the words, measured again

The package is copied, one piece of the copy is replaced, and the tests of `preserve` run on that.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.result_files import RESULTS

REPOSITORY = Path(__file__).parents[2]
FILE = RESULTS / "mutations.json"
SLOW = ("test_faults", "test_hard_inputs", "test_killed", "test_search_faults", "test_sharded", "test_training_on")
IN_PROCESSES = ("sharded_modules.py", "replicate.py", "tensors.py")
"""Files with states that only processes which train together have; `test_spread` starts such."""
ON_ACCELERATOR = ("copies.py", "storages.py")
"""Files that tell a device from the host; the tests on one are run by themselves."""

SECONDS = 900
"""A run that takes longer hangs, which is noticed too."""

MUTATIONS = {
    "random_numbers.py": {
        "Python's random numbers": ("random.setstate(python_state)", "None"),
        "NumPy's random numbers": ("np.random.set_state(numpy_state)", "None"),
        "torch's random numbers": ("torch.set_rng_state(of_cpu)", "None"),
        "an accelerator's random numbers": ("accelerator.set_rng_state(state, device)", "None"),
        "an accelerator that was not used": (
            'getattr(accelerator, "is_initialized", accelerator.device_count)()',
            "True",
        ),
        "a Python generator": ("generator.setstate(state)", "None"),
        "a NumPy generator": ("snapshot.add(generator.bit_generator)", "None"),
        "a NumPy bit generator": ("generator.state = state", "pass"),
        "a legacy NumPy generator": ("generator.set_state(state)", "None"),
    },
    "tensors.py": {
        "a torch generator": ("generator.set_state(state)", "None"),
        "the values of other tensors": ("            copy_storages(tensor, snapshot)", "            pass"),
        "the memory that a tensor looks at": ("elif not is_lazy(tensor) and _memory(tensor) != memory:", "elif False:"),
        "the class of a lazy parameter": ("tensor.__class__ = kind", "pass"),
        "the inside of wrapper subclasses": ("setattr(tensor, name, part)", "pass"),
        "requires_grad": ("tensor.requires_grad_(requires_grad)", "pass"),
        "which gradient hangs on a tensor": ("        tensor.grad = grad\n        return", "        return"),
        "gradients of the whole that hang on a shard": ("tensor.data = grad.detach()", "return"),
        "the values of gradients": ("snapshot.add(grad)", "pass"),
        "hooks on gradients": ("            _save_hooks(tensor, snapshot)", "            pass"),
        "hooks that torch goes on calling": ("made.clear()", "pass"),
        "the graph of a plain tensor": ("tensor.detach_()", "return"),
        "attributes of tensors": ("save_attributes(tensor, snapshot)", "pass"),
        "graphs made before": ("snapshot.on_restore(_unsafe_preserve_version_counter(tensor).__exit__)", "pass"),
    },
    "gradients.py": {
        "gradients that an optimizer zeroes in place": ("is not Optimizer.zero_grad:", "is None:"),
        "gradients in memory that is not theirs alone": (
            "_storage_Use_Count(storage._cdata) <= 2",
            "is_grad_enabled()",
        ),
    },
    "parameters.py": {
        "the values of parameters": ("save(parameter, snapshot)", "None"),
        "frozen bases left uncopied": ("return idle if _nbytes(idle) > _nbytes(trained) > 0 else []", "return []"),
        "frozen networks that follow trained ones": ("p.shape not in shapes and", "not p.requires_grad and"),
        "small frozen parameters": ("_nbytes(idle) > _nbytes(trained) > 0", "_nbytes(trained) > 0"),
        "frozen models alone": ("_nbytes(idle) > _nbytes(trained) > 0", "_nbytes(idle) > _nbytes(trained)"),
        "frozen parameters with a gradient": (
            "parameter.requires_grad or parameter.grad is not None",
            "parameter.requires_grad",
        ),
        "frozen parameters that are given": (" and not snapshot.is_given(p)", ""),
    },
    "storages.py": {
        "the bytes of storages": ("snapshot.copy(StorageBytes(storage))", "pass"),
        "each storage once": (
            "and snapshot.skip(storage, key=(storage.device, storage.data_ptr(), storage.nbytes()))",
            "",
        ),
        "the size of storages": ("self._storage.resize_(self.nbytes)", "pass"),
        "memory that can only be read": ("if not (now.is_cpu and torch.equal(now, before)):", "if True:"),
        "storages that can still be resized": (
            "_host_bytes(into).copy_(_as_bytes(self._storage)[start : start + len(into)])",
            "into[:] = _as_bytes(self._storage)[start : start + len(into)].numpy().data",
        ),
        "the values inside wrapper subclasses": ('or not hasattr(tensor, "__tensor_flatten__"):', "or True:"),
        "copies on an accelerator": ("return lambda: self._overwrite(0, saved)", "return lambda: None"),
        "sparse tensors": (
            "elif tensor.layout is torch.sparse_coo:",
            "elif tensor.layout is torch.sparse_coo and not tensor._indices().shape:",
        ),
        "the watch over frozen bases": ("snapshot.on_restore(check)", "pass"),
    },
    "modules.py": {
        "modules": ("    save_attributes(module, snapshot)", "    pass"),
        "that the block sharded a module": ("composed.pop(module)", "pass"),
        "the class of a lazy module": ("module.__class__ = kind", "pass"),
        "scripted modules": ("snapshot.add(tensor)", "pass"),
        "the modes of scripted modules": ("part.training = training", "pass"),
    },
    "containers.py": {
        "which items a container holds": ("            fill(saved)", "            pass"),
        "what was added to a container": ("saved):\n            container.clear()", "saved):\n            pass"),
        "what was added to an empty container": ("                container.clear()", "                pass"),
        "the order in a container": ("    if not all(map(is_, container, saved)):", "    if False:"),
        "the values in a dictionary": ("or all(map(is_, container.values(), items_of(saved)))", "or True"),
        "items in containers": ("for item in items_of(container):\n        snapshot.add(item)", "pass"),
        "items in tuples": ("for value in values:\n        snapshot.add(value)", "pass"),
        "the order of a set": (
            "return dict(container) if isinstance(container, dict) else list(container)",
            "return dict(container) if isinstance(container, dict) else type(container)(container)",
        ),
        "arrays": ("np.copyto(values, saved)", "None"),
        "items in arrays of objects": ("if values.dtype == object:", "if False:"),
        "bytes and arrays of the standard library": ("values[:] = saved", "pass"),
    },
    "attributes.py": {
        "slots": ("    if slots(thing):", "    if False:"),
        "slots that the block filled": ("slot.__delete__(thing)", "pass"),
    },
    "objects.py": {
        "optimizers, schedulers and scalers": ("save_attributes(thing, snapshot)", "pass"),
        "objects that are given": ("snapshot.is_given(thing) or _holds_state(thing)", "_holds_state(thing)"),
        "objects with a state dict": (
            '    if _has_state_dict(thing) or hasattr(thing, "param_groups") or',
            '    if hasattr(thing, "param_groups") or',
        ),
        "optimizers without a state dict": (
            ' or hasattr(thing, "param_groups") or is_dataclass(thing)',
            " or is_dataclass(thing)",
        ),
        "dataclasses": (" or is_dataclass(thing):", ":"),
        "objects with a tensor or an array": (
            'hasattr(value, "__array__") or is_generator(value)',
            "is_generator(value)",
        ),
        "objects with a generator": (
            'hasattr(value, "__array__") or is_generator(value)',
            'hasattr(value, "__array__")',
        ),
        "objects by their state dict alone": ("lambda: thing.load_state_dict(deepcopy(state))", "lambda: None"),
        "iterators that an object with a state dict keeps": (
            "if _has_state_dict(thing) and _iterators(thing):",
            "if False:",
        ),
        "a copy of a state dict": (
            "state = deepcopy(thing.state_dict())\n        snapshot.",
            "state = thing.state_dict()\n        snapshot.",
        ),
        "what such a state dict does not tell": ("snapshot.postpone(save_state, thing)", "save_state([], snapshot)"),
        "refusing what can't be put back": ("raise TypeError(refusal(thing))", "pass"),
    },
    "schedulers.py": {
        "what a scheduler calls": ("save_attributes(function, snapshot)", "pass"),
        "schedulers that call functions": ("    save_attributes(scheduler, snapshot)", "    pass"),
    },
    "snapshot.py": {
        "refusing numbers and functions": ("raise TypeError(refusal(thing))", "pass"),
        "the rest, where one step fails": (
            "                failures.append(failure)",
            "                return [failure]",
        ),
        "telling of a failed step": ("                failures.append(failure)", "                pass"),
        "going on once things are saved": (
            "        raise_any(self._restore())\n        self._start()",
            "        raise_any(self._restore())",
        ),
        "starting over": ("        raise_any(self._restore())", "        pass"),
        "the depth of models": ("            self._unvisited.append(thing)", "            save(thing, self)"),
        "letting go of the things": ("            held.clear()", "            pass"),
        "a file that is gone with the block": ("        self._resources.close()", "        pass"),
        "refusing an unknown place": ("        check_storage(storage)", "        pass"),
    },
    "loaders.py": {
        "loaders": ("    save_attributes(loader, snapshot)", "    pass"),
        "samplers": ("    save_attributes(sampler, snapshot)", "    pass"),
        "samplers of other classes, and collate functions": ("        save_attributes(part, snapshot)", "        pass"),
        "the data set of a loader": ("save_data_set(loader.dataset, snapshot)", "snapshot.skip(loader.dataset)"),
        "samples left uncopied by a sampler": ("save_data_set(getattr(sampler, name, None), snapshot)", "pass"),
        "running workers": ("loader._iterator = None", "pass"),
        "refusing an iterator in use": ("raise TypeError(refusal(iterator))", "pass"),
        "the watch over iterators in use": ("snapshot.on_restore(check)", "pass"),
    },
    "data_sets.py": {
        "positions of data sets": ("            save_contents(thing, snapshot)", "            pass"),
        "generators in data sets": ("        snapshot.add(thing)", "        pass"),
        "generators deep in data sets": (
            "        for value in list(vars(thing).values()):\n            _look_into(value, snapshot)",
            "        pass",
        ),
        "generators in lists in data sets": (
            "if len(thing) <= MOST_ITEMS else ()",
            "if isinstance(thing, dict) else ()",
        ),
        "data sets that are given": ("if snapshot.is_given(data_set):", "if False:"),
    },
    "block.py": {
        "the block's own error": (
            "        if error is None:\n            raise_any(failures)",
            "        raise_any(failures)",
        ),
        "what an interrupted snapshot changed": (
            "            self.__exit__(type(error), error, None)",
            "            pass",
        ),
        "holding signals back": ("self._gate.is_shut = True", "pass"),
        "the first Ctrl-C": ("signal.SIGINT if isinstance(error, KeyboardInterrupt) else None", "None"),
    },
    "signals.py": {
        "holding signals back from the first moment": (" or self._is_leaving(frame)", ""),
        "delivering signals in the end": ("                signal.raise_signal(number)", "                pass"),
        "the handlers of signals": ("signal.signal(number, self._handlers[number])", "pass"),
        "other threads": ("if threading.current_thread() is threading.main_thread():", "if True:"),
    },
    "sharded_modules.py": {
        "what FSDP2 left gathered": ("snapshot.on_restore(partial(_reshard, module))", "pass"),
        "gradients that FSDP2 holds back": ("setattr(holder, name, gradient)", "pass"),
        "gradients that FSDP2 had begun": ("parameter._unsharded_param.grad = None", "pass"),
        "what FSDP1 left gathered": ("handle.reshard(free_unsharded_flat_param=True)", "pass"),
        "what FSDP1 keeps beside the module": ("save_attributes(thing, snapshot)", "pass"),
    },
    "replicate.py": {"the wrapper of `replicate`": ("save_attributes(state, snapshot)", "pass")},
    "copies.py": {
        "copies on disk": ("        file.readinto(part)", "        pass"),
        "the place in the file": ("    file.seek(begin)", "    pass"),
        "a file that is gone with the process": ("tempfile.TemporaryFile(", "tempfile.NamedTemporaryFile("),
        "room on an accelerator": ("if device.free() >= ROOM * sum(", "if 1e9 >= ROOM * sum("),
        "memory of an accelerator in pieces": ("except RuntimeError as error:", "except ZeroDivisionError as error:"),
        "waiting for an accelerator": ("return [*waits, *restores, *waits]", "return restores"),
        "room on the disk": ("    if free < nbytes:", "    if False:"),
        "the header of the file": ('text += b" " * (-len(text) % 8)', 'text += b"?"'),
    },
}
"""File -> what no longer comes back -> the piece taken out of the file, and what stands there instead."""


@dataclass(frozen=True)
class Mutation:
    """One piece of one file, taken out."""

    name: str
    file: str
    old: str
    new: str


def main() -> None:
    """Runs the tests on every mutated copy and writes what noticed each."""
    words = " ".join(sys.argv[1:])
    mutations = [Mutation(name, file, *pair) for file, pairs in MUTATIONS.items() for name, pair in pairs.items()]
    chosen = [mutation for mutation in mutations if words in mutation.name]
    if not words and (failed := tests_that_notice(None)):
        raise SystemExit(f"the tests fail as it is: {failed}")
    unnoticed = []
    for mutation in chosen:
        tests = tests_that_notice(mutation)
        write(mutation, tests)  # as they come: all of them take long
        if not tests:
            unnoticed.append(mutation.name)
    print(f"{len(chosen) - len(unnoticed)} of {len(chosen)} mutations noticed; not: {unnoticed}")
    raise SystemExit(bool(unnoticed))


def tests_that_notice(mutation: Mutation | None) -> list[str]:
    """The tests that fail on a mutated copy, or on an unchanged one; the slow ones run only where no quick one does."""
    with tempfile.TemporaryDirectory() as directory:
        package = Path(shutil.copytree(REPOSITORY / "src", Path(directory) / "src"))
        if mutation:
            mutate(package / "lr_finder" / "preserve" / mutation.file, mutation)
        files = sorted((REPOSITORY / "tests" / "preserve").glob("test_*.py"))
        quick = [file for file in files if file.stem not in SLOW]
        slow = [file for file in files if file.stem in SLOW]
        if mutation and mutation.file in IN_PROCESSES:
            slow.append(REPOSITORY / "tests" / "integrations" / "torch" / "test_spread.py")
        failed = failing_tests(quick, package) or failing_tests(slow, package)
        if not failed and (mutation is None or mutation.file in ON_ACCELERATOR):
            failed = failing_tests([REPOSITORY / "tests" / "accelerator"], package)
    print(f"{mutation.name if mutation else 'unchanged'}: {failed}", flush=True)
    return failed


def failing_tests(files: list[Path], package: Path) -> list[str]:
    """The tests in the files that fail with the package at this place."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files]
    environment = os.environ | {"PYTHONPATH": str(package)}
    try:
        run = subprocess.run(
            command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return [f"(took more than {SECONDS} s)"]
    lines = [line for line in run.stdout.splitlines() if line.startswith(("FAILED tests", "ERROR tests"))]
    names = [line.split(" ", 1)[1].split(" - ")[0] for line in lines]
    return names or ([] if run.returncode == 0 else [f"(pytest ended with {run.returncode})"])


def mutate(file: Path, mutation: Mutation) -> None:
    """Changes the one place in the file that the mutation is about."""
    text = file.read_text()
    places = text.count(mutation.old)
    if places != 1:
        raise ValueError(f"{mutation.name}: {mutation.old!r} stands {places} times in {mutation.file}, not once")
    file.write_text(text.replace(mutation.old, mutation.new))


def write(mutation: Mutation, tests: list[str]) -> None:
    """Adds to the result file what noticed a mutation; what is not taken out any more leaves it."""
    there = {name for pairs in MUTATIONS.values() for name in pairs}
    known = json.loads(FILE.read_text())["mutations"] if FILE.exists() else []
    found = {entry["name"]: entry for entry in known if entry["name"] in there}
    found[mutation.name] = asdict(mutation) | {"noticed_by": tests}
    result = {
        "command": "python -m benchmarks.package.mutations",
        "machine": f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}",
        "noticed": sum(bool(entry["noticed_by"]) for entry in found.values()),
        "mutations": list(found.values()),
    }
    FILE.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()

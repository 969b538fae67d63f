"""Copies: their size, where they are kept, and that nothing of them remains; on a device: `tests/accelerator`."""

import logging
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from lr_finder.preserve import copies, preserve
from lr_finder.preserve.storages import StorageBytes
from preserve.fingerprint import fingerprint


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def warm_training():
    model = nn.Linear(50, 40)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(2, 50)).sum().backward()
    optimizer.step()
    optimizer.zero_grad()
    return model, optimizer


def test_the_size_is_that_of_what_can_change_and_is_logged(caplog):
    caplog.set_level(logging.INFO, logger="lr_finder")
    model, optimizer = warm_training()
    values = 3 * (50 * 40 + 40) * 4  # parameters and both moments
    steps = 2 * 4
    with preserve(model, optimizer, storage="disk") as snapshot:
        assert snapshot.nbytes == values + steps
    assert caplog.messages == ["0.0 MB can change here; a copy is kept on disk"]


@pytest.mark.parametrize("chunk", [7, 4096, 2**24])
@pytest.mark.parametrize("storage", ["memory", "disk"])
def test_everything_comes_back_from_either_place(storage, chunk, monkeypatch):
    monkeypatch.setattr(copies, "CHUNK", chunk)
    model, optimizer = warm_training()
    before = fingerprint(model, optimizer)
    with preserve(model, optimizer, storage=storage):
        for _ in range(3):
            model(torch.randn(2, 50)).sum().backward()
            optimizer.step()
    assert fingerprint(model, optimizer) == before


@pytest.mark.parametrize("storage", ["memory", "disk"])
def test_a_block_can_start_over_from_the_same_place(storage):
    model, optimizer = warm_training()
    before = fingerprint(model, optimizer)
    with preserve(model, optimizer, storage=storage) as snapshot:
        for _ in range(3):
            model(torch.randn(2, 50)).sum().backward()
            optimizer.step()
            snapshot.start_over()
            assert fingerprint(model, optimizer) == before


def open_files(directory):
    """Descriptors of open files in a directory, also of those without a name."""
    paths = [link for link in Path("/proc/self/fd").iterdir() if str(link.resolve()).startswith(str(directory))]
    return [int(path.name) for path in paths]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the list of open files in /proc")
def test_the_file_is_a_safetensors_file_without_a_name_that_only_its_owner_can_read(temporary):
    weights = torch.arange(6.0)
    with preserve(weights, torch.ones(1), storage="disk"):
        (number,) = open_files(temporary)
        assert list(temporary.iterdir()) == []
        assert os.fstat(number).st_mode & 0o777 == 0o600
        shutil.copyfile(f"/proc/self/fd/{number}", temporary / "seen.safetensors")
    assert open_files(temporary) == []
    saved = load_file(temporary / "seen.safetensors")
    assert saved["storage_0"].view(torch.float32).tolist() == weights.tolist()
    assert saved["storage_1"].view(torch.float32).tolist() == [1]


def test_a_disk_without_room_is_refused_before_anything_happens(temporary, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 90, 10))
    weights = torch.zeros(1000)
    with (
        pytest.raises(OSError, match=r"takes 0 MB and .* has 0 MB left; set TMPDIR"),
        preserve(weights, storage="disk"),
    ):
        weights += 1
    assert weights.sum() == 0
    assert list(temporary.iterdir()) == []


def test_an_unknown_place_is_refused():
    with pytest.raises(ValueError, match='"memory" or "disk", got \'tape\''), preserve(storage="tape"):
        pass


def test_the_copies_are_let_go_after_the_block():
    class Watched(nn.Linear):
        gone = False

        def __del__(self):
            Watched.gone = True

    model = Watched(2, 2)
    with preserve(model) as snapshot:
        pass
    del model
    assert Watched.gone
    assert snapshot.nbytes == 24


def test_what_is_copied_on_its_device_comes_back():
    storage = torch.arange(5.0).untyped_storage()
    put_back = StorageBytes(storage).duplicate()
    storage.fill_(0)
    storage.resize_(0)
    put_back()
    assert torch.empty(0).set_(storage).tolist() == [0, 1, 2, 3, 4]

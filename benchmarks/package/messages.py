"""What a search on several processes sends and copies: messages, bytes and steps over parameters, ranks and batch.

    python -m benchmarks.package.messages          # 1, 2 and 4 processes with Gloo; about two minutes
    python -m benchmarks.package.messages --table    # prints the table of docs/scaling.md

Every search is one ramp of 64 steps that nothing stops, over AdamW with its moments there. Counted are the collectives
that the search enters beside those of the training itself, and the bytes that each process copies to put them back.
"""

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

from benchmarks.result_files import RESULTS, write_rows
from lr_finder import lr_find
from lr_finder.preserve import preserve

FILE = RESULTS / "messages.json"
STEPS = 64
RANKS = (1, 2, 4)
WIDTHS = (64, 256, 1024)
BATCHES = (8, 64)


def search(rank: int, ranks: int, spread: Callable[[nn.Module], nn.Module], width: int, batch: int) -> dict[str, Any]:
    """What one search did in this process."""
    torch.manual_seed(0)
    model = spread(nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, width)))
    optimizer = torch.optim.AdamW(model.parameters())
    batches = [(torch.randn(batch, width), torch.randn(batch, width)) for _ in range(8)]
    for inputs, targets in batches[:2]:
        optimizer.zero_grad()
        nn.functional.mse_loss(model(inputs), targets).backward()
        optimizer.step()
    optimizer.zero_grad()
    with preserve(model, optimizer) as kept:
        copied = kept.nbytes
    sent = []
    gather = dist.all_gather

    def counted_gather(tensors: Any, mine: torch.Tensor, *rest: Any, **keywords: Any) -> Any:
        sent.append(mine.nbytes)
        return gather(tensors, mine, *rest, **keywords)

    options = {"start_lr": 1e-6, "end_lr": 1e-5, "num_it": STEPS, "stop_div": False, "progress": False}
    with patch.object(dist, "all_gather", counted_gather):
        result = lr_find(model, optimizer, nn.functional.mse_loss, batches, **options)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return {
        "ranks": ranks, "parameters": parameters, "batch_each": batch, "steps": result.steps_taken,
        "messages": len(sent), "bytes_sent": sum(sent), "bytes_copied": copied,
    }  # fmt: skip


def as_it_is(model: nn.Module) -> nn.Module:
    """One process."""
    return model


def shard(ranks: int, model: nn.Module) -> nn.Module:
    """FSDP2 over all processes."""
    return fully_shard(model, mesh=init_device_mesh("cpu", (ranks,)))


def work(rank: int, ranks: int, folder: str) -> None:
    """All searches of one process; the first one writes them down."""
    torch.set_num_threads(1)
    store = dist.FileStore(f"{folder}/store-{ranks}", ranks)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=ranks)
    ways = {"DDP": DistributedDataParallel, "FSDP2": partial(shard, ranks)} if ranks > 1 else {"alone": as_it_is}
    rows = [
        {"spread": name, **search(rank, ranks, spread, width, batch)}
        for name, spread in ways.items()
        for width in WIDTHS
        for batch in BATCHES
    ]
    if rank == 0:
        torch.save(rows, f"{folder}/{ranks}.pt")
    dist.destroy_process_group()


def table(rows: list[dict[str, Any]]) -> str:
    """The rows of the larger batch."""
    lines = [
        "| spread | processes | parameters | messages | bytes in each | copied by each process | a parameter |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        if row["batch_each"] != BATCHES[-1]:
            continue
        each = f"{row['bytes_sent'] / row['messages']:.0f}" if row["messages"] else ""
        copied = row["bytes_copied"]
        lines.append(
            f"| {row['spread']} | {row['ranks']} | {row['parameters']:,} | {row['messages']} in {row['steps']} steps "
            f"| {each} | {copied / 1e6:.2f} MB | {copied / row['parameters']:.1f} bytes |"
        )
    return "\n".join(lines)


def main() -> None:
    if sys.argv[1:] == ["--table"]:
        print(table(json.loads(FILE.read_text())["searches"]))
        return
    rows = []
    with TemporaryDirectory() as folder:
        for ranks in RANKS:
            mp.spawn(work, (ranks, folder), nprocs=ranks)
            rows += torch.load(Path(folder, f"{ranks}.pt"))
    write_rows(FILE, "python -m benchmarks.package.messages", searches=rows)
    print(table(rows))


if __name__ == "__main__":
    main()

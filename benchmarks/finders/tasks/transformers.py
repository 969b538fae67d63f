"""Small transformers: one that looks at patches of digits, one that predicts the next letter of English."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.finders.tasks.data import ALPHABET, characters, digit_images
from benchmarks.finders.tasks.task import Task


class _Block(nn.Module):
    """Attention and a two-layer net, normalised after each sum as in 2017, which is what makes it slow to start."""

    def __init__(self, width: int, heads: int, *, causal: bool):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.mix = nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width))
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])

    def forward(self, tokens: Tensor) -> Tensor:
        split = self.queries_keys_values(tokens).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(*split, is_causal=self.causal).transpose(1, 2).flatten(2)
        tokens = self.norms[0](tokens + self.mix(attended))
        return self.norms[1](tokens + self.mlp(tokens))


class _VisionTransformer(nn.Module):
    """16 patches of 2 x 2 pixels; the positions start small, so that for long only the mean brightness is seen."""

    def __init__(self, width: int = 32, depth: int = 4):
        super().__init__()
        self.patches = nn.Conv2d(1, width, 2, stride=2)
        self.positions = nn.Parameter(0.02 * torch.randn(1, 16, width))
        self.blocks = nn.Sequential(*[_Block(width, 4, causal=False) for _ in range(depth)])
        self.classify = nn.Linear(width, 10)

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.patches(images).flatten(2).transpose(1, 2) + self.positions
        return self.classify(self.blocks(tokens).mean(1))


class _LanguageModel(nn.Module):
    """Predicts each next letter; gives logits of shape (rows, letters, length), as cross-entropy takes them."""

    def __init__(self, width: int = 32, depth: int = 2, length: int = 24):
        super().__init__()
        self.letters = nn.Embedding(len(ALPHABET), width)
        self.positions = nn.Parameter(0.02 * torch.randn(1, length, width))
        self.blocks = nn.Sequential(*[_Block(width, 4, causal=True) for _ in range(depth)])
        self.predict = nn.Linear(width, len(ALPHABET))

    def forward(self, numbers: Tensor) -> Tensor:
        tokens = self.letters(numbers) + self.positions[:, : numbers.shape[1]]
        return self.predict(self.blocks(tokens)).transpose(1, 2)


TRANSFORMERS = (
    Task(
        "vision_transformer",
        "vision transformer",
        ("momentum", "adamw"),
        num_steps=300,
        batch_size=16,
        load_problem=digit_images,
        make_model=_VisionTransformer,
        loss_fn=functional.cross_entropy,
    ),
    Task(
        "transformer_characters",
        "transformer on English",
        ("momentum", "adamw", "lion"),
        num_steps=250,
        batch_size=16,
        load_problem=lambda: characters(24),
        make_model=_LanguageModel,
        loss_fn=functional.cross_entropy,
    ),
)

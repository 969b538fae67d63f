"""Small models for every kind of state that a training step changes; each maps `(batch, 8)` to `(batch, 3)`."""

import copy
from collections import deque
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 3))


def batch_norm() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))


def frozen_batch_norm() -> nn.Module:
    model = batch_norm()
    model[1].eval().requires_grad_(False)
    return model


def dropout() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3))


class Recurrent(nn.Module):
    """Carries its hidden state from batch to batch, as an attribute and no buffer."""

    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(2, 8, batch_first=True)
        self.head = nn.Linear(8, 3)
        self.hidden = torch.zeros(1, 1, 8)

    def forward(self, inputs):
        outputs, hidden = self.rnn(inputs.view(-1, 4, 2), self.hidden.expand(-1, len(inputs), -1).contiguous())
        self.hidden = hidden.detach().mean(1, keepdim=True)
        return self.head(outputs[:, -1])


def spectral_norm() -> nn.Module:
    return nn.Sequential(nn.utils.spectral_norm(nn.Linear(8, 16)), nn.ReLU(), nn.Linear(16, 3))


def parametrized() -> nn.Module:
    first = nn.utils.parametrizations.spectral_norm(nn.Linear(8, 16))
    return nn.Sequential(first, nn.ReLU(), nn.utils.parametrizations.weight_norm(nn.Linear(16, 3)))


class Tied(nn.Module):
    """One weight under two names, and two more that are views of one flat buffer."""

    def __init__(self):
        super().__init__()
        self.encode = nn.Linear(8, 8, bias=False)
        self.decode = nn.Linear(8, 8, bias=False)
        self.decode.weight = self.encode.weight
        flat = torch.randn(8 * 3 + 3) / 4
        self.head = nn.Linear(8, 3)
        self.head.weight = nn.Parameter(flat[:24].view(3, 8))
        self.head.bias = nn.Parameter(flat[24:])

    def forward(self, inputs):
        return self.head(torch.tanh(self.decode(torch.tanh(self.encode(inputs)))))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, dropout=0.1, batch_first=True)
        self.embed = nn.Linear(2, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, inputs):
        return self.head(self.layer(self.embed(inputs.view(-1, 4, 2))).mean(1))


class Wide(nn.Module):
    """The base of the adapters: by far larger than they are."""

    def __init__(self):
        super().__init__()
        self.body = nn.Linear(8, 256)
        self.head = nn.Linear(256, 3)

    def forward(self, inputs):
        return self.head(torch.relu(self.body(inputs)))


def adapters() -> nn.Module:
    import peft  # takes seconds, which few tests need

    config = peft.LoraConfig(r=2, target_modules=["body"], lora_dropout=0.1, init_lora_weights=False)
    return peft.get_peft_model(Wide(), config)


def compiled() -> nn.Module:
    return torch.compile(batch_norm(), backend="aot_eager")


class Embedded(nn.Module):
    """An embedding with sparse gradients over the signs of the inputs."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(16, 8, sparse=True)
        self.head = nn.Linear(8, 3)

    def forward(self, inputs):
        return self.head(self.embed((inputs > 0).long() + 2 * torch.arange(8)).sum(1))


def lazy() -> nn.Module:
    return nn.Sequential(nn.LazyLinear(16), nn.ReLU(), nn.LazyBatchNorm1d(), nn.LazyLinear(3))


class MeanTeacher(nn.Module):
    """A frozen copy follows the trained network; between them they outweigh what is trained."""

    def __init__(self):
        super().__init__()
        self.student = mlp()
        self.teachers = nn.ModuleList(copy.deepcopy(self.student).requires_grad_(False) for _ in range(2))

    def forward(self, inputs):
        outputs = self.student(inputs)
        for rate, teacher in zip((0.1, 0.01), self.teachers, strict=True):
            outputs = outputs + teacher(inputs) / 2
            for slow, fast in zip(teacher.parameters(), self.student.parameters(), strict=True):
                slow.data.lerp_(fast.data, rate)
        return outputs


@dataclass
class Memory:
    """State that a model keeps in an object of its own."""

    vectors: torch.Tensor = field(default_factory=lambda: torch.zeros(4, 8))
    position: int = 0


class Bookkeeping(nn.Module):
    """Counters, plain tensors, buffers that no state dict has, containers, an object and a generator of its own."""

    def __init__(self):
        super().__init__()
        self.net = mlp()
        self.register_buffer("average", torch.zeros(8), persistent=False)
        self.scale = torch.ones(8)
        self.calls = 0
        self.recent = deque(maxlen=3)
        self.history = []
        self.largest = {"value": 0.0}
        self.classes_seen = set()
        self.memory = Memory()
        self.noise = np.random.default_rng(3)
        self.table = np.zeros(8)

    def forward(self, inputs):
        self.calls += 1
        self.average.lerp_(inputs.mean(0), 0.1)
        self.scale *= 1.01
        self.recent.append(inputs[0].clone())
        self.history.append(self.calls)
        self.largest["value"] = max(self.largest["value"], float(inputs.max()))
        self.classes_seen.add(self.calls % 7)
        self.memory.vectors[self.memory.position % 4] = inputs[0]
        self.memory.position += 1
        self.table += inputs[0].numpy()
        shift = (
            self.average
            + self.recent[0] / 9
            + self.memory.vectors.mean(0)
            + torch.from_numpy(self.noise.normal(size=8) + self.table / 50).float()
            + (self.largest["value"] + len(self.classes_seen) + len(self.history) % 5) / 20
        )
        return self.net(inputs * self.scale + shift / (1 + self.calls % 3))


MODELS = {
    "mlp": mlp,
    "batch norm": batch_norm,
    "frozen batch norm": frozen_batch_norm,
    "dropout": dropout,
    "recurrent": Recurrent,
    "spectral norm": spectral_norm,
    "parametrized": parametrized,
    "tied": Tied,
    "transformer": Transformer,
    "adapters": adapters,
    "compiled": compiled,
    "embedded": Embedded,
    "lazy": lazy,
    "mean teacher": MeanTeacher,
    "bookkeeping": Bookkeeping,
}

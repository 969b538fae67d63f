"""A training on the device, which the processes of a pool can make too."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from accelerator import far  # noqa: F401 - makes it torch's


class Dropping(nn.Module):
    """Drops out at random, with numbers that the device draws."""

    def forward(self, inputs):
        return inputs * torch.empty_like(inputs).bernoulli_(0.9) if self.training else inputs


def make(make_optimizer=torch.optim.AdamW, width=32):
    """A training on the device, whose batches are on the host."""
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(512, 16, generator=generator)
    data = TensorDataset(inputs, inputs[:, :4].argmax(1))
    loader = DataLoader(data, batch_size=32, shuffle=True, generator=generator)
    body = [nn.Linear(16, width), nn.BatchNorm1d(width), nn.ReLU(), Dropping()]
    model = nn.Sequential(*body, nn.Linear(width, 4)).to("far")
    return model, make_optimizer(model.parameters()), nn.CrossEntropyLoss(), loader

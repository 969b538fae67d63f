"""Models of other frameworks that are torch modules too."""

import os
import subprocess
import sys
import textwrap

import lightning.pytorch
import pytest
import pytorch_lightning
import torch
from torch import nn

from integrations.torch.classifier import BOUNDS
from lr_finder import lr_find

BATCHES = [(torch.randn(8, 2), torch.randn(8, 1)) for _ in range(5)]


@pytest.mark.parametrize("package", [lightning.pytorch, pytorch_lightning])
def test_a_lightning_module_with_an_optimizer_of_torch_is_a_plain_model(package):
    class Module(package.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 1)

        def forward(self, inputs):
            return self.layer(inputs)

    module = Module()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    result = lr_find(module, optimizer, nn.MSELoss(), BATCHES, **BOUNDS)
    by_keyword = lr_find(module, optimizer=optimizer, loss_fn=nn.MSELoss(), train_loader=BATCHES, **BOUNDS)
    assert result.losses.tolist() == by_keyword.losses.tolist()


def test_a_keras_model_on_torch_with_an_optimizer_of_torch_is_a_plain_model():
    """In a process of its own: this one may have Keras on another backend."""
    code = """
        import keras, torch
        from lr_finder import lr_find

        model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
        before = [parameter.detach().clone() for parameter in model.parameters()]
        batches = [(torch.randn(8, 2), torch.randn(8, 1)) for _ in range(5)]
        result = lr_find(model, torch.optim.SGD(model.parameters(), lr=0.1), torch.nn.MSELoss(), batches, num_it=60)
        assert len(result.losses) > 12
        assert all(torch.equal(old, new) for old, new in zip(before, model.parameters()))
    """
    environment = os.environ | {"KERAS_BACKEND": "torch"}
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], env=environment, check=True)

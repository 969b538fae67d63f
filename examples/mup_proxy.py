"""A rate for a wide model from a search on a narrow one: under muP the best rate does not depend on the width.

The narrow network is 64 wide and searched, the wide one is 1,024 wide and only trained. Table 3 of Yang et al. 2022
(https://arxiv.org/abs/2203.03466) for Adam: the rate of a weight matrix whose inputs are as many as the width goes with
1 / width, that of all else stays, and the output layer begins at zero. `examples/` has the plain search in digits.py.
"""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lr_finder import lr_find

NARROW, WIDE = 64, 1024


def network(width):
    """Three layers; the last one begins at zero."""
    torch.manual_seed(0)
    layers = [nn.Linear(64, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10)]
    for layer in layers[::2]:
        nn.init.normal_(layer.weight, std=layer.in_features**-0.5)
        nn.init.zeros_(layer.bias)
    nn.init.zeros_(layers[-1].weight)
    return nn.Sequential(*layers)


def optimizer_for(model, width):
    """Adam with a rate for what has as many inputs as the width, and one for all else."""
    wide_inputs = [model[2].weight, model[4].weight]
    others = [model[0].weight, *(layer.bias for layer in model[::2])]
    groups = [{"params": others, "lr": 1e-3}, {"params": wide_inputs, "lr": 1e-3 * NARROW / width}]
    return torch.optim.Adam(groups)


images, labels = load_digits(return_X_y=True)
data = TensorDataset(torch.tensor(images / 16, dtype=torch.float32), torch.tensor(labels))
train_loader = DataLoader(data, batch_size=64, shuffle=True)
loss_fn = nn.CrossEntropyLoss()

narrow = network(NARROW)
result = lr_find(narrow, optimizer_for(narrow, NARROW), loss_fn, train_loader)
print(result.explain())

wide = network(WIDE)
optimizer = optimizer_for(wide, WIDE)
print(f"rates of the wide network: {result.apply(optimizer)}")
for epoch in range(3):
    for inputs, targets in train_loader:
        optimizer.zero_grad()
        loss = loss_fn(wide(inputs), targets)
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch}: loss {loss.item():.3f}")

# %% [markdown]
# # Comparing optimizers
#
# "I tried Lion and it was worse than AdamW" often means: at the rate that was right for AdamW. A comparison is fair
# where each has a rate of its own. Here three optimizers get one, and are then trained alike.

# %%
import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lr_finder import lr_find

images, labels = load_digits(return_X_y=True)
images = torch.tensor(images / 8 - 1, dtype=torch.float32).view(-1, 1, 8, 8)
labels = torch.tensor(labels)
loss_fn = nn.CrossEntropyLoss()


def new_loader():
    generator = torch.Generator().manual_seed(0)
    return DataLoader(TensorDataset(images[:1400], labels[:1400]), batch_size=64, shuffle=True, generator=generator)


def new_model():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(256, 10),
    )


OPTIMIZERS = {
    "SGD with momentum": lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9),
    "AdamW": lambda parameters: torch.optim.AdamW(parameters),
    "RMSprop": lambda parameters: torch.optim.RMSprop(parameters),
}

# %% [markdown]
# ## One search each
#
# The same initial weights and the same batches, so that only the optimizer differs.

# %%
results = {}
for name, make in OPTIMIZERS.items():
    model = new_model()
    results[name] = lr_find(model, make(model.parameters()), loss_fn, new_loader())
    print(f"{name:18} {results[name].suggestion}")

# %% [markdown]
# ## The curves in one picture
#
# `plot(ax)` draws into axes of yours.

# %%
figure, axes = plt.subplots(len(results), 1, figsize=(8, 9), layout="constrained")
for ax, (name, result) in zip(axes, results.items(), strict=True):
    result.plot(ax)
    ax.set_xlabel(f"learning rate of {name}")

# %% [markdown]
# The rates differ by a factor of more than ten. The legend of each picture says how sure its answer is.

# %% [markdown]
# ## Train alike


# %%
def accuracy_after_training(make, lr, epochs=3):
    model = new_model()
    optimizer = make(model.parameters())
    optimizer.param_groups[0]["lr"] = lr
    for _ in range(epochs):
        for inputs, targets in new_loader():
            optimizer.zero_grad()
            loss_fn(model(inputs), targets).backward()
            optimizer.step()
    return (model(images[1400:]).argmax(1) == labels[1400:]).float().mean()


rates = {name: float(result.suggestion) for name, result in results.items()}
print("                       its own rate   that of AdamW   that of SGD")
for name, make in OPTIMIZERS.items():
    tried = (rates[name], rates["AdamW"], rates["SGD with momentum"])
    read = "   ".join(f"{accuracy_after_training(make, lr):>12.1%}" for lr in tried)
    print(f"{name:18} {read}")

# %% [markdown]
# The first column is the fair comparison: the three are about equally good. At the rate that is right for AdamW, SGD
# would have been taken for a bad optimizer. Differences of one or two percent are noise here: 397 digits, one seed.

# %% [markdown]
# ## More care
#
# - One seed is one seed. Repeat with three before you tell others.
# - Where two optimizers are close, let probes look closer: `lr_find(..., probes=5)`.
# - The suggestion is for a constant rate; for one-cycle there is `result.schedule("one_cycle", steps).lr`.

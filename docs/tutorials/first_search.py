# %% [markdown]
# # A first search
#
# You have a network, an optimizer and data. What learning rate do you write down? This tutorial finds one, looks at
# what was seen, trains with it, and checks that another rate would have been worse. It takes some seconds on any
# machine.

# %%
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lr_finder import lr_find

torch.manual_seed(0)
images, labels = load_digits(return_X_y=True)
images, labels = torch.tensor(images / 16, dtype=torch.float32), torch.tensor(labels)
train_loader = DataLoader(TensorDataset(images[:1400], labels[:1400]), batch_size=64, shuffle=True)


def new_model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))


# %% [markdown]
# ## Search
#
# The rate that the optimizer is made with does not matter: the search goes through all that make sense.

# %%
model = new_model()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
loss_fn = nn.CrossEntropyLoss()

before = model[0].weight.clone()
result = lr_find(model, optimizer, loss_fn, train_loader)
print(result.suggestion)

# %% [markdown]
# Nothing has been trained: the weights are what they were, to the last bit.

# %%
print(torch.equal(model[0].weight, before))

# %% [markdown]
# ## Look
#
# The blue points are the losses of the steps of the last climb, the line runs through them, the shaded rates should
# hold the best one.

# %%
result.plot()

# %%
print(result.explain())

# %% [markdown]
# Everything that was measured is there as numbers too.

# %%
print(len(result.losses), "points,", result.steps_taken, "steps in all, because", result.stop_reason.value)
print(result.to_records()[0])

# %% [markdown]
# ## Train
#
# `result.apply(optimizer)` sets the rate. To see that it matters, the same training is made from a thirtieth of it
# to thirty times as much, from the same weights.


# %%
def accuracy_after_training(lr, epochs=3):
    model = new_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    torch.manual_seed(1)
    for _ in range(epochs):
        for inputs, targets in train_loader:
            optimizer.zero_grad()
            loss_fn(model(inputs), targets).backward()
            optimizer.step()
    return (model(images[1400:]).argmax(1) == labels[1400:]).float().mean()


suggested = float(result.suggestion)
for factor in (1 / 30, 1 / 10, 1, 10, 30):
    print(f"{factor * suggested:8.2g}  {accuracy_after_training(factor * suggested):.1%} of new digits read correctly")

# %% [markdown]
# ## Where the curve tells nothing
#
# A range that ends too low, say: there is no number, but a sentence with what was seen and what to do.

# %%
from lr_finder import NoSuggestionError

short = lr_find(model, optimizer, loss_fn, train_loader, start_lr=1e-7, end_lr=1e-4)
try:
    print(short.suggestion)
except NoSuggestionError as error:
    print(error)

# %% [markdown]
# ## Keep it
#
# A result is one JSON file, which nothing in it can turn into code.

# %%
from pathlib import Path
from tempfile import TemporaryDirectory

from lr_finder import RangeTestResult

with TemporaryDirectory() as folder:
    result.save(Path(folder) / "lr.json")
    again = RangeTestResult.load(Path(folder) / "lr.json")
print(again.suggestion)

# %% [markdown]
# ## Where to go from here
#
# [How to read a curve](../how-to-read-a-curve.md) shows what other curves look like, and [how to
# choose](../how-to-choose.md) when to spend more steps.

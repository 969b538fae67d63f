"""A training in which every place can fail, at any step."""

import torch
from torch import optim
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader, Dataset

from preserve.models import Bookkeeping

PLACES = ["loader", "model", "loss", "gradient", "before the step", "after the step", "schedule", "average", "progress"]
FAULTS = [ValueError, RuntimeError, MemoryError, KeyboardInterrupt, SystemExit, GeneratorExit]


class Faulty:
    """A training in which every place can fail, at any step."""

    def __init__(self):
        torch.manual_seed(0)
        self.place, self.steps_left, self.fault = "", 0, Exception()
        self.model = Bookkeeping()
        self.model.net.register_forward_pre_hook(lambda *_: self.reach("model"))
        self.model.net[0].weight.register_hook(lambda _: self.reach("gradient"))
        self.optimizer = optim.AdamW(self.model.parameters(), lr=0.01)
        self.optimizer.register_step_pre_hook(lambda *_: self.reach("before the step"))
        self.optimizer.register_step_post_hook(lambda *_: self.reach("after the step"))
        self.scheduler = optim.lr_scheduler.LambdaLR(self.optimizer, lambda _: self.reach("schedule") or 0.9)
        self.average = AveragedModel(self.model, avg_fn=self._average)
        self.loader = DataLoader(Samples(self), 4, shuffle=True)
        self.state = [self.model, self.scheduler, self.average, self.loader]

    def reach(self, place):
        if place == self.place and self.steps_left <= 0:
            raise self.fault

    def train(self):
        for _ in range(3):
            for inputs in self.loader:
                self.step(inputs)

    def step(self, inputs):
        self.optimizer.zero_grad()
        loss = self.model(inputs).square().mean()
        self.reach("loss")
        loss.backward()
        self.optimizer.step()
        self.scheduler.step()
        self.average.update_parameters(self.model)
        self.reach("progress")
        self.steps_left -= 1
        return loss

    def _average(self, average, value, _):
        self.reach("average")
        return (average + value) / 2


class Samples(Dataset):
    def __init__(self, training):
        self.reach = training.reach

    def __len__(self):
        return 12

    def __getitem__(self, index):
        self.reach("loader")
        return torch.full((8,), float(index))

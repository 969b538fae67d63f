"""The reference's own tests of training, on the same made-up data: noise, new each time, that can't be learned."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from lr_finder.learner import DataBunch, Learner, lr_find


class Noise(Dataset):
    def __len__(self):
        return 10

    def __getitem__(self, index):
        return torch.randn(50), torch.randint(0, 50, ())


@pytest.fixture(scope="module")
def learn():
    torch.manual_seed(0)
    batches = DataLoader(Noise(), batch_size=5, shuffle=True)
    return Learner(DataBunch(batches, batches), nn.Sequential(nn.Linear(50, 50)), silent=True)


def test_lr_find(learn):
    wd, start_lr, num_it, end_lr = 0.002, 1e-06, 90, 10
    lr_find(learn=learn, start_lr=start_lr, end_lr=end_lr, num_it=num_it, stop_div=True, wd=wd)
    assert len(learn.recorder.moms) == len(learn.recorder.lrs) < num_it
    assert learn.recorder.lrs[0] == start_lr
    assert learn.recorder.moms[0] == 0.9
    assert learn.recorder.lrs[-1] < learn.recorder.opt.lr
    assert learn.recorder.opt.wd == wd
    lr_find(learn=learn, start_lr=start_lr, end_lr=end_lr, num_it=num_it, stop_div=False, wd=wd)
    assert len(learn.recorder.lrs) == num_it
    assert learn.recorder.lrs[-1] == end_lr


def test_fit(learn):
    learn.fit(epochs=4, lr=3e-3, wd=1e-2)
    assert learn.recorder.lrs == [3e-3] * 8
    assert learn.recorder.moms == [0.9] * 8


def test_fit_one_cycle(learn):
    learn.fit_one_cycle(4, 3e-3)
    lrs, moms = learn.recorder.lrs, learn.recorder.moms
    highest = lrs.index(max(lrs))
    assert lrs[highest] == 3e-3
    assert moms[highest] == min(moms) == 0.85
    assert lrs[: highest + 1] == sorted(lrs[: highest + 1])
    assert moms[: highest + 1] == sorted(moms[: highest + 1], reverse=True)
    assert lrs[highest:] == sorted(lrs[highest:], reverse=True)
    assert moms[highest:] == sorted(moms[highest:])

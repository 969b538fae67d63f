"""skorch, on the quadratic."""

from typing import Any

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback

from lr_finder import lr_find
from quadratic import Quadratic, Run, mean_output, run
from ways.plain_torch import Fault, untouched


class Refusing(Callback):
    """Fails at whatever a trial must not fire."""

    def on_train_begin(self, net, **kwargs):
        raise AssertionError("a callback of the user's was fired")

    on_batch_begin = on_grad_computed = on_batch_end = on_epoch_end = on_train_end = on_train_begin


class FaultyNet(NeuralNet):
    """The quadratic's loss with a fault in it."""

    def get_loss(self, y_pred, y_true, *args, **kwargs):
        return mean_output(y_pred, y_true) * self.fault()


def fitted(fault: Fault, **bounds: Any) -> Run:
    net = FaultyNet(Quadratic(), torch.nn.MSELoss, lr=0.01, train_split=None, batch_size=2, callbacks=[Refusing])
    net.fault = fault
    net.initialize()
    ones = torch.ones(10, 1, dtype=torch.float64)
    return run(lambda: lr_find(net, ones, 0 * ones, **bounds), untouched(net.module_, net.optimizer_))

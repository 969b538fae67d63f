"""Right and wrong calls for type checkers; test_overloads.py sees that they tell one from the other. Never run."""

import ignite.engine
import jax
import keras
import lightning.pytorch
import optax
import pytorch_lightning
import sklearn.pipeline
import skorch
import torch
import transformers
from flax import nnx
from torch import nn
from torch.utils.data import DataLoader

from lr_finder import RangeTestResult, lr_find
from lr_finder.learner import Learner


def plain_pytorch(model: nn.Linear, optimizer: torch.optim.SGD, loader: "DataLoader[list[torch.Tensor]]") -> None:
    loss_fn = nn.CrossEntropyLoss()
    lr_find(model, optimizer, loss_fn, loader, num_it=300, probes=5, accumulation_steps=2, autocast=torch.bfloat16)
    lr_find(model, optimizer, loss_fn, train_loader=loader, start_lr=[1e-5, 1e-4], end_lr=slice(1e-2, 1))
    lr_find(model, optimizer, train_loader=loader, validate=lambda: torch.ones(()), state=[model], progress=False)
    lr_find(model, optimizer, batch_loss=lambda model, batch: model(batch[0]).mean(), train_loader=loader, num_it=100)
    lr_find(model, optimizer, loss_fn, loader, num_itt=3)  # wrong: a name that there is not
    lr_find(model, optimizer, loss_fn, loader, probes="five")  # wrong: a number is wanted
    lr_find(model, optimizer, loss_fn, loader, num_it=[100])  # wrong: one number
    lr_find(model, optimizer, "cross_entropy", loader)  # wrong: a loss by name
    lr_find(model, optimizer, loss_fn)  # wrong: no batches
    lr_find(optimizer, model, loss_fn, loader)  # wrong: swapped
    lr_find(model, loss_fn, optimizer, loader)  # wrong: swapped
    lr_find(model, model.parameters(), loss_fn=loss_fn, train_loader=loader)  # wrong: no optimizer
    lr_find(model, optimizer, loss_fn, loader, batch_size=8)  # wrong: goes with Keras
    lr_find(model)  # wrong: nothing to train it with
    lr_find()  # wrong: nothing at all


def any_loop(model: nn.Linear, optimizer: torch.optim.Adam, batches: list[torch.Tensor]) -> None:
    def step(batch: torch.Tensor) -> torch.Tensor:
        return model(batch).mean()

    lr_find(step, optimizer=optimizer, train_loader=batches, state=[model], wd=0.1)
    lr_find(step, optimizer=[optimizer, optimizer], process_group=torch.distributed.group.WORLD)
    lr_find(lambda: (step, {"optimizer": optimizer}), pool="processes", probes=5)
    lr_find(lambda: (step, {"optimizer": optimizer}), pool="threads", probes=5)  # wrong: no such pool
    lr_find(step, optimizer=optimizer, pool="processes")  # wrong: made already
    lr_find(step, optimizer=optimizer, train_loader=batches, scaler=torch.amp.GradScaler())  # wrong: the step scales
    lr_find(step, optimizer=model)  # wrong: no optimizer
    lr_find(step, train_loader=batches)  # wrong: none
    lr_find(1.0, optimizer=optimizer)  # wrong: no function


def frameworks(
    trainer: lightning.pytorch.Trainer,
    module: lightning.pytorch.LightningModule,
    other_trainer: pytorch_lightning.Trainer,
    other_module: pytorch_lightning.LightningModule,
    data: lightning.pytorch.LightningDataModule,
    hugging_face: transformers.Trainer,
    keras_model: keras.Model,
    net: skorch.NeuralNet,
    pipeline: sklearn.pipeline.Pipeline,
    engine: ignite.engine.Engine,
    optimizer: torch.optim.SGD,
    arrays: list[float],
) -> None:
    lr_find(trainer, module, datamodule=data, num_it=50)
    lr_find(other_trainer, other_module, train_dataloaders=arrays)
    lr_find(trainer, optimizer)  # wrong: no module
    lr_find(trainer, module, batch_size=2)  # wrong: a name that there is not
    lr_find(hugging_face, max_it=500, stop_div=False)
    lr_find(hugging_face, arrays)  # wrong: the trainer has its data
    lr_find(hugging_face, num_it="100")  # wrong: a number is wanted
    lr_find(keras_model, arrays, arrays, batch_size=64, probes=3)
    lr_find(keras_model, arrays, arrays, batch_size="64")  # wrong: a number is wanted
    lr_find(net, arrays, arrays, start_lr=1e-4, end_lr=1.0)
    lr_find(pipeline, arrays, arrays)
    lr_find(net, arrays, arrays, epochs=3)  # wrong: a name that there is not
    lr_find(engine, optimizer=optimizer, data=arrays, state=[net], output_transform=lambda output: output)
    lr_find(engine, optimizer=optimizer)  # wrong: no data


def jax_frameworks(model: nnx.Module, params: dict[str, jax.Array], batches: list[jax.Array], key: jax.Array) -> None:
    def loss(params: dict[str, jax.Array], batch: jax.Array) -> jax.Array:
        return params["weight"].sum() * batch.sum()

    def loss_of_model(model: nnx.Module, batch: jax.Array) -> jax.Array:
        return batch.sum()

    lr_find(loss, params, optax.adamw, batches, key=key, num_it=60)
    lr_find(model, loss_of_model, optax.adamw, batches, wrt=nnx.Param)
    lr_find(loss, params, 1e-3, batches)  # wrong: no factory
    lr_find(loss, params, optax.adamw)  # wrong: no batches


def reference(learn: Learner) -> RangeTestResult:
    learn.lr_find(1e-6, 1, num_it=50)
    result = lr_find(learn, 1e-6, 1, num_it=50, stop_div=False, wd=0.1)
    lr_find(learn, probes=3)  # wrong: one plain ramp
    result.suggest("valley")
    result.suggest("vally")  # wrong: no such rule
    result.schedule("cosine", total_steps=1000)
    result.schedule("cosines", total_steps=1000)  # wrong: no such schedule
    return result

"""JAX: finds the learning rate of a small network on handwritten digits, then trains with it."""

import jax
import numpy as np
import optax
from sklearn.datasets import load_digits

from lr_finder import lr_find

BATCH_SIZE = 64


class Loader:
    """Shuffled batches of scans and the digits that they show."""

    def __init__(self, seed=0):
        self.images, self.digits = load_digits(return_X_y=True)
        self.generator = np.random.default_rng(seed)

    def __iter__(self):
        order = self.generator.permutation(len(self.images))
        for start in range(0, len(order) - BATCH_SIZE + 1, BATCH_SIZE):
            chosen = order[start : start + BATCH_SIZE]
            yield self.images[chosen] / 16, self.digits[chosen]


def loss(params, batch):
    """Cross-entropy of a network with one hidden layer."""
    images, digits = batch
    logits = jax.nn.relu(images @ params["hidden"]) @ params["output"]
    return optax.softmax_cross_entropy_with_integer_labels(logits, digits).mean()


def make():
    """What `lr_find` takes: the loss, the parameters, the optimizer for a rate, and the batches."""
    first, second = jax.random.split(jax.random.key(0))
    params = {"hidden": jax.random.normal(first, (64, 100)) / 8, "output": jax.random.normal(second, (100, 10)) / 10}
    return loss, params, optax.adamw, Loader()


def main():
    """Searches, takes the rate and trains one epoch."""
    loss, params, make_optimizer, batches = make()
    result = lr_find(loss, params, make_optimizer, batches)
    print(result.explain())
    optimizer = make_optimizer(float(result.suggestion))
    state = optimizer.init(params)
    gradient = jax.jit(jax.value_and_grad(loss))
    for batch in batches:
        value, gradients = gradient(params, batch)
        updates, state = optimizer.update(gradients, state, params)
        params = optax.apply_updates(params, updates)
    print(f"The loss after one epoch is {value:.2f}.")


if __name__ == "__main__":
    main()

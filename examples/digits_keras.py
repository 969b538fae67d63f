"""Keras 3: finds the learning rate of a small network on handwritten digits, then trains with it."""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")  # or "jax"; read by the import of keras

import keras
from sklearn.datasets import load_digits

from lr_finder import lr_find


def make():
    """What `lr_find` takes: the compiled model, the images and the digits that they show."""
    keras.utils.set_random_seed(0)
    images, digits = load_digits(return_X_y=True)
    model = keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(100, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(10),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(), loss, metrics=["accuracy"])
    return model, images.astype("float32") / 16, digits


def main():
    """Searches, takes the rate and trains two epochs."""
    model, images, digits = make()
    result = lr_find(model, images, digits, batch_size=64)
    print(result.explain())
    model.optimizer.learning_rate = float(result.suggestion)
    history = model.fit(images, digits, batch_size=64, epochs=2, verbose=0).history
    print(f"The loss after two epochs is {history['loss'][-1]:.2f}.")


if __name__ == "__main__":
    main()

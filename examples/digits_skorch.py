"""skorch: finds the learning rate of a small network on handwritten digits, then trains with it."""

import torch
from sklearn.datasets import load_digits
from skorch import NeuralNetClassifier
from torch import nn

from lr_finder import lr_find


def make():
    """What `lr_find` takes: the net, the images and the digits that they show."""
    torch.manual_seed(0)
    images, digits = load_digits(return_X_y=True)
    module = nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Dropout(0.2), nn.Linear(100, 10))
    net = NeuralNetClassifier(
        module,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.AdamW,
        batch_size=64,
        max_epochs=2,
        iterator_train__shuffle=True,
        verbose=0,
    )
    return net, images.astype("float32") / 16, digits


def main():
    """Searches, takes the rate and trains two epochs."""
    net, images, digits = make()
    result = lr_find(net, images, digits)
    print(result.explain())
    net.set_params(lr=float(result.suggestion))
    net.fit(images, digits)
    print(f"The accuracy after two epochs is {net.history[-1, 'valid_acc']:.2f}.")


if __name__ == "__main__":
    main()

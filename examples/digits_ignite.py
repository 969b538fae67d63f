"""Ignite: a handler finds the learning rate of a small network on handwritten digits before the training."""

import torch
from ignite.engine import Events, create_supervised_trainer
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lr_finder import lr_find


def main():
    """Trains two epochs at the rate that the search finds when the run starts."""
    torch.manual_seed(0)
    images, digits = load_digits(return_X_y=True)
    data = TensorDataset(torch.tensor(images / 16, dtype=torch.float32), torch.tensor(digits))
    model = nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Dropout(0.2), nn.Linear(100, 10))
    optimizer = torch.optim.AdamW(model.parameters())
    trainer = create_supervised_trainer(model, optimizer, nn.CrossEntropyLoss())

    @trainer.on(Events.STARTED)
    def find_rate(engine):
        result = lr_find(engine, optimizer=optimizer, data=engine.state.dataloader, state=[model])
        print(result.explain())
        result.apply(optimizer)

    trainer.run(DataLoader(data, batch_size=64, shuffle=True), max_epochs=2)
    print(f"The loss after two epochs is {trainer.state.output:.2f}.")


if __name__ == "__main__":
    main()

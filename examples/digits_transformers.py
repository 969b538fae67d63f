"""Hugging Face: finds the learning rate of a small vision transformer on handwritten digits, then trains with it."""

import tempfile

import torch
from sklearn.datasets import load_digits
from transformers import Trainer, TrainingArguments, ViTConfig, ViTForImageClassification, set_seed

from lr_finder import lr_find


def make(folder):
    """What `lr_find` takes: the trainer."""
    set_seed(0)
    scans = load_digits()
    rows = [
        {"pixel_values": torch.tensor(image[None] / 16, dtype=torch.float32), "labels": int(digit)}
        for image, digit in zip(scans.images, scans.target, strict=True)
    ]
    model = ViTForImageClassification(
        ViTConfig(
            image_size=8, patch_size=4, num_channels=1, num_labels=10,
            hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
        )
    )  # fmt: skip
    arguments = TrainingArguments(
        folder, num_train_epochs=1, per_device_train_batch_size=64, use_cpu=True, save_strategy="no", report_to=[]
    )
    return Trainer(model, arguments, train_dataset=rows)


def main():
    """Searches, takes the rate and trains one epoch."""
    with tempfile.TemporaryDirectory() as folder:
        trainer = make(folder)
        result = lr_find(trainer)
        print(result.explain())
        result.apply(trainer)
        trainer.train()


if __name__ == "__main__":
    main()

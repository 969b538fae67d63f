"""The callback that searches when a training begins, and trains with what it found."""

import numpy as np
import pytest
import torch
from transformers import Trainer, TrainerCallback

from integrations.transformers.trainers import Sentences, bert, llama, trainer_of, with_lora
from lr_finder import NoSuggestionError, lr_find
from lr_finder.integrations.transformers import LRFinderCallback

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),  # PEFT 0.21
]

QUICK = {"start_lr": 1e-4, "end_lr": 3.0, "num_it": 60}


class FewWords(Sentences):
    """Rows of three tokens, some more frequent than others, for a language model."""

    def __getitem__(self, index):
        tokens = self.tokens[index] % 3
        return {"input_ids": tokens, "labels": tokens}


def clear_trainer(folder, make_model=lambda: bert(dropout=0), **settings):
    """A trainer with batches large enough for a loss that falls clearly."""
    data = FewWords(512) if make_model is llama else Sentences(512)
    return trainer_of(folder, make_model(), data, **({"per_device_train_batch_size": 64} | settings))


KINDS = {
    "cosine after a warm-up": {"lr_scheduler_type": "cosine", "warmup_steps": 3},
    "bf16": {"bf16": True},
    "accumulation": {"gradient_accumulation_steps": 2, "per_device_train_batch_size": 32},
    "LoRA": {"make_model": with_lora},
    "language model": {"make_model": llama},
}


@pytest.mark.parametrize("settings", KINDS.values(), ids=KINDS)
def test_training_with_the_callback_is_training_with_the_rate(tmp_path, capsys, settings):
    callback = LRFinderCallback(**QUICK)
    searching = clear_trainer(tmp_path, callbacks=[callback], **settings)
    searching.train()
    lr = callback.result.suggestion.lr
    assert searching.args.learning_rate == lr
    said = " ".join(capsys.readouterr().err.split())  # as wide as the terminal
    assert said == f"LRFinderCallback: the learning rate is {callback.result.suggestion}; it was 5e-05"
    alone = clear_trainer(tmp_path, learning_rate=lr, **settings)
    alone.train()
    for name, weight in alone.model.state_dict().items():
        torch.testing.assert_close(searching.model.state_dict()[name], weight, rtol=1e-6, atol=1e-7)
    assert searching.state.log_history[:-1] == [
        row | {"grad_norm": pytest.approx(row["grad_norm"], rel=1e-4), "loss": pytest.approx(row["loss"], rel=1e-4)}
        for row in alone.state.log_history[:-1]
    ]


def test_the_search_is_that_of_lr_find(tmp_path):
    callback = LRFinderCallback(**QUICK)
    clear_trainer(tmp_path, callbacks=[callback]).train()
    np.testing.assert_array_equal(callback.result.losses, lr_find(clear_trainer(tmp_path), **QUICK).losses)


def test_every_training_searches_from_where_the_one_before_ended(tmp_path):
    callback = LRFinderCallback(**QUICK)
    trainer = clear_trainer(tmp_path)
    trainer.add_callback(callback)
    trainer.train()
    first = callback.result
    expected = lr_find(trainer, **QUICK)
    trainer.train()
    assert callback.result is not first
    np.testing.assert_array_equal(callback.result.losses, expected.losses)
    assert trainer.state.global_step == 8


def test_a_training_that_resumes_does_not_search_and_says_so(tmp_path, capsys):
    clear_trainer(tmp_path, save_strategy="steps", save_steps=4).train()
    callback = LRFinderCallback()
    resumed = clear_trainer(tmp_path, callbacks=[callback])
    resumed.train(resume_from_checkpoint=str(tmp_path / "out" / "checkpoint-4"))
    assert callback.result is None
    said = " ".join(capsys.readouterr().err.split())  # as wide as the terminal
    assert "no search, the training goes on from step 4 with the rate of its checkpoint" in said
    assert resumed.args.learning_rate == 5e-5


def test_other_callbacks_see_the_training_alone(tmp_path):
    steps = []

    class Counting(TrainerCallback):
        def on_step_end(self, args, state, control, **_):
            steps.append(state.global_step)

    clear_trainer(tmp_path, callbacks=[Counting(), LRFinderCallback(**QUICK)]).train()
    assert steps == list(range(1, 9))


def test_a_training_without_a_suggestion_ends_before_its_first_step(tmp_path):
    class Constant(Trainer):
        def compute_loss(self, *arguments, **keywords):
            return 0 * super().compute_loss(*arguments, **keywords) + 1

    trainer = trainer_of(tmp_path, kind=Constant, callbacks=[LRFinderCallback(num_it=40)])
    with pytest.raises(NoSuggestionError):
        trainer.train()
    assert trainer.state.global_step == 0


def test_an_option_that_there_is_not_is_named_when_the_callback_is_made():
    with pytest.raises(TypeError, match=r"no argument 'num_iter' here; that is num_it"):
        LRFinderCallback(num_iter=100)


def test_a_callback_that_no_trainer_calls_says_so():
    from transformers import TrainerControl, TrainerState, TrainingArguments

    with pytest.raises(RuntimeError, match=r"must be called by Trainer.train\(\)"):
        LRFinderCallback().on_train_begin(TrainingArguments("unused"), TrainerState(), TrainerControl())

"""Hugging Face's Trainer, on tiny models built from their configurations."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset
from transformers import Trainer, TrainerCallback

from integrations.transformers.trainers import Sentences, Text, arguments, bert, llama, trainer_of, with_lora
from lr_finder import StopReason, lr_find
from lr_finder.integrations import transformers

pytestmark = [
    pytest.mark.slow,
    # PEFT 0.21 asks models of transformers 5.23 for what is deprecated there.
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
]

BOUNDS = {"start_lr": 1e-4, "end_lr": 0.1, "num_it": 20}


SETTINGS = {
    "plain": (bert, {}),
    "accumulation": (bert, {"gradient_accumulation_steps": 4}),
    "bf16": (bert, {"bf16": True}),
    "schedule": (bert, {"warmup_steps": 3, "lr_scheduler_type": "cosine"}),
    "LoRA": (with_lora, {}),
    "language model": (llama, {"gradient_accumulation_steps": 2}),
    "noisy embeddings": (llama, {"neftune_noise_alpha": 5}),
    "epochs": (bert, {"max_steps": -1, "num_train_epochs": 2}),
}


def final_state(folder, make_model, settings, search=None, warm=False):
    """The weights after a training, the random numbers, and what it counted and logged."""
    data = Text() if make_model is llama else Sentences()
    trainer = trainer_of(folder, make_model(), data, **settings)
    if warm:
        trainer.train()
    if search:
        search(trainer)
    trainer.train()
    logged = [{k: v for k, v in row.items() if k != "train_runtime" and "second" not in k}
              for row in trainer.state.log_history]  # fmt: skip
    counts = (trainer.state.global_step, trainer.state.epoch, trainer.state.total_flos, logged)
    return [*trainer.model.state_dict().values(), torch.get_rng_state()], counts


def assert_same(these, those):
    assert these[1] == those[1]
    assert all(torch.equal(a, b) for a, b in zip(these[0], those[0], strict=True))


def usual(trainer):
    lr_find(trainer, num_it=40)


def failing(error):
    def search(trainer):
        original, calls = trainer.compute_loss, []

        def compute_loss(*arguments, **keywords):
            calls.append(None)
            if len(calls) == 5:
                raise error
            return original(*arguments, **keywords)

        trainer.compute_loss = compute_loss
        with pytest.raises(type(error)) as caught:
            lr_find(trainer, **BOUNDS)
        assert caught.value is error
        assert len(error.partial_result.losses) == 4
        del trainer.compute_loss

    return search


@pytest.mark.parametrize(("make_model", "settings"), SETTINGS.values(), ids=SETTINGS)
def test_training_after_a_search_is_bit_identical_to_training_without(tmp_path, make_model, settings):
    alone = final_state(tmp_path, make_model, settings)
    assert_same(final_state(tmp_path, make_model, settings, usual), alone)


@pytest.mark.parametrize("error", [ArithmeticError("in a step"), KeyboardInterrupt()], ids=["raises", "Ctrl-C"])
def test_the_trainer_trains_as_before_after_a_step_that(tmp_path, error):
    assert_same(final_state(tmp_path, bert, {}, failing(error)), final_state(tmp_path, bert, {}))


def test_a_trainer_that_has_trained_already_goes_on_as_without_a_search(tmp_path):
    assert_same(final_state(tmp_path, bert, {}, usual, warm=True), final_state(tmp_path, bert, {}, warm=True))


def test_a_second_search_gives_the_same_curve(tmp_path):
    trainer = trainer_of(tmp_path)
    np.testing.assert_array_equal(lr_find(trainer, num_it=40).losses, lr_find(trainer, num_it=40).losses)


def test_the_curve_is_that_of_plain_pytorch(tmp_path):
    trainer = trainer_of(tmp_path, bert(dropout=0), max_grad_norm=0)
    result = lr_find(trainer, **BOUNDS)
    model = bert(dropout=0)
    optimizer = trainer_of(tmp_path, model).create_optimizer()
    rows = []
    for epoch in range(4):  # Accelerate's sampler orders an epoch by its number
        loader = trainer.get_train_dataloader()
        loader.set_epoch(epoch)
        rows += list(loader)
    plain = lr_find(model, optimizer, None, iter(rows), **BOUNDS)
    np.testing.assert_allclose(result.lrs, plain.lrs, rtol=1e-12)
    np.testing.assert_allclose(result.losses, plain.losses, rtol=1e-4)


def test_accumulated_batches_are_one_point_with_the_loss_of_all_their_tokens(tmp_path):
    whole = lr_find(trainer_of(tmp_path, llama(), Text()), **BOUNDS)
    parts = lr_find(
        trainer_of(tmp_path, llama(), Text(), per_device_train_batch_size=2, gradient_accumulation_steps=4), **BOUNDS
    )
    assert len(parts.losses) == 20
    np.testing.assert_allclose(parts.losses, whole.losses, rtol=1e-4)


class Poisoned(Trainer):
    """A trainer whose loss is NaN at its sixth step."""

    calls = 0

    def compute_loss(self, *arguments, **keywords):
        self.calls += 1
        return super().compute_loss(*arguments, **keywords) * (float("nan") if self.calls == 6 else 1)


def test_a_loss_that_is_nan_is_seen_and_ends_the_sweep(tmp_path):
    trainer = trainer_of(tmp_path, kind=Poisoned)
    assert trainer.args.logging_nan_inf_filter
    result = lr_find(trainer, **BOUNDS)
    assert result.stop_reason is StopReason.NOT_FINITE
    np.testing.assert_array_equal(np.isnan(result.losses), [False] * 5 + [True] * 3)
    assert trainer.calls == 0


def accelerator_state(trainer):
    """What Accelerate keeps of a training."""
    accelerator = trainer.accelerator
    lists = [list(getattr(accelerator, name)) for name in ("_models", "_optimizers", "_schedulers", "_dataloaders")]
    return lists, accelerator.step, dict(vars(accelerator.gradient_state))


def test_what_accelerate_keeps_of_an_earlier_training_is_left_alone(tmp_path):
    trainer = trainer_of(tmp_path)
    trainer.train()
    before = accelerator_state(trainer)
    assert before[0][0] == [trainer.model]
    lr_find(trainer, **BOUNDS)
    assert accelerator_state(trainer) == before


def test_nothing_of_the_users_fires_and_no_file_is_written(tmp_path, capsys):
    fired = []

    class Noting(TrainerCallback):
        def __getattribute__(self, name):
            if name.startswith("on_"):
                fired.append(name)
            return super().__getattribute__(name)

    class NeverEvaluating(Trainer):
        def evaluate(self, *arguments, **keywords):
            raise AssertionError("evaluated")

    trainer = trainer_of(
        tmp_path, kind=NeverEvaluating, callbacks=[Noting()], save_strategy="steps", save_steps=2, eval_on_start=True,
        eval_strategy="steps", eval_steps=2, do_eval=True, logging_steps=1, disable_tqdm=False,
    )  # fmt: skip
    before, callbacks = dict(vars(trainer)), list(trainer.callback_handler.callbacks)
    files = sorted(tmp_path.rglob("*"))
    fired.clear()
    lr_find(trainer, num_it=40)
    assert fired == []
    assert sorted(tmp_path.rglob("*")) == files
    assert vars(trainer) == before
    assert trainer.callback_handler.callbacks == callbacks
    assert trainer.args.max_steps == 8
    assert trainer.state.global_step == 0
    assert trainer.state.log_history == []
    assert capsys.readouterr().out == ""


def test_neither_length_nor_schedule_of_the_training_is_in_the_way(tmp_path):
    result = lr_find(trainer_of(tmp_path, max_steps=2, warmup_steps=1), **BOUNDS)
    assert len(result.losses) == 20
    assert result.lrs[0] == 1e-4
    assert result.curve.notes == ()


def test_each_group_gets_a_rate_of_its_own_where_that_is_asked_for(tmp_path):
    model = bert()
    head = list(model.classifier.parameters())
    groups = [{"params": list(model.bert.parameters()), "lr": 1e-4}, {"params": head, "lr": 1e-2}]
    trainer = trainer_of(tmp_path, model, optimizers=(torch.optim.AdamW(groups), None))
    result = lr_find(trainer, by_group=True, num_it=60)
    assert result.suggestion.lr / result.group_suggestions[0].lr != pytest.approx(100)
    with pytest.raises(TypeError, match=r"go into optimizers, got Trainer: result.apply\(optimizer\)"):
        result.apply(trainer)
    result.apply(trainer.optimizer)
    rates = [suggestion.lr for suggestion in result.group_suggestions]
    assert [group["lr"] for group in trainer.optimizer.param_groups] == rates


def test_the_groups_keep_their_ratio_under_a_warm_up_from_0(tmp_path):
    model = bert()
    head = list(model.classifier.parameters())
    groups = [{"params": list(model.bert.parameters()), "lr": 1e-4}, {"params": head, "lr": 1e-2}]
    trainer = trainer_of(tmp_path, model, optimizers=(torch.optim.AdamW(groups), None), warmup_steps=3)
    used = []
    hook = trainer.optimizer.register_step_post_hook(
        lambda optimizer, *_: used.append([group["lr"] for group in optimizer.param_groups])
    )
    result = lr_find(trainer, **BOUNDS)
    hook.remove()
    np.testing.assert_array_equal(used, result.group_lrs)
    np.testing.assert_allclose(result.group_lrs[:, 0] * 100, result.lrs)


def test_weight_decay_is_set_for_the_search_only(tmp_path):
    model = bert()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    used = []
    optimizer.register_step_post_hook(lambda *_: used.append(optimizer.param_groups[0]["weight_decay"]))
    lr_find(trainer_of(tmp_path, model, optimizers=(optimizer, None)), wd=0.3, **BOUNDS)
    assert set(used) == {0.3}
    assert optimizer.param_groups[0]["weight_decay"] == 0.01


def test_a_model_that_is_made_by_each_training_is_searched(tmp_path):
    def trainer():
        return Trainer(model_init=lambda: bert(), args=arguments(tmp_path), train_dataset=Sentences())

    searched = trainer()
    model = searched.model
    assert len(lr_find(searched, **BOUNDS).losses) == 20
    assert searched.model is model
    alone = trainer()
    alone.train()
    searched.train()
    for name, tensor in alone.model.state_dict().items():
        assert torch.equal(searched.model.state_dict()[name], tensor)


class Stream(IterableDataset):
    """Rows without a length."""

    def __iter__(self):
        data = Sentences(24)
        yield from (data[index] for index in range(24))


def test_a_stream_will_do(tmp_path):
    assert len(lr_find(trainer_of(tmp_path, data=Stream()), **BOUNDS).losses) == 20


def test_a_model_of_transformers_without_a_trainer_is_plain_pytorch():
    model = bert()
    loader = DataLoader(Sentences(), batch_size=8)
    result = lr_find(model, torch.optim.AdamW(model.parameters()), None, loader, **BOUNDS)
    assert len(result.losses) == 20


def test_bad_input_is_named(tmp_path):
    with pytest.raises(TypeError, match=r"trainer must be a transformers\.Trainer, got BertForSequenceClassification"):
        transformers.lr_find(bert())
    with pytest.raises(ValueError, match="training requires a train_dataset"):
        lr_find(Trainer(bert(), arguments(tmp_path)), **BOUNDS)
    with pytest.raises(ValueError, match="train_dataset must yield at least one batch, got none"):
        lr_find(trainer_of(tmp_path, kind=WithoutBatches), **BOUNDS)


class WithoutBatches(Trainer):
    """A trainer whose own loader is empty."""

    def get_train_dataloader(self):
        return []

"""The search at the beginning of a Trainer's training."""

from typing import TYPE_CHECKING, Any

from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from lr_finder.core.result import RangeTestResult
from lr_finder.core.search import SearchOptions
from lr_finder.integrations.callers import locals_of_caller
from lr_finder.integrations.keywords import check_keywords
from lr_finder.integrations.transformers_trainer.find import lr_find
from lr_finder.progress import say

if TYPE_CHECKING:
    from typing_extensions import Unpack


class LRFinderCallback(TrainerCallback):
    """Searches for the learning rate at the beginning of every `Trainer.train`, and trains with it.

        trainer = Trainer(model, args, train_dataset=data, callbacks=[LRFinderCallback()])

    The rate goes into `args.learning_rate`, the optimizer, whose parameter groups keep their ratios, and the scheduler,
    which goes its course at the rate. A training that resumes from a checkpoint goes on with the checkpoint's rate.

    Args:
        log: Whether to write the search to the trackers that the Trainer reports to.
        progress: Whether to show a progress bar; None shows it on a terminal only.
        search: Those of every search: see `lr_finder.SearchOptions`.

    Attributes:
        result: What the last search found; None before, and where a training was resumed.

    Raises:
        TypeError: There is no such option; the text names the one that was meant.
        NoSuggestionError: Out of `Trainer.train`: the curve does not tell a rate.
    """

    def __init__(self, *, log: bool = False, progress: bool | None = None, **search: "Unpack[SearchOptions]"):
        check_keywords(search)
        self.log = log
        self.progress = progress
        self.search = search
        self.result: RangeTestResult | None = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Searches, sets the rate, and says so."""
        self.result = None
        if state.global_step > 0:
            said = f"no search, the training goes on from step {state.global_step} with the rate of its checkpoint"
        else:
            trainer = locals_of_caller(Trainer)["self"]
            old = args.learning_rate
            self.result = lr_find(trainer, progress=self.progress, **self.search)
            self.result.apply(trainer)
            said = f"the learning rate is {self.result.suggestion}; it was {old:.2g}"
            if self.log and state.is_world_process_zero:
                self.result.log_to(trainer)
        if state.is_world_process_zero:
            say(f"LRFinderCallback: {said}")

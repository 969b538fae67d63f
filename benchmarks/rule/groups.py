"""Two parts of a model that want rates of their own: what finding each is worth, and how it is done best.

Run `python -m benchmarks.rule.groups` from the root; what is in `results/groups.jsonl` is skipped. The truth of a
training is every pair of rates on a grid, two a decade. How a search finds the rates was chosen on two of the
trainings, and on none of the others.
"""

import argparse
import functools
import json
import math
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.finders.tasks import epochs
from benchmarks.finders.truth import EVALUATED_AT, be_modest
from benchmarks.result_files import RESULTS, add_lines, read_lines
from benchmarks.rule.group_trainings import GROUP_TRAININGS, GroupTraining
from lr_finder import Curve, Sweep, search
from lr_finder.core.probes import _fall
from lr_finder.curve.thresholds import PROBE_SPACING, PROBE_STEPS
from lr_finder.integrations.batches import Batches
from lr_finder.integrations.torch.ramp import StepTraining
from lr_finder.integrations.torch.spread import Spread

MEASURED, FILE = RESULTS / "groups.jsonl", RESULTS / "groups.json"
SEEDS = (0, 1)

Rates = list[float]
"""One for each of the two parts."""
Ramp = Callable[[Sweep], Curve]


def final_loss(training: GroupTraining, seed: int, lrs: Sequence[float]) -> float | None:
    """The validation loss at the end of a training with a rate for each part; None where a loss was not finite."""
    model, _, loss_fn, loader, validate = training.task.make("adamw", seed)
    optimizers = training.split(model)
    set_rates(optimizers, lrs)
    num_steps = training.task.num_steps
    evaluated_after = {round(share * num_steps) for share in EVALUATED_AT}
    losses = []
    for step, (inputs, targets) in zip(range(num_steps), epochs(loader), strict=False):
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss = loss_fn(model(inputs), targets)
        if not math.isfinite(loss.item()):
            return None
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        if step + 1 in evaluated_after:
            losses.append(validate())
    mean = sum(losses) / len(losses)
    return mean if math.isfinite(mean) else None


def set_rates(optimizers: list, lrs: Sequence[float]) -> None:
    """Sets the rate of each part."""
    for group, lr in zip((group for optimizer in optimizers for group in optimizer.param_groups), lrs, strict=True):
        group["lr"] = lr


@dataclass(frozen=True)
class Truth:
    """The regret of every pair of rates, as `benchmarks.finders.regret` has it for one rate.

    Attributes:
        log_rates: Decimal logarithms of the grid's rates for either part.
        regrets: From the mean over the seeds, shape (first rates, second rates).
    """

    log_rates: tuple[np.ndarray, np.ndarray]
    regrets: np.ndarray

    @classmethod
    def of(cls, name: str) -> "Truth":
        """That of a training, from the file."""
        lines = [line for line in read_lines(MEASURED) if line["training"] == name and "losses" in line]
        zero = float(np.mean([line["initial_loss"] for line in lines]))
        losses = np.array([line["losses"] for line in lines], dtype=float)  # None becomes NaN
        means = np.fmin(losses, zero).mean(0)
        first, second = (np.log10(rates) for rates in lines[0]["rates"])
        return cls((first, second), (means - means.min()) / (zero - means.min()))

    @property
    def best(self) -> Rates:
        """The pair with the lowest mean loss."""
        at = np.unravel_index(np.argmin(self.regrets), self.regrets.shape)
        return [float(10 ** rates[index]) for rates, index in zip(self.log_rates, at, strict=True)]

    def at(self, lrs: Rates) -> float:
        """Regret of a pair, linear in the logarithms; beyond the grid, that of its edge."""
        first, second = self.log_rates
        by_first = [np.interp(np.log10(lrs[1]), second, row) for row in self.regrets]
        return float(np.interp(np.log10(lrs[0]), first, by_first))


def in_ratio(ramp: Ramp, rates: Rates) -> Rates | None:
    """A search for both together, in the ratio that they have."""

    def ramp_in_ratio(sweep: Sweep) -> Curve:
        ratios = np.array(rates) / max(rates)
        return ramp(replace(sweep, start_lr=list(sweep.start_lr * ratios), end_lr=list(sweep.end_lr * ratios)))

    return found(ramp_in_ratio)


def by_group(ramp: Ramp, rates: Rates) -> Rates | None:
    """What `by_group=True` does: each alone, then together."""
    return found(ramp, by_group=True)


def beside_the_others(ramp: Ramp, rates: Rates) -> Rates | None:
    """Together in their ratio; then, twice, each one with the other at its present rate."""
    answer = in_ratio(ramp, rates)
    if answer is None:
        return None
    for part in (0, 1) * 2:

        def ramp_of_part(sweep: Sweep, part: int = part, held: Rates = answer) -> Curve:
            start, end = list(held), list(held)
            start[part], end[part] = sweep.start_lr, sweep.end_lr
            return ramp(replace(sweep, start_lr=start, end_lr=end))

        result = search(ramp_of_part)
        if result.has_suggestion:
            answer[part] = result.suggestion.lr
    return answer


def by_short_trainings(ramp: Ramp, rates: Rates) -> Rates | None:
    """Together in their ratio; then one after the other up or down, as long as a short training falls further."""
    answer = in_ratio(ramp, rates)
    if answer is None:
        return None

    def fall(lrs: Rates) -> float:
        return _fall(ramp(Sweep.at(lrs, PROBE_STEPS)), PROBE_STEPS, None)

    best = fall(answer)
    for part, factor in ((0, PROBE_SPACING), (0, 1 / PROBE_SPACING), (1, PROBE_SPACING), (1, 1 / PROBE_SPACING)):
        for _ in range(4):
            moved = list(answer)
            moved[part] *= factor
            if (fell := fall(moved)) <= best:
                break
            answer, best = moved, fell
    return answer


def found(ramp: Ramp, **options: object) -> Rates | None:
    """The rates that a search finds; None where it finds none."""
    result = search(ramp, **options)
    return [suggestion.lr for suggestion in result.group_suggestions] if result.has_suggestion else None


WAYS: dict[str, Callable[[Ramp, Rates], Rates | None]] = {
    "one rate": in_ratio,
    "by_group=True": by_group,
    "one rate, then each beside the other": beside_the_others,
    "one rate, then short trainings": by_short_trainings,
}


def answers(training: GroupTraining, seed: int) -> Iterator[dict[str, object]]:
    """What each way finds from the usual rates, from equal ones, and from those that the truth has as the best."""
    starts = {"usual": None, "equal": [1e-3, 1e-3], "the best": Truth.of(training.name).best}
    for way, find in WAYS.items():
        for start, rates in starts.items():
            if (start == "the best" and way != "one rate") or (start != "usual" and find not in STARTING):
                continue
            model, _, loss_fn, loader, _ = training.task.make("adamw", seed)
            optimizers = training.split(model)
            if rates is not None:
                set_rates(optimizers, rates)
            steps: list[None] = []
            training_steps = _training(model, optimizers, loss_fn, loader)
            alone = Spread(training_steps.state)
            ramp = training_steps.ramp(alone, alone.processes(), functools.partial(steps.append, None))
            present = [group["lr"] for optimizer in optimizers for group in optimizer.param_groups]
            yield {"way": way, "from": start, "rates": find(ramp, present), "steps": len(steps)}


STARTING = (in_ratio, beside_the_others, by_short_trainings)
"""Those to which it matters what the rates were before."""


def _training(model, optimizers: list, loss_fn: Callable, loader) -> StepTraining:
    batches = Batches(loader)

    def step():
        inputs, targets = batches.next()
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss = loss_fn(model(inputs), targets)
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        return loss

    return StepTraining(step, optimizers, [model, *optimizers, loader], restart=batches.restart)


def measure_row(name: str, seed: int) -> str | None:
    """Adds the truth of a training for a seed; a line about it, or None where it was there already."""
    if is_there(training=name, seed=seed, key="losses"):
        return None
    training = GROUP_TRAININGS[name]
    first, second = training.rates
    losses = [[final_loss(training, seed, (lr, other)) for other in second] for lr in first]
    initial = training.task.make("adamw", seed).validate()
    measured = {"rates": [first, second], "initial_loss": initial, "losses": losses}
    add_lines(MEASURED, {"training": name, "seed": seed} | measured)
    return f"{name}, seed {seed}: measured"


def ask(name: str, seed: int) -> str | None:
    """Adds what the searches say about a training; a line about it, or None where it was there already."""
    if is_there(training=name, seed=seed, key="answers"):
        return None
    given = list(answers(GROUP_TRAININGS[name], seed))
    add_lines(MEASURED, {"training": name, "seed": seed, "answers": given})
    return f"{name}, seed {seed}: asked"


def is_there(*, training: str, seed: int, key: str) -> bool:
    """Whether a line is in the file."""
    return any((line["training"], line["seed"]) == (training, seed) and key in line for line in read_lines(MEASURED))


def table(name: str) -> dict[str, object]:
    """The mean regret and the mean number of steps of every way, over the seeds; a refusal counts as 1."""
    truth = Truth.of(name)
    rows: dict[str, list[tuple[float, int]]] = {}
    for line in read_lines(MEASURED):
        for answer in line.get("answers", ()) if line["training"] == name else ():
            regret = 1.0 if answer["rates"] is None else truth.at(answer["rates"])
            rows.setdefault(f"{answer['way']}, from {answer['from']} rates", []).append((regret, answer["steps"]))
    means = {way: np.mean(row, axis=0) for way, row in rows.items()}
    return {
        "chosen on it": GROUP_TRAININGS[name].is_chosen_on,
        "best rates": truth.best,
        "regret and steps": {way: [round(float(mean[0]), 3), round(float(mean[1]))] for way, mean in means.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=1, choices=(1, 2))
    arguments = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    names = list(GROUP_TRAININGS)
    with ProcessPoolExecutor(arguments.processes, mp_context=spawn, initializer=be_modest) as pool:
        for work in (measure_row, ask):
            for seed in SEEDS:
                for line in pool.map(work, names, [seed] * len(names)):
                    if line:
                        print(line, flush=True)
    result = {"command": "python -m benchmarks.rule.groups"} | {name: table(name) for name in names}
    print(json.dumps(result, indent=1))
    FILE.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()

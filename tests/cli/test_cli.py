import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli_calls import call
from lr_finder import RangeTestResult, __version__
from lr_finder.cli import main
from lr_finder.curve.horizon import Horizon
from lr_finder.making import arguments_of

TRAINING = """
import torch
from torch import nn

from data import BATCHES

ONES = torch.ones(1)


class Quadratic(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.full((1,), 3.0))

    def forward(self, ones):
        return 2 * (self.weight * ones) ** 2


def loss_fn(output, target):
    return output.mean()


def make():
    print("made by the user's file")
    model = Quadratic()
    return model, torch.optim.SGD(model.parameters(), lr=1e-3), loss_fn, BATCHES


def in_steps():
    model, optimizer, _, _ = make()

    def step():
        optimizer.zero_grad()
        loss = model(ONES).sum()
        loss.backward()
        optimizer.step()
        return loss

    return step, {"optimizer": optimizer, "state": [model]}


def by_name():
    step, keywords = in_steps()
    return {"step": step, **keywords}


def without_effect():
    model, optimizer, _, _ = make()

    def step():
        optimizer.step()
        return 1.0

    return {"step": step, "optimizer": optimizer, "state": [model]}


def failing():
    step, keywords = in_steps()

    def fail():
        raise ValueError("the data is broken")

    return fail, keywords


def endless():
    step, keywords = in_steps()

    def wait():
        import time

        print("a step", flush=True)
        time.sleep(0.05)
        return step()

    return wait, {**keywords, "start_lr": 1e-7, "num_it": 100_000}


def with_argument(path):
    return path


def unsupported():
    return 7


def nothing():
    make()


def dictionary_without_model():
    return {"optimizer": None}


def wrong_keyword():
    model, optimizer, loss_fn, batches = make()
    return model, optimizer, loss_fn, batches, {"bogus": 1}


not_a_function = 3
"""


@pytest.fixture
def training(tmp_path, monkeypatch):
    """A directory with `train.py`, and `data.py` which it imports; the working directory is another."""
    directory = tmp_path / "project"
    directory.mkdir()
    (directory / "train.py").write_text(TRAINING)
    (directory / "data.py").write_text("import torch\nBATCHES = [(torch.ones(4), torch.zeros(4))] * 8\n")
    (directory / "broken.py").write_text("def make(:\n")
    (directory / "needing.py").write_text("import nowhere_to_be_found\n")
    (directory / "raising.py").write_text("def make(): raise ValueError('no data here')\n")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    yield directory / "train.py"
    sys.modules.pop("data", None)


def call_process(*arguments):
    command = [sys.executable, "-m", "lr_finder", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def files_here():
    return sorted(path.name for path in Path.cwd().iterdir())


@pytest.mark.parametrize("arguments", [[], ["run"], ["demo"], ["show"]], ids=["lr-find", "run", "demo", "show"])
def test_every_command_has_help_on_each_of_its_options(arguments):
    done = call(*arguments, "--help")
    assert done.exit_code == 0
    command = main.commands[arguments[0]] if arguments else main
    assert command.help.splitlines()[0] in done.stdout
    for parameter in command.params:
        if parameter.param_type_name == "option":
            assert parameter.help
            assert parameter.opts[0] in done.stdout


def test_the_help_is_there_without_torch_and_matplotlib():
    code = (
        "import sys; sys.modules.update(torch=None, matplotlib=None, uniplot=None, sklearn=None)\n"
        "from lr_finder.cli import main; main(['run', '--help'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "FILE.py:FUNCTION" in done.stdout


def test_it_tells_its_version():
    assert __version__ in call("--version").stdout


def test_a_run_shows_the_plot_the_suggestion_and_the_reason(training):
    done = call("run", f"{training}:make")
    assert done.exit_code == 0
    assert "loss against learning rate" in done.stdout
    assert "Suggested learning rate 0." in done.stdout
    assert "confidence" in done.stdout
    assert "Start training with" in " ".join(done.stdout.split())
    assert files_here() == []


def test_the_files_asked_for_are_written_and_named(training):
    done = call("run", f"{training}:make", "--plot", "lr.png", "--report", "lr.html", "--json", "lr.json")
    assert done.exit_code == 0
    assert "Wrote lr.png, lr.html and lr.json." in done.stdout
    assert files_here() == ["lr.html", "lr.json", "lr.png"]
    assert Path("lr.png").read_bytes().startswith(b"\x89PNG")
    rate = RangeTestResult.load("lr.json").suggestion.lr
    assert f"Suggested learning rate {rate:.2g}" in done.stdout


@pytest.mark.slow
def test_a_reader_that_has_seen_enough_gets_no_traceback(training):
    call("run", f"{training}:make", "--json", "lr.json")
    command = [sys.executable, "-m", "lr_finder", "show", "lr.json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as shown:
        shown.stdout.close()
        assert shown.stderr.read() == ""


def test_the_rate_is_for_the_training_that_is_told(training):
    done = call("run", f"{training}:make", "--total-steps", 5000, "--schedule", "cosine", "--json", "lr.json")
    assert done.exit_code == 0
    assert "the peak of a cosine over 5,000 steps" in " ".join(done.stdout.split())
    assert RangeTestResult.load("lr.json").horizon == Horizon("cosine", 5000)


def test_warm_ups_are_announced_on_standard_error_told_and_kept_in_the_file(training):
    done = call_process("run", f"{training}:make", "--json", "lr.json", "--warmup")
    assert "short trainings that warm up to" in done.stderr
    result = RangeTestResult.load("lr.json")
    assert result.warmup.in_words in " ".join(done.stdout.split())


def test_quiet_prints_the_rate_alone_with_three_digits(training):
    done = call_process("run", f"{training}:make", "--quiet", "--json", "lr.json")
    assert done.returncode == 0
    (line,) = done.stdout.splitlines()
    assert line == f"{RangeTestResult.load('lr.json').suggestion.lr:.3g}"
    assert "made by the user's file" in done.stderr  # what the file prints does not get in between


def test_a_dash_for_the_json_prints_it_and_nothing_else_to_standard_output(training):
    done = call_process("run", f"{training}:make", "--json", "-", "--plot", "lr.png")
    assert done.returncode == 0
    assert files_here() == ["lr.png"]
    Path("lr.json").write_text(done.stdout)
    suggestion = RangeTestResult.load("lr.json").suggestion
    assert f"Suggested learning rate {suggestion}" in done.stderr
    assert "made by the user's file" in done.stderr
    assert "Wrote lr.png." in done.stderr


def test_without_a_suggestion_the_json_is_printed_too(training):
    done = call("run", f"{training}:without_effect", "--json", "-", "--quiet")
    assert done.exit_code == 3
    assert json.loads(done.stdout)["ignores_rate"] is False
    assert "There is no suggestion" in " ".join(done.stderr.split())


def test_a_saved_result_is_shown_as_it_was_when_it_was_found(training):
    found = call("run", f"{training}:make", "--json", "lr.json", "--probes", 3)
    shown = call("show", "lr.json", "--plot", "lr.png")
    assert shown.exit_code == 0
    result = RangeTestResult.load("lr.json")
    assert f"suggested rate  {result.suggestion.lr:.3g}" in shown.stdout
    assert f"steps           {result.steps_taken} in all" in shown.stdout
    assert f"by steepest     {result.suggest('steepest').lr:.2g}" in shown.stdout
    assert f"1. probe        {result.probes[0].lr:.2g}" in shown.stdout
    said = found.stdout[found.stdout.index("Suggested learning rate") : found.stdout.index("Wrote")]
    assert said in shown.stdout
    assert files_here() == ["lr.json", "lr.png"]
    assert call("show", "lr.json", "--quiet").stdout == f"{result.suggestion.lr:.3g}\n"


def test_a_saved_result_without_a_suggestion_is_shown_with_status_3(training):
    call("run", f"{training}:without_effect", "--json", "lr.json")
    shown = call("show", "lr.json")
    assert shown.exit_code == 3
    assert "ended           the sweep reached its last rate" in shown.stdout
    assert "The loss stayed at 1" in " ".join(shown.stderr.split())


@pytest.mark.parametrize(("text", "answer"), [("{}", "is not a result of lr_finder"), ("no", "not readable as JSON")])
def test_what_is_no_result_is_bad_usage_of_show(training, text, answer):
    Path("lr.json").write_text(text)
    shown = call("show", "lr.json")
    assert shown.exit_code == 2
    assert answer in " ".join(shown.stderr.split())


NARROW = {
    "a suggestion": (
        ["run", "{training}:make", "--start-lr", 1e-3, "--end-lr", 10],
        "The model is as it was before the",
    ),
    "none": (["run", "{training}:without_effect"], "There is no suggestion."),
    "our error": (["run", "{training}:nope"], "Error: train.py has no function 'nope': def nope(): return model,"),
    "an error of click": (["run", "x.py:x", "--num-it", "a-number"], "Error: Invalid value for '--num-it': 'a-number'"),
    "help": (["--help"], '"$(_LR_FIND_COMPLETE=bash_source lr-find)"'),
}


@pytest.mark.parametrize(("arguments", "text"), NARROW.values(), ids=NARROW)
def test_lines_break_between_words_on_a_narrow_terminal_too(training, monkeypatch, arguments, text):
    monkeypatch.chdir(training.parent)
    monkeypatch.setenv("COLUMNS", "40")
    done = call(*(str(argument).format(training=training.name) for argument in arguments))
    assert max(map(len, done.output.splitlines())) <= 40
    assert text in " ".join(done.output.split())


def test_there_is_no_progress_bar_in_a_pipe(training):
    done = call_process("run", f"{training}:make")
    assert done.returncode == 0
    assert done.stderr == ""
    assert "\r" not in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize("function", ["make", "in_steps", "by_name"])
def test_a_tuple_a_tuple_with_keywords_and_a_dictionary_give_the_same(training, function):
    done = call(
        "run", f"{training}:{function}", "--json", "lr.json", "--start-lr", 1e-4, "--end-lr", 50, "--num-it", 60
    )
    assert done.exit_code == 0, done.output
    data = json.loads(Path("lr.json").read_text())
    assert data["lrs"][0] == pytest.approx(1e-4)
    assert data["losses"][0] == pytest.approx(18.0)
    assert data["steps_taken"] == len(data["lrs"]) <= 60


def test_probes_are_announced_on_standard_error_and_kept_in_the_file(training):
    done = call_process("run", f"{training}:make", "--json", "lr.json", "--probes", 3, "--budget", 90)
    assert done.returncode == 0, done.stderr
    assert "short trainings at 3 rates around" in done.stderr
    assert "at most 90 steps" in done.stderr
    assert [len(probe["losses"]) for probe in json.loads(Path("lr.json").read_text())["probes"]] == [30, 30, 30]


@pytest.mark.slow
def test_a_pool_trains_in_processes_that_draw_the_same_weights_and_only_the_rate_is_printed(training):
    """The process of the search has no torch, whose seed would be another in every worker."""
    code = training.read_text().replace("torch.full((1,), 3.0)", "3 + torch.rand(1)")
    training.write_text(code)
    arguments = ("--quiet", "--probes", 3, "--budget", 90, "--json", "lr.json", "--pool", "processes")
    done = call_process("run", f"{training}:in_steps", *arguments)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"[\d.e-]+\n", done.stdout)
    assert done.stderr.strip() == "\n".join(["made by the user's file"] * done.stderr.count("made"))
    result = RangeTestResult.load("lr.json")
    assert {probe.losses[0] for probe in result.probes} == {result.losses[0]}


@pytest.mark.slow
def test_a_mistake_that_a_worker_finds_is_told_in_a_sentence_and_an_error_of_the_users_with_its_place(training):
    done = call_process("run", f"{training}:nothing", "--probes", 3, "--pool", "processes")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    Path("broken.py").write_text("def make():\n    raise ValueError('no data')\n")
    done = call_process("run", "broken.py:make", "--probes", 3, "--pool", "processes")
    assert done.returncode == 1
    assert "broken.py" in done.stderr
    assert done.stderr.rstrip().endswith("ValueError: no data")


def test_how_what_a_function_returns_is_spread():
    assert arguments_of((1, 2)) == ((1, 2), {})
    assert arguments_of((1, 2, {"num_it": 5})) == ((1, 2), {"num_it": 5})
    assert arguments_of({"model": 1, "wd": 0.1}) == ((1,), {"wd": 0.1})
    assert arguments_of([1, 2]) == (([1, 2],), {})


def test_the_users_directory_is_importable_during_the_run_only(training):
    paths, modules = list(sys.path), set(sys.modules)
    assert call("run", f"{training}:make", "--quiet").exit_code == 0
    assert sys.path == paths
    assert "train" not in set(sys.modules) - modules


def test_without_a_suggestion_the_status_is_3_and_the_reason_is_on_standard_error(training):
    done = call("run", f"{training}:without_effect", "--json", "lr.json")
    assert done.exit_code == 3
    assert "The loss stayed at 1" in done.stderr
    assert "The loss stayed at 1" not in done.stdout
    assert files_here() == ["lr.json"]


def test_without_a_suggestion_quiet_prints_nothing_on_standard_output(training):
    done = call("run", f"{training}:without_effect", "--quiet")
    assert done.exit_code == 3
    assert done.stdout == ""
    assert "There is no suggestion." in " ".join(done.stderr.split())  # wrapped to the width of the terminal


BAD_USAGE = {
    "no function named": (["run", "train.py"], "expected FILE.py:FUNCTION or MODULE:FUNCTION, got 'train.py'"),
    "no such file": (["run", "nowhere.py:make"], "there is no file 'nowhere.py'"),
    "no such module": (["run", "package.nowhere:make"], "there is no module 'package' here or installed"),
    "a notebook": (["run", "nowhere.ipynb:make"], "jupyter nbconvert --to script nowhere.ipynb"),
    "no such function": (["run", "{training}:nope"], "has no function 'nope': def nope(): return model, optimizer"),
    "a function misspelt": (["run", "{training}:mkae"], "is make meant?"),
    "not a function": (["run", "{training}:not_a_function"], "has no function 'not_a_function'"),
    "a function with an argument": (["run", "{training}:with_argument"], "must be a function without arguments"),
    "a function that returns nothing": (["run", "{training}:nothing"], "nothing returned None; it must return what"),
    "an unsupported kind": (["run", "{training}:unsupported"], "does not know what to do with int"),
    "nothing to train": (["run", "{training}:dictionary_without_model"], "exactly one of training, model, step"),
    "an unknown keyword": (["run", "{training}:wrong_keyword"], "has no argument 'bogus' here"),
    "too few steps": (["run", "{training}:make", "--num-it", "1"], "num_it must be at least 2, got 1"),
    "no number": (["run", "{training}:make", "--start-lr", "x"], "'x' is not a valid float"),
    "no schedule": (["run", "{training}:make", "--schedule", "step"], "'step' is not one of 'constant', 'cosine'"),
    "no steps to come": (["run", "{training}:make", "--total-steps", "0"], "total_steps must be at least 1, got 0"),
    "no groups": (["run", "{training}:make", "--by-group"], "by_group=True needs parameter groups that differ"),
    "no rate": (["run", "{training}:make", "--start-lr", "nan"], "start_lr must be finite"),
    "not JSON": (["run", "{training}:make", "--json", "lr.csv"], "--json must end in .json, got 'lr.csv'"),
    "no image": (["run", "{training}:make", "--plot", "lr"], "--plot must end in .png or .svg or .pdf, got 'lr'"),
    "no such directory": (["demo", "--plot", "nowhere/lr.png"], "'nowhere/lr.png' cannot be written"),
    "a directory": (["demo", "--json", "."], "is a directory"),
}


@pytest.mark.parametrize(("arguments", "text"), BAD_USAGE.values(), ids=BAD_USAGE)
def test_bad_usage_has_status_2_and_a_message_without_a_traceback(training, arguments, text):
    done = call(*(argument.format(training=training) for argument in arguments))
    assert done.exit_code == 2, done.output
    assert text in " ".join(done.stderr.split())  # wrapped to the width of the terminal
    assert "Traceback" not in done.stderr
    assert files_here() == []


def test_files_that_cannot_be_written_are_found_out_before_anything_is_run(training):
    done = call("run", f"{training}:make", "--json", "nowhere/lr.json")
    assert done.exit_code == 2
    assert "made by the user's file" not in done.output


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("train.py:failing", "ValueError: the data is broken"),
        ("raising.py:make", "ValueError: no data here"),
        ("broken.py:make", "SyntaxError: "),
        ("needing.py:make", "ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
    ],
)
def test_what_the_users_own_code_raises_is_shown_with_its_own_part_of_the_traceback(training, target, error):
    done = call_process("run", training.parent / target)
    assert done.returncode == 1
    assert f"\n{error}" in done.stderr
    files = re.findall(r'File "(.*?)"', done.stderr)
    assert files == [str(training.parent / target.partition(":")[0])] * len(files) != []
    assert "partial_result" not in done.stderr


def test_control_characters_in_an_error_are_written_out(training):
    done = call("run", "\x1b[2Jevil.py:make")
    assert done.exit_code == 2
    assert "\x1b" not in done.stderr


def test_a_missing_plot_library_costs_the_drawing_and_not_the_result(training, monkeypatch):
    monkeypatch.setitem(sys.modules, "uniplot", None)
    done = call("run", f"{training}:make")
    assert done.exit_code == 0
    said = " ".join(done.stdout.split())
    assert "No plot here: uniplot is needed here and is not installed: pip install uniplot" in said
    assert "Suggested learning rate" in done.stdout


def test_a_missing_image_library_is_told_before_anything_is_run(training, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = call("run", f"{training}:make", "--plot", "lr.png")
    assert done.exit_code == 1
    assert "pip install matplotlib" in done.stderr
    assert "made by the user's file" not in done.output


@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
def test_after_an_interrupt_what_was_seen_so_far_is_kept_and_the_status_is_130(training):
    command = [sys.executable, "-m", "lr_finder", "run", f"{training}:endless", "--json", "lr.json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for _ in range(5):
            while "a step" not in process.stdout.readline():
                time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Interrupted." in errors
    assert "Traceback" not in errors
    assert "Wrote lr.json." in output
    assert RangeTestResult.load("lr.json").stop_reason.name == "INTERRUPTED"

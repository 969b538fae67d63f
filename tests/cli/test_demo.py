import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

from lr_finder import RangeTestResult
from lr_finder.cli import main

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """One run of `lr-find demo`: its output, and the directory in which it ran."""
    directory = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-m", "lr_finder", "demo"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, directory


def accuracies(output):
    """Rate and accuracy in percent of the three trainings, by the name of the rate."""
    rows = re.findall(r"^ +(\S+) +(a tenth of it|the suggestion|ten times it) +([\d.]+)%$", output, flags=re.MULTILINE)
    return {name: (float(lr), float(accuracy)) for lr, name, accuracy in rows}


def test_it_shows_the_curve_the_suggestion_and_the_reason(demo):
    output, _ = demo
    assert "loss against learning rate" in output
    assert "Suggested learning rate" in output
    assert "The loss fell from" in " ".join(output.split())


def test_it_writes_its_two_files_and_nothing_else(demo):
    output, directory = demo
    assert sorted(path.name for path in directory.iterdir()) == ["lr_find.json", "lr_find.png"]
    assert (directory / "lr_find.png").read_bytes().startswith(b"\x89PNG")
    assert "Wrote lr_find.png and lr_find.json." in output


def test_the_three_trainings_are_a_tenth_of_the_suggestion_the_suggestion_and_ten_times_it(demo):
    output, directory = demo
    suggested = RangeTestResult.load(directory / "lr_find.json").suggestion.lr
    rates = [lr for lr, _ in accuracies(output).values()]
    assert rates == pytest.approx([suggested / 10, suggested, suggested * 10], rel=0.05)


def test_the_suggestion_is_clearly_the_best_of_the_three(demo):
    output, _ = demo
    found = {name: accuracy for name, (_, accuracy) in accuracies(output).items()}
    assert found["the suggestion"] > 85
    assert found["the suggestion"] > found["a tenth of it"] + 4
    assert found["the suggestion"] > found["ten times it"] + 4


def test_it_ends_with_what_to_do_next(demo):
    output, _ = demo
    assert "lr-find run train.py:make --plot lr.png" in output.split("Nothing but the learning rate differs")[1]


def test_quiet_prints_the_rate_alone_and_trains_no_more(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bounds = ["--start-lr", "1e-4", "--end-lr", "1", "--num-it", "60"]
    done = CliRunner().invoke(main, ["demo", "--quiet", "--json", "other.json", "--plot", "other.svg", *bounds])
    assert done.exit_code == 0, done.output
    assert done.stdout == f"{RangeTestResult.load('other.json').suggestion.lr:.3g}\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.json", "other.svg"]


def test_a_missing_piece_is_told_with_the_line_that_installs_it(tmp_path):
    code = "import sys; sys.modules['sklearn'] = None\nfrom lr_finder.cli import main; main(['demo'])"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install torch matplotlib uniplot scikit-learn" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr

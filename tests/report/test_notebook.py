"""A notebook that is executed: what its cells show."""

import subprocess
import sys

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from curves import valley_curve
from lr_finder import Curve, RangeTestResult
from lr_finder.curve.probe import Probe

SEARCH = """
import torch
from lr_finder import compare, lr_find

def find(step=None, **options):
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    inputs = torch.randn(64, 4)
    loader = [(inputs, inputs.sum(1, keepdim=True))]
    return lr_find(model, optimizer, step or torch.nn.MSELoss(), loader, **options)
"""

INTERRUPTED = """
calls = 0

def loss_fn(output, target):
    global calls
    calls += 1
    if calls == 40:
        raise KeyboardInterrupt
    return torch.nn.functional.mse_loss(output, target)

find(loss_fn, start_lr=1e-4, end_lr=10)
"""

CELLS = [
    SEARCH,
    "result = find(probes=3)\nresult",
    "compare({'a': result, '<b>': result})",
    "result.curve",
    INTERRUPTED,
]


@pytest.fixture(scope="module")
def outputs():
    """The outputs of each cell."""
    cells = [nbformat.v4.new_code_cell(code) for code in CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, kernel_name="python3", timeout=120, allow_errors=True).execute()
    return [cell.outputs for cell in notebook.cells]


def html_of(outputs):
    return "".join(output.data.get("text/html", "") for output in outputs if "data" in output)


@pytest.mark.slow
def test_a_result_shows_its_headline_its_picture_and_its_explanation(outputs):
    text = html_of(outputs[1])
    assert "Suggested learning rate" in text
    assert 'src="data:image/png;base64,' in text
    assert "Start training with" in text


@pytest.mark.slow
def test_a_notice_is_no_error(outputs):
    streams = {output.name: output.text for output in outputs[1] if output.output_type == "stream"}
    assert "short trainings at 3 rates" in streams["stdout"]
    assert "stderr" not in streams


def test_a_script_that_imports_the_package_of_kernels_is_no_notebook():
    code = "import IPython, ipykernel; from lr_finder.progress import say; say('Said.')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "Said.\n")


@pytest.mark.slow
def test_a_comparison_shows_its_picture_and_its_table(outputs):
    text = html_of(outputs[2])
    assert 'src="data:image/png;base64,' in text
    assert "<table>" in text
    assert "&lt;b&gt;" in text


@pytest.mark.slow
def test_a_curve_is_a_line(outputs):
    (output,) = outputs[3]
    assert output.data["text/plain"].startswith("Curve(")
    assert "\n" not in output.data["text/plain"]


@pytest.mark.slow
def test_a_cell_that_is_stopped_shows_what_there_was_until_then(outputs):
    assert "In 39 training steps" in html_of(outputs[4])
    assert outputs[4][-1].ename == "KeyboardInterrupt"


def test_long_data_are_a_line():
    assert repr(valley_curve()) == "Curve(200 steps, 1e-06 .. 10, lowest loss 0.3152, the loss diverged)"
    assert repr(Curve([], [])) == "Curve(0 steps, the sweep reached its last rate)"
    assert repr(Probe(1e-2, np.array([2.0, 1.0]), None, 1.0, 1)) == (
        "Probe(0.01: the loss fell by 1 to 1, 2 steps, rank 1)"
    )
    assert repr(Probe(1e-2, np.full(900, np.nan), None, -np.inf, 2)) == "Probe(0.01: ran away, 900 steps, rank 2)"


def test_without_matplotlib_a_cell_has_the_words():
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from lr_finder import Curve, RangeTestResult\n"
        "print(RangeTestResult(Curve([1.0], [1.0]), 1)._repr_html_())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "No suggestion" in done.stdout
    assert "img" not in done.stdout


def test_what_a_cell_shows_is_escaped():
    result = RangeTestResult(Curve([1.0], [1.0], notes=("<script>",)), 1)
    assert "<script>" not in result._repr_html_()

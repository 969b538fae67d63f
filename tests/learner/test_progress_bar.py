"""Bars on a terminal, none in a pipe; cleared away at the end; and the table on standard output."""

import io
from contextlib import contextmanager, redirect_stderr, redirect_stdout

import pytest
import torch

from learner.learners import small_learner
from lr_finder.learner import Callback
from lr_finder.learner.progress_bar import TrainingBar


class Terminal(io.StringIO):
    """Something to write to that looks like a terminal, and shows what would stand on it."""

    def isatty(self):
        return True

    def screen(self):
        """The lines that are left, after carriage returns and upward moves of the cursor."""
        lines, row, column = [""], 0, 0
        text = self.getvalue().replace("\x1b[A", "\x0b")
        for character in text:
            if character == "\r":
                column = 0
            elif character == "\n":
                row, column = row + 1, 0
                lines += [""] * (row + 1 - len(lines))
            elif character == "\x0b":
                row = max(row - 1, 0)
            else:
                line = lines[row].ljust(column)
                lines[row] = line[:column] + character + line[column + 1 :]
                column += 1
        return [line.rstrip() for line in lines if line.strip()]


@contextmanager
def on_terminal():
    """Both standard streams on one terminal; a fixture could not do it, since pytest sets them anew for the test."""
    terminal = Terminal()
    with redirect_stdout(terminal), redirect_stderr(terminal):
        yield terminal


def run(pbar, error=None):
    with pbar:
        for _ in pbar:
            for batch in pbar.batches(range(4), total=4):
                if error is not None and batch == 2:
                    raise error


def test_bars_show_epochs_and_batches_and_are_cleared_away():
    with on_terminal() as terminal:
        run(TrainingBar(range(2)))
        shown = terminal.getvalue()
        assert "epoch:   0%" in shown
        assert "/2 [" in shown
        assert "batch:   0%" in shown
        assert "/4 [" in shown
        assert terminal.screen() == []


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError()], ids=["Ctrl-C", "raises"])
@pytest.mark.parametrize("clean", [True, False])
def test_an_interrupt_clears_the_bars_away_when_told_so(error, clean):
    with on_terminal() as terminal:
        pbar = TrainingBar(range(2))
        pbar.clean_on_interrupt = clean
        with pytest.raises(type(error)):
            run(pbar, error)
        names = [line.split(":")[0] for line in terminal.screen()]
        assert names == ([] if clean else ["epoch", "batch"])


def test_a_pipe_gets_no_bars(capsys):
    run(TrainingBar(range(2)))
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("show", [True, False])
def test_bars_can_be_forced_on_and_off(capsys, show):
    run(TrainingBar(range(2), show=show))
    assert ("epoch" in capsys.readouterr().err) == show


def test_a_comment_stands_beside_the_batches():
    with on_terminal() as terminal, TrainingBar(range(1)) as pbar:
        for _ in pbar:
            for _ in pbar.batches(range(1), total=1):
                pbar.child.comment = "2.3026"
                pbar.child.refresh()
                assert any("2.3026" in line for line in terminal.screen())
                assert pbar.child.comment == "2.3026"


def test_rows_stand_in_columns_under_their_names(capsys):
    pbar = TrainingBar(range(1))
    pbar.write(["epoch", "a_longer_name", "time"], table=True)
    pbar.write(["0", "0.5", "00:01"], table=True)
    pbar.write("and a line of text")
    assert capsys.readouterr().out == (
        "epoch     a_longer_name  time    \n0         0.5            00:01   \nand a line of text\n"
    )


def test_a_training_leaves_its_table_on_the_terminal():
    with on_terminal() as terminal:
        learn = small_learner(silent=False)
        learn.fit(2, 1e-3)
        assert [line.split()[0] for line in terminal.screen()] == ["epoch", "0", "1"]


def test_a_sweep_leaves_its_last_line_only():
    with on_terminal() as terminal:
        small_learner(silent=False).lr_find(num_it=12)
        assert "batch" in terminal.getvalue()
        assert terminal.screen() == ["LR Finder is complete, type {learner_name}.recorder.plot() to see the graph."]


def test_an_interrupted_sweep_leaves_nothing():
    with on_terminal() as terminal:

        class Interrupting(Callback):
            def on_batch_end(self, iteration, **kwargs):
                if iteration == 3:
                    raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            small_learner(silent=False, callbacks=Interrupting()).lr_find(num_it=12)
        assert "batch" in terminal.getvalue()
        assert terminal.screen() == []


@pytest.mark.parametrize(
    ("silent", "progress", "shown"), [(True, None, False), (True, True, True), (False, False, False)]
)
def test_progress_decides_for_a_sweep_and_silent_where_it_is_left_out(silent, progress, shown):
    with on_terminal() as terminal:
        small_learner(silent=silent).lr_find(num_it=12, progress=progress)
        assert ("batch" in terminal.getvalue()) == shown


def test_a_silent_training_prints_nothing():
    with on_terminal() as terminal:
        torch.manual_seed(0)
        small_learner(silent=True).fit(1)
        assert terminal.getvalue() == ""

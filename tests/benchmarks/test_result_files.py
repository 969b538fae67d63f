import math
import threading

import pytest
from benchmarks.result_files import add_lines, read_lines


def test_a_file_that_is_not_there_has_no_lines(tmp_path):
    assert read_lines(tmp_path / "none.jsonl") == []


def test_lines_are_read_as_they_were_added_to_the_last_bit(tmp_path):
    file = tmp_path / "lines.jsonl"
    lines = [{"lr": 0.1 + 0.2, "losses": [5e-324, -0.0, 1e308, None]}, {"reason": "one\nline\u2028√"}]
    add_lines(file, lines[0])
    add_lines(file, lines[1], lines[0])
    assert repr(read_lines(file)) == repr([*lines, lines[0]])
    assert len(file.read_bytes().splitlines()) == 3


def test_what_json_cannot_say_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        add_lines(tmp_path / "lines.jsonl", {"lr": 1.0}, {"lr": math.nan})
    assert read_lines(tmp_path / "lines.jsonl") == []


def test_several_writers_leave_whole_lines(tmp_path):
    file = tmp_path / "lines.jsonl"

    def write(writer: int) -> None:
        for number in range(50):
            add_lines(file, {"writer": writer, "number": number, "long": "x" * 20_000})

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted((line["writer"], line["number"]) for line in read_lines(file)) == [
        (writer, number) for writer in range(4) for number in range(50)
    ]

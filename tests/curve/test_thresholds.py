import re
from pathlib import Path

from lr_finder.curve import thresholds

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
SOURCE = Path(thresholds.__file__).read_text()


def test_every_threshold_says_what_it_does_and_where_it_was_chosen():
    named = re.findall(r'^([A-Z_, ]+) = .+\n"""([^"]|"(?!""))+"""', SOURCE, flags=re.MULTILINE)
    values = re.findall(r"^[A-Z_, ]+ = ", SOURCE, flags=re.MULTILINE)
    assert len(named) == len(values) > 30


def test_the_result_files_that_they_name_are_there():
    files = set(re.findall(r"\w+\.jsonl?\b", SOURCE))
    assert files
    assert all((RESULTS / name).is_file() for name in files)

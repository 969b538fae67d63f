"""The places that name the version agree."""

import re
from pathlib import Path

from lr_finder import __version__

ROOT = Path(__file__).parent.parent


def test_citation_and_changelog_name_the_version_and_the_same_day():
    citation = (ROOT / "CITATION.cff").read_text()
    (version,) = re.findall(r"^version: (.+)$", citation, flags=re.MULTILINE)
    (released,) = re.findall(r"^date-released: (.+)$", citation, flags=re.MULTILINE)
    newest = re.search(r"^## (\d\S*) - (\S+)$", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert newest is not None
    assert newest.groups() == (version, released)
    assert version == __version__

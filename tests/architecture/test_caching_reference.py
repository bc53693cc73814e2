"""The page of caching rules names tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "caching.md"


def test_every_row_names_tests_that_there_are() -> None:
    sources = [path.read_text() for path in (ROOT / "tests").rglob("test_*.py")]
    exist = {name for text in sources for name in re.findall(r"def (test_\w+)", text)}
    rows = [line for line in PAGE.read_text().splitlines() if re.match(r"\| §", line)]
    assert rows
    for row in rows:
        shown_by = row.split(" | ")[-1]
        named = set(re.findall(r"`(test_\w+)`", shown_by))
        assert named, row
        assert named <= exist, row

"""Counts of test cases, from the report that pytest writes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self
from xml.etree import ElementTree as ET


@dataclass(frozen=True, slots=True)
class Counts:
    """How many test cases ended how."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Self) -> "Counts":
        return Counts(
            self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped
        )

    def __str__(self) -> str:
        line = f"{self.passed} passed, {self.failed} failed"
        return f"{line}, {self.skipped} skipped" if self.skipped else line


def read_counts(junit: Path) -> Counts:
    """Sum the suites of a JUnit report; a run that wrote none counted nothing."""
    if not junit.is_file():
        return Counts()
    return sum(map(suite_counts, ET.parse(junit).iter("testsuite")), Counts())


def suite_counts(suite: ET.Element) -> Counts:
    """Read the counts of one suite; an error is a failure to us."""

    def count(name: str) -> int:
        return int(suite.get(name, "0"))

    failed, skipped = count("failures") + count("errors"), count("skipped")
    return Counts(count("tests") - failed - skipped, failed, skipped)

"""Byte ranges (RFC 9110 §14): a Range field in, spans of the representation out.

Two of the RFC's liberties are used. Overlapping or touching ranges are sent as one. A request that
could make us send far more than it costs to ask (more than sixteen ranges, or more than two that
overlap) is answered as if the field were absent.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Final

from core.errors import InputFault

LONGEST_FIELD: Final = 1024
MOST_RANGES: Final = 16
MOST_OVERLAPPING: Final = 2

_UNIT = re.compile(r"bytes[ \t]*=[ \t]*", re.ASCII | re.IGNORECASE)
_CONTENT_RANGE = re.compile(
    r"bytes[ \t]+(\d{1,18})-(\d{1,18})/(\d{1,18})", re.ASCII | re.IGNORECASE
)
_SPEC = re.compile(r"(?P<first>\d+)-(?P<last>\d*)|-(?P<suffix>\d+)", re.ASCII)


class UnsatisfiableRange(InputFault):
    """The requested range lies wholly outside the representation."""

    status: ClassVar[int] = 416
    code: ClassVar[str] = "range.unsatisfiable"

    def __init__(self, length: int) -> None:
        super().__init__(f"no byte of the requested range lies within {length} bytes")
        self.length = length


@dataclass(frozen=True, slots=True)
class RangeSpec:
    """One range as written.

    `first-last`; `first-`, with `last` None; or, with `first` None, the last `last` bytes.
    """

    first: int | None
    last: int | None


@dataclass(frozen=True, slots=True)
class ByteSpan:
    """The bytes from `start` up to, not including, `stop`."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        """How many bytes the span covers."""
        return self.stop - self.start

    def content_range(self, total: int) -> str:
        """The Content-Range value of this span of a representation of `total` bytes (§14.4)."""
        return f"bytes {self.start}-{self.stop - 1}/{total}"


class Outcome(Enum):
    """What a Range field comes to when it names no spans."""

    WHOLE = "whole"
    UNSATISFIABLE = "unsatisfiable"


def parse_range(value: str) -> tuple[RangeSpec, ...] | None:
    """Read a Range field.

    None when it is to be ignored: another unit, a syntax error, or a last before its first.
    """
    unit = _UNIT.match(value)
    if unit is None or len(value) > LONGEST_FIELD:
        return None
    specs: list[RangeSpec] = []
    for written in value[unit.end() :].split(","):
        if not (element := written.strip(" \t")):
            continue  # RFC 9110 §5.6.1.2: a recipient ignores empty list elements
        spec = _parse_spec(element)
        if spec is None:
            return None
        specs.append(spec)
    return tuple(specs) or None


def parse_content_range(value: str) -> tuple[ByteSpan, int] | None:
    """Read a Content-Range (§14.4): the span and the complete length.

    None when it is another unit, has no length, or means nothing.
    """
    match = _CONTENT_RANGE.fullmatch(value)
    if match is None:
        return None
    first, last, total = map(int, match.groups())
    return (ByteSpan(first, last + 1), total) if first <= last < total else None


def _parse_spec(element: str) -> RangeSpec | None:
    match = _SPEC.fullmatch(element)
    if match is None:
        return None
    if match["suffix"]:
        return RangeSpec(None, int(match["suffix"]))
    first = int(match["first"])
    last = int(match["last"]) if match["last"] else None
    if last is not None and last < first:
        return None
    return RangeSpec(first, last)


def resolve(value: str, length: int) -> tuple[ByteSpan, ...] | Outcome:
    """The spans that a Range field selects of `length` bytes, in the order asked for."""
    specs = parse_range(value)
    if specs is None or len(specs) > MOST_RANGES:
        return Outcome.WHOLE
    spans = [span for spec in specs if (span := _clamp(spec, length)) is not None]
    if not spans:
        return Outcome.UNSATISFIABLE
    if _overlapping(spans) > MOST_OVERLAPPING:
        return Outcome.WHOLE
    return _coalesce(spans)


def _clamp(spec: RangeSpec, length: int) -> ByteSpan | None:
    if spec.first is None:
        assert spec.last is not None
        return ByteSpan(max(0, length - spec.last), length) if spec.last and length else None
    if spec.first >= length:
        return None
    return ByteSpan(spec.first, length if spec.last is None else min(spec.last + 1, length))


def _overlapping(spans: Sequence[ByteSpan]) -> int:
    """How many of the spans share a byte with another one."""
    return sum(
        any(a is not b and a.start < b.stop and b.start < a.stop for b in spans) for a in spans
    )


def _coalesce(spans: Sequence[ByteSpan]) -> tuple[ByteSpan, ...]:
    """Join spans that overlap or touch; a joined span stands where its first part stood."""
    joined: list[ByteSpan] = []
    for span in spans:
        start, stop, place = span.start, span.stop, len(joined)
        for at in reversed(range(len(joined))):
            other = joined[at]
            if start <= other.stop and other.start <= stop:
                start, stop, place = min(start, other.start), max(stop, other.stop), at
                del joined[at]
        joined.insert(place, ByteSpan(start, stop))
    return tuple(joined)

"""Slices: the pieces of 1 MiB in which a body is stored, let go of and fetched.

The slices of a body are numbered from 0; all have the same size but the last. A body without bytes
has one slice, which is empty, so that everything stored has a slice.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from core.http.byterange import ByteSpan, RangeSpec

SLICE_BYTES: Final = 2**20
# What one fetch asks for at most, and what one answer of the data plane is made of at most.
MOST_SLICES: Final = 16


def slice_count(length: int) -> int:
    """How many slices a body of `length` bytes has."""
    return max(1, -(-length // SLICE_BYTES))


def slice_span(number: int, length: int) -> ByteSpan:
    """The bytes of one slice of a body of `length` bytes."""
    start = number * SLICE_BYTES
    return ByteSpan(start, min(start + SLICE_BYTES, length))


def run_span(run: range, length: int) -> ByteSpan:
    """The bytes of slices that follow one another."""
    return ByteSpan(run.start * SLICE_BYTES, min(run.stop * SLICE_BYTES, length))


def slices_of(span: ByteSpan) -> range:
    """The slices that hold a byte of the span."""
    if span.stop <= span.start:
        return range(0)
    return range(span.start // SLICE_BYTES, -(-span.stop // SLICE_BYTES))


def needed(spans: Iterable[ByteSpan]) -> tuple[int, ...]:
    """The slices that hold a byte of any of the spans, each once, in order."""
    return tuple(sorted({number for span in spans for number in slices_of(span)}))


def run_from(number: int, missing: Iterable[int], most: int = MOST_SLICES) -> range:
    """The slices to ask for at once when `number` is missing: those that follow it and are, too."""
    wanted = frozenset(missing)
    stop = number + 1
    while stop in wanted and stop - number < most:
        stop += 1
    return range(number, stop)


def first_run(specs: Sequence[RangeSpec], most: int = MOST_SLICES) -> range:
    """The slices to ask for when nothing is known of a body but that these ranges are wanted.

    Those of the first range; where that is counted from the end, the first slice, whose answer
    tells where the end is.
    """
    spec = specs[0]
    if spec.first is None:
        return range(1)
    start = spec.first // SLICE_BYTES
    stop = start + most if spec.last is None else spec.last // SLICE_BYTES + 1
    return range(start, min(stop, start + most))

"""NAL units, of which H.264 and HEVC are made: start codes, length fields, emulation prevention."""

import re
from collections.abc import Iterator

from core.isobmff.sample_entry import InvalidDecoderConfiguration

START_CODE = re.compile(rb"\x00\x00\x01")
LENGTH_BYTES = 4


def annexb_units(data: bytes) -> Iterator[bytes]:
    """Give the NAL units between start codes (ISO/IEC 14496-10 Annex B, 23008-2 Annex B).

    Zero bytes before a start code, and at the end, belong to no unit.
    """
    starts = [match.end() for match in START_CODE.finditer(data)]
    ends = [start - 3 for start in starts[1:]] + [len(data)]
    for start, end in zip(starts, ends, strict=False):
        unit = data[start:end].rstrip(b"\0")
        if unit:
            yield unit


def is_annexb(data: bytes) -> bool:
    """Whether bytes begin with a start code."""
    return data.startswith((b"\0\0\1", b"\0\0\0\1"))


def length_prefixed(units: Iterator[bytes] | list[bytes]) -> bytes:
    """Join NAL units, each behind its length in four bytes (ISO/IEC 14496-15 §4.3)."""
    return b"".join(len(unit).to_bytes(LENGTH_BYTES) + unit for unit in units)


def prefixed_units(sample: bytes, length_size: int) -> list[bytes]:
    """List the NAL units of a length-prefixed sample.

    Raises `InvalidDecoderConfiguration` when the lengths do not add up to the sample.
    """
    units = []
    at, size = 0, len(sample)
    while at < size:
        body = at + length_size
        end = body + int.from_bytes(sample[at:body])
        if end > size or end == body:
            raise InvalidDecoderConfiguration(
                f"a NAL unit at byte {at} does not fit its sample of {size} bytes"
            )
        units.append(sample[body:end])
        at = end
    return units


def without_emulation(unit: bytes) -> bytes:
    """Give a unit's bytes without emulation prevention (ISO/IEC 14496-10 §7.4.1)."""
    return re.sub(rb"\x00\x00\x03(?=[\x00-\x03]|$)", b"\x00\x00", unit)

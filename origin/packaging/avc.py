"""H.264 as stored in MP4: the decoder configuration record and the NAL units of a sample."""

from typing import NamedTuple

IDR = 5
SEQUENCE_PARAMETERS = 7
PICTURE_PARAMETERS = 8


class AvcConfiguration(NamedTuple):
    """An `avcC` record (ISO/IEC 14496-15 §5.3.3.1): length field size in bytes, parameter sets."""

    length_size: int
    parameter_sets: frozenset[bytes]


def parse_configuration(record: bytes) -> AvcConfiguration:
    """Read an `avcC` record. Raises `ValueError` when it is none or lacks a parameter set."""
    if len(record) < 7 or record[0] != 1:
        raise ValueError("no AVC decoder configuration record")
    length_size = (record[4] & 3) + 1
    sequence_sets, offset = _parameter_sets(record, 6, record[5] & 31)
    if offset >= len(record):
        raise ValueError("the AVC decoder configuration record is cut short")
    picture_sets, _ = _parameter_sets(record, offset + 1, record[offset])
    if not sequence_sets or not picture_sets:
        raise ValueError("the parameter sets are not in the decoder configuration record")
    return AvcConfiguration(length_size, frozenset(sequence_sets + picture_sets))


def _parameter_sets(record: bytes, offset: int, count: int) -> tuple[list[bytes], int]:
    sets = []
    for _ in range(count):
        length = int.from_bytes(record[offset : offset + 2])
        unit = record[offset + 2 : offset + 2 + length]
        if length == 0 or len(unit) != length:
            raise ValueError("the AVC decoder configuration record is cut short")
        sets.append(unit)
        offset += 2 + length
    return sets, offset


def nal_units(sample: bytes, length_size: int) -> list[tuple[int, int, int]]:
    """List the NAL units of a length-prefixed sample: type, start of its length field, end.

    Raises `ValueError` when the lengths do not add up to the sample (ISO/IEC 14496-15 §5.3.2).
    """
    units = []
    at, size = 0, len(sample)
    while at < size:
        body = at + length_size
        end = body + int.from_bytes(sample[at:body])
        if end > size or end == body:
            raise ValueError(f"a NAL unit at byte {at} does not fit its sample of {size} bytes")
        units.append((sample[body] & 31, at, end))
        at = end
    return units

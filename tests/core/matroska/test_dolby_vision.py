"""Dolby Vision in the head of a Matroska file, written by hand and spoiled at random."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.matroska.dolby_vision import dolby_vision_records
from core.matroska.element import Element, elements

RECORD = b"\1\0\x0a\x35\0" + bytes(19)


def element(kind: str, *payload: bytes, unknown: bool = False) -> bytes:
    """Write an element with a size of eight bytes."""
    data = b"".join(payload)
    size = (1 << 56) - 1 if unknown else len(data)
    return bytes.fromhex(kind) + (1 << 56 | size).to_bytes(8) + data


def mapping(kind: bytes = b"dvcC", record: bytes = RECORD) -> bytes:
    return element("41e4", element("41e7", kind), element("41ed", record))


def entry(kind: int, *more: bytes) -> bytes:
    return element("ae", element("d7", b"\1"), element("83", bytes([kind])), *more)


def film(*entries: bytes, unknown: bool = False) -> bytes:
    head = element("1a45dfa3", element("4282", b"matroska"))
    tracks = element("1654ae6b", *entries)
    return head + element("18538067", element("ec", bytes(50)), tracks, unknown=unknown)


WHOLE = film(entry(2), entry(1), entry(1, mapping(b"mvcC"), mapping()))


@pytest.mark.parametrize(
    ("head", "records"),
    [
        (film(), []),
        (WHOLE, [b"", RECORD]),
        (film(entry(1, mapping(b"dvvC")), unknown=True), [RECORD]),
        (film(entry(1, mapping(record=RECORD[:-1]))), [b""]),
        (film(entry(1, mapping(b"hvcE"))), [b""]),
        (b"", []),
        (b"\0" * 100, []),
    ],
)
def test_records_are_those_of_video_tracks(head: bytes, records: list[bytes]) -> None:
    assert dolby_vision_records(head) == records


def test_sizes_of_any_length_are_read() -> None:
    data = bytes.fromhex("ec 81 00 ec 4001 00 ec ff 0102")
    found = list(elements(data, 0, len(data)))
    assert found == [Element(0xEC, 2, 3), Element(0xEC, 6, 7), Element(0xEC, 9, 11)]


@given(st.integers(0, len(WHOLE)), st.integers(0, len(WHOLE) - 1), st.binary(max_size=4))
def test_what_is_spoiled_gives_whole_records_or_none(end: int, at: int, new: bytes) -> None:
    spoiled = (WHOLE[:at] + new + WHOLE[at + len(new) :])[:end]
    assert all(len(record) in (0, 24) for record in dolby_vision_records(spoiled))


@given(st.binary(max_size=200))
def test_any_bytes_are_walked_to_an_end(data: bytes) -> None:
    for each in elements(data, 0, len(data)):
        assert 0 < each.start <= each.stop <= len(data)

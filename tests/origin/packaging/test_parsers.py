"""The small parsers of codec configurations and boxes: sound input, and any input at all."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.packaging import aac, avc
from origin.packaging.boxes import OuterBoxes, outer_boxes
from tests.fixtures.hostile import avc_record

RECORD = avc_record(4, 3)


def test_an_avc_record_gives_length_size_and_parameter_sets() -> None:
    configuration = avc.parse_configuration(RECORD)
    assert configuration.length_size == 4
    assert {unit[0] & 31 for unit in configuration.parameter_sets} == {7, 8}


@pytest.mark.parametrize("length", range(len(RECORD)))
def test_an_avc_record_cut_short_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=r"record"):
        avc.parse_configuration(RECORD[:length])


def test_annex_b_parameter_sets_are_no_record() -> None:
    with pytest.raises(ValueError, match="no AVC decoder configuration record"):
        avc.parse_configuration(b"\0\0\0\x01\x67\x42\0\0\0\0\x01\x68\xce")


def test_nal_units_are_listed_with_their_places() -> None:
    sample = b"\0\0\0\x02\x09\xf0" + b"\0\0\0\x03\x65\x88\x84"
    assert avc.nal_units(sample, 4) == [(9, 0, 6), (5, 6, 13)]
    assert avc.nal_units(b"\x02\x41\x9a", 1) == [(1, 0, 3)]


@pytest.mark.parametrize("sample", [b"\0\0\0\x05\x65", b"\0\0\0\0", b"\xff\xff\xff\xff\x65", b"\0"])
def test_nal_lengths_that_do_not_add_up_are_refused(sample: bytes) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        avc.nal_units(sample, 4)


@given(data=st.binary(max_size=200), size=st.integers(1, 4))
def test_any_bytes_are_nal_units_that_tile_the_sample_or_are_refused(
    data: bytes, size: int
) -> None:
    with suppress(ValueError):
        units = avc.nal_units(data, size)
        assert [start for _, start, _ in units] == [0, *(end for _, _, end in units[:-1])][
            : len(units)
        ]
        assert not units or units[-1][2] == len(data)


@given(data=st.binary(max_size=80))
def test_any_bytes_are_an_avc_record_or_refused(data: bytes) -> None:
    with suppress(ValueError):
        assert avc.parse_configuration(b"\x01" + data).parameter_sets


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ("1190", (2, 48000, 2, 1024, False)),
        ("1208", (2, 44100, 1, 1024, False)),
        ("11b056e500", (2, 48000, 6, 1024, False)),
        ("1194", (2, 48000, 2, 960, False)),
        ("2b118800", (2, 24000, 2, 1024, True)),
        ("eb098800", (2, 24000, 1, 1024, True)),
        ("17800bb80880", (2, 1500 * 0 + 0x1770, 1, 1024, False)),
    ],
)
def test_audio_configurations(record: str, expected: tuple[int, int, int, int, bool]) -> None:
    assert aac.parse_configuration(bytes.fromhex(record)) == expected


@pytest.mark.parametrize("record", ["", "11", "17", "16f8", "1780", "11f8"])
def test_audio_configurations_that_make_no_sense_are_refused(record: str) -> None:
    with pytest.raises(ValueError, match=r"cut short|not known"):
        aac.parse_configuration(bytes.fromhex(record))


@given(data=st.binary(max_size=100))
def test_any_bytes_are_an_audio_configuration_or_refused(data: bytes) -> None:
    with suppress(ValueError):
        assert aac.parse_configuration(data).frame_length in (960, 1024)


HUGE_MDAT = b"\0\0\0\x01mdat" + (20 << 30).to_bytes(8)


def box(kind: bytes, body: bytes = b"", *, claim: int = 0) -> bytes:
    return (claim or len(body) + 8).to_bytes(4) + kind + body


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", None),
        (b"short", None),
        (b"no boxes at all, but text", None),
        (box(b"ftyp", b"isom") + box(b"moov") + box(b"mdat", b"x" * 9), OuterBoxes(True, False, 0)),
        (box(b"ftyp") + box(b"mdat", b"x", claim=100), OuterBoxes(False, False, 91)),
        (box(b"ftyp") + box(b"moov") + box(b"moof"), OuterBoxes(True, True, 0)),
        (box(b"ftyp") + b"\0\0\0\0mdat" + b"x" * 50, OuterBoxes(False, False, 0)),
        (box(b"ftyp") + HUGE_MDAT, OuterBoxes(False, False, (20 << 30) - 16)),
        (box(b"ftyp") + b"\0\0\0\x03junk", OuterBoxes(False, False, 0)),
        (box(b"wide") * 1000, OuterBoxes(False, False, 0)),
    ],
)  # fmt: skip
def test_outer_boxes(tmp_path: Path, data: bytes, expected: OuterBoxes | None) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    assert outer_boxes(path) == expected

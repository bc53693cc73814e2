"""Caption channels found in SEI messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text.closed_captions import CaptionScan
from tests.fixtures.captions import avc_sample, dtvcc_packet, hevc_sample, pair


def channels(entry: str, *samples: bytes) -> tuple[str, ...]:
    scan = CaptionScan(entry)
    for sample in samples:
        scan.feed(sample)
    return scan.channels


@pytest.mark.parametrize(
    ("triplets", "found"),
    [
        ([pair(0, 0x14, 0x2C), pair(0, ord("H"), ord("i"))], ("CC1",)),
        ([pair(0, 0x1C, 0x2C)], ("CC2",)),
        ([pair(1, 0x15, 0x2C)], ("CC3",)),
        ([pair(0, 0x14, 0x2C), pair(1, 0x1D, 0x2C)], ("CC1", "CC4")),
        ([pair(0, 0, 0), pair(1, 0, 0)], ()),
        ([pair(0, ord("H"), ord("i"))], ()),
        ([pair(1, 0x01, 0x03), pair(1, ord("A"), ord("B"))], ()),
        (dtvcc_packet({1: b"Hi", 2: b"Ho"}), ("SERVICE1", "SERVICE2")),
        (dtvcc_packet({9: b"Hi"}), ("SERVICE9",)),
    ],
    ids=["CC1", "CC2", "CC3", "two", "null", "no control code", "XDS", "708", "708 extended"],
)
def test_channels(triplets: list[bytes], found: tuple[str, ...]) -> None:
    assert channels("avc1", avc_sample(*triplets)) == found
    assert channels("hvc1", hevc_sample(*triplets)) == found


def test_a_packet_may_go_over_pictures() -> None:
    packet = dtvcc_packet({1: b"A longer line"})
    assert channels("avc1", *(avc_sample(each) for each in packet)) == ("SERVICE1",)


def test_other_codecs_have_none() -> None:
    assert not CaptionScan("av01").is_possible
    assert channels("av01", avc_sample(pair(0, 0x14, 0x2C))) == ()


@given(st.binary(max_size=120))
def test_any_bytes_are_passed_over(data: bytes) -> None:
    sample = avc_sample(pair(0, 0x14, 0x2C))
    for each in (data, sample[: len(data)], sample + data, data + sample):
        assert set(channels("avc1", each)) <= {"CC1", "CC2", "CC3", "CC4"} or data


@given(st.lists(st.binary(min_size=3, max_size=3), max_size=31))
def test_any_captions_end_in_channels(triplets: list[bytes]) -> None:
    for channel in channels("avc1", avc_sample(*triplets)):
        assert channel.startswith(("CC", "SERVICE"))

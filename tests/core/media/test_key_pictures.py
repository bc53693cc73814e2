"""Which pictures a player may wind through, and what each costs."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.media.build import segment_table
from core.media.description import TrackDescription, encode_description
from core.media.iframes import IFrames
from core.media.key_pictures import key_pictures
from core.media.presentation import TrackKind
from core.media.ticks import Ticks
from core.media.timeline import CutPlan
from native import PICTURE_HEADER_BYTES, TrackIndex
from tests.fixtures.indexes import SYNC, Row, index_bytes

OPEN = 2
DESCRIPTION = encode_description(
    TrackDescription(kind=TrackKind.VIDEO, codec="avc1.64001f", sample_entry=b"")
)


def chosen(rows: list[Row], *, timescale: int = 1000, priming: int = 0) -> IFrames | None:
    data = index_bytes(rows, timescale=timescale, description=DESCRIPTION, priming=priming)
    index = TrackIndex(data)
    end = sum(row[1] for row in rows) - priming
    return key_pictures(index, segment_table(index, CutPlan(timescale, (Ticks(0),), Ticks(end))))


def test_each_stands_until_the_next_and_the_last_until_the_end() -> None:
    rows: list[Row] = [(100 + n, 40, 80, SYNC if n % 25 == 0 else 0) for n in range(110)]
    shown = chosen(rows, priming=80)
    assert shown is not None
    assert list(shown.samples) == [0, 25, 50, 75, 100]
    assert [(span.start, span.duration) for span in shown.spans] == [
        (0, 1000), (1000, 1000), (2000, 1000), (3000, 1000), (4000, 320),
    ]  # fmt: skip
    assert shown.segment(1).sample == 25
    assert [shown.segment(n).duration for n in range(5)] == [1000, 1000, 1000, 1000, 320]
    assert [shown.segment(n).sequence for n in range(5)] == [1, 2, 3, 4, 5]


def test_an_open_random_access_is_not_promised_to_decode_alone() -> None:
    rows: list[Row] = [(9, 1000, 0, SYNC), (9, 1000, 0, OPEN), (9, 1000, 0, SYNC)]
    shown = chosen(rows)
    assert shown is not None
    assert list(shown.samples) == [0, 2]


def test_of_many_at_once_no_more_than_two_a_second_are_taken() -> None:
    shown = chosen([(9, 20, 0, SYNC)] * 500)
    assert shown is not None
    assert [span.start for span in shown.spans] == list(range(0, 10_000, 500))


def test_bit_rates_count_the_headers() -> None:
    shown = chosen([(1000 - PICTURE_HEADER_BYTES, 1000, 0, SYNC)] * 4)
    assert shown is not None
    assert (shown.peak_bandwidth, shown.average_bandwidth) == (8000, 8000)


@pytest.mark.parametrize("number", [-1, 1])
def test_there_is_no_other(number: int) -> None:
    shown = chosen([(9, 1000, 0, SYNC)])
    assert shown is not None
    with pytest.raises(IndexError, match=f"I-frame {number} of 1"):
        shown.segment(number)


@given(
    st.lists(st.tuples(st.integers(1, 2**20), st.integers(1, 3000)), min_size=1, max_size=60),
    st.data(),
)
def test_they_rise_tile_the_track_and_fetch_what_the_header_announces(
    sizes: list[tuple[int, int]], data: st.DataObject
) -> None:
    rows: list[Row] = [
        (size, duration, 0, SYNC if n == 0 or data.draw(st.booleans()) else 0)
        for n, (size, duration) in enumerate(sizes)
    ]
    index = TrackIndex(index_bytes(rows, timescale=1000, description=DESCRIPTION))
    shown = chosen(rows)
    assert shown is not None
    assert shown.bounds[0] == 0
    assert shown.bounds[-1] == sum(row[1] for row in rows)
    assert all(before < after for before, after in pairwise(shown.bounds))
    for number in range(len(shown)):
        alone = shown.segment(number)
        header = index.picture_header(alone.sample, alone.duration, alone.sequence)
        assert len(header) == PICTURE_HEADER_BYTES
        assert int.from_bytes(header[-8:-4]) == 8 + rows[alone.sample][0]

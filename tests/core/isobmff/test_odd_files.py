"""Odd and hostile MP4 files, as a table: what is read of each, or the refusal to the letter."""

import struct
import tracemalloc
from typing import NamedTuple

import pytest

from core.isobmff.box import box, full_box
from core.isobmff.movie import read_movie, sample_table
from native import MalformedMovie
from tests.fixtures.indexes import SYNC
from tests.fixtures.movie_files import (
    ENTRY,
    FTYP,
    MDAT,
    dref,
    elst,
    film,
    fragmented_movie,
    mdhd,
    moov,
    movie,
    mvhd,
    open_box,
    sidx,
    stsd,
    tkhd,
    trak,
    trex,
    u32,
    u64,
    wide_box,
)
from tests.fixtures.movies import (
    EMPTY_TABLES,
    Sample,
    constant_sizes,
    moof,
    parts_of,
    read_samples,
    rows,
    sizes,
    tfdt,
    tfhd,
    three_samples,
    traf,
    trun,
)

HUGE = 2**32 - 1
THREE = [(100, 10, 0), (110, 20, 100), (500, 30, 200)]
INDEX = fragmented_movie()
HEAD = FTYP + INDEX


def packed(table: bytes, count: int) -> bytes:
    """Give a table that claims another number of rows."""
    return table[:4] + u32(count) + table[8:]


def fragment(*samples: int, time: int = 0, version: int = 1) -> bytes:
    """Give a fragment and its media: samples of these sizes, of 10 ticks each."""
    entries = [[size] for size in samples]
    start = tfdt(time, version)
    head = moof(traf(tfhd(), start, trun(0x201, len(samples), 0)))
    offset = len(head) + 4 * len(samples) + 8
    run = trun(0x201, len(samples), offset, entries=entries)
    return moof(traf(tfhd(), start, run)) + box(b"mdat", bytes(sum(samples)))


def shifted(chunks: int) -> dict[str, bytes | None]:
    return {"stco": rows("I", (100 + chunks,), (500 + chunks,))}


FIRST, SECOND = fragment(5, 6), fragment(7, time=20)
SAMPLES_AT = len(HEAD) + len(fragment(5, 6)) - 11
FRAGMENTED = [(SAMPLES_AT, 5, 0), (SAMPLES_AT + 5, 6, 10)]
STYP = box(b"styp", b"msdh", bytes(4))
EMSG = full_box(b"emsg", 0, 0, b"urn:x\0\0", bytes(16))

SOUND_FILES: dict[str, tuple[bytes, list[tuple[int, int, int]]]] = {
    "index behind": (film(), THREE),
    "index in front": (
        FTYP + movie(**shifted(len(movie()))) + MDAT,
        [(at + len(movie()), size, time) for at, size, time in THREE],
    ),
    "index between": (
        FTYP
        + MDAT[:392].replace(MDAT[:4], u32(392), 1)
        + movie(stco=rows("I", (100,), (500 + len(movie()),)))
        + box(b"mdat", bytes(700)),
        [(100, 10, 0), (110, 20, 100), (500 + len(movie()), 30, 200)],
    ),
    "media of 64 bits": (FTYP + wide_box(b"mdat", bytes(984)) + movie(), THREE),
    "index of 64 bits": (FTYP + MDAT + wide_box(b"moov", movie()[8:]), THREE),
    "media up to the end": (
        FTYP + movie(**shifted(len(movie()))) + open_box(b"mdat", bytes(992)),
        [(at + len(movie()), size, time) for at, size, time in THREE],
    ),
    "index up to the end": (FTYP + MDAT + open_box(b"moov", movie()[8:]), THREE),
    "wide before the media": (
        FTYP + box(b"wide") + box(b"mdat", bytes(984)) + movie(), THREE,
    ),
    "free and unknown boxes": (film() + box(b"free", bytes(9)) + box(b"\xa9xyz", b"1"), THREE),
    "QuickTime's udta": (
        FTYP + MDAT + moov(trak(three_samples()), box(b"udta", box(b"name", b"x"), bytes(4))),
        THREE,
    ),
    "offsets of 64 bits": (film(stco=None, co64=rows("Q", (100,), (500,))), THREE),
    "compact sizes": (film(stsz=None, stz2=u32(0, 8, 3) + bytes([10, 20, 30])), THREE),
    "sizes all the same": (
        film(stsz=constant_sizes(7, 3)), [(100, 7, 0), (107, 7, 100), (500, 7, 200)],
    ),
    "empty rows of durations": (film(stts=rows("II", (0, 9), (2, 100), (0, 0), (1, 50))), THREE),
    "one fragment": (HEAD + FIRST, FRAGMENTED),
    "decode times of 32 bits": (
        HEAD + fragment(5, 6, time=2**32 - 40, version=0),
        [(at - 4, size, time + 2**32 - 40) for at, size, time in FRAGMENTED],
    ),
    "boxes between fragments": (
        HEAD + FIRST + STYP + EMSG + box(b"free", bytes(3)) + box(b"prft", bytes(24)) + SECOND,
        [
            *FRAGMENTED,
            (len(HEAD + FIRST + STYP + EMSG) + 43 + len(SECOND) - 7, 7, 20),
        ],
    ),
    "random access behind": (
        HEAD
        + FIRST
        + box(
            b"mfra",
            full_box(b"tfra", 1, 0, u32(1, 0, 1), u64(0), u64(len(HEAD)), b"\1\1\1"),
            full_box(b"mfro", 0, 0, u32(67)),
        ),
        FRAGMENTED,
    ),
    "random access that lies": (HEAD + FIRST + box(b"mfra", bytes(3)), FRAGMENTED),
    "a segment index": (HEAD + sidx((len(FIRST), 20)) + FIRST, [
        (at + 44, size, time) for at, size, time in FRAGMENTED
    ]),
}  # fmt: skip


@pytest.mark.parametrize("name", SOUND_FILES)
def test_unusual_files_are_read(name: str) -> None:
    data, expected = SOUND_FILES[name]
    assert [(each.offset, each.size, each.decode_time) for each in read(data)] == expected


class Refused(NamedTuple):
    """A file, and its refusal: the box, the byte as what stands there and how far behind."""

    data: bytes
    path: str
    at: tuple[bytes, int]
    problem: str


STBL = "moov/trak[1]/mdia/minf/stbl"
TRACK_TWICE = FTYP + MDAT + moov(trak(three_samples()), trak(three_samples()))
END = len(film())
TWO = HEAD + FIRST + SECOND


def late(reference: tuple[int, int], **more: int) -> bytes:
    """Give a file with an index of its two fragments, the second of which is wrong."""
    return HEAD + sidx((len(FIRST), 20), reference, **more) + FIRST + SECOND


INDEXED = len(HEAD) + len(sidx((0, 0), (0, 0)))

REFUSED: dict[str, Refused] = {
    "no box": Refused(film() + b"abc", "file", (b"abc", 0), "ends with 3 bytes that are no box"),
    "a box of 4 bytes": Refused(
        film() + u32(4) + b"free", "free", (b"free", -4), "claims 4 bytes where 8 are left"
    ),
    "media beyond the end": Refused(
        FTYP + u32(2000) + MDAT[4:] + movie(), "mdat", (b"mdat", -4),
        f"claims 2000 bytes where {END - 20} are left",
    ),
    "media of 2**63 bytes": Refused(
        film() + wide_box(b"mdat", b"", 2**63), "mdat", (b"\0\0\0\1mdat", 0),
        "claims 9223372036854775808 bytes where 16 are left",
    ),
    "a 64-bit length of nothing": Refused(
        film() + wide_box(b"free", b"", 0), "free", (b"\0\0\0\1free", 0),
        "claims 0 bytes where 16 are left",
    ),
    "no index": Refused(FTYP + MDAT, "file", (b"", 0), "has no moov"),
    "two indexes": Refused(
        film() + movie(), "moov", (movie(), len(movie())), "stands there twice"
    ),
    "a compressed index": Refused(
        FTYP + MDAT + moov(box(b"cmov", bytes(8))), "moov/cmov", (b"cmov", -4), "is compressed"
    ),
    "an index without a clock": Refused(
        FTYP + MDAT + moov(header=mvhd(0)), "moov/mvhd", (b"mvhd", 4), "has a timescale of 0"
    ),
    "a short mvhd": Refused(
        FTYP + MDAT + moov(header=full_box(b"mvhd", 1, 0, bytes(20))), "moov/mvhd", (b"mvhd", 4),
        "is cut off after 24 bytes",
    ),
    "a track without a clock": Refused(
        FTYP + MDAT + moov(trak(three_samples(), media=mdhd(0))), "moov/trak[1]/mdia/mdhd",
        (b"mdhd", 4), "has a timescale of 0",
    ),
    "track 0": Refused(
        FTYP + MDAT + moov(trak(three_samples(), header=tkhd(0))), "moov/trak[1]/tkhd",
        (b"tkhd", 4), "has the track number 0",
    ),
    "a track twice": Refused(
        TRACK_TWICE, "moov/trak[2]/tkhd",
        (b"trak", len(trak(three_samples())) - 4), "repeats the track number 1",
    ),
    "media elsewhere": Refused(
        FTYP + MDAT + moov(trak(three_samples(), data=dref(0))),
        "moov/trak[1]/mdia/minf/dinf/dref/url ", (b"url ", -4), "points to another file",
    ),
    "descriptions that are not there": Refused(
        FTYP + MDAT + moov(trak(three_samples(), descriptions=stsd(ENTRY).replace(
            u32(0, 1), u32(0, 2), 1))),
        f"{STBL}/stsd", (b"stsd", 8), "claims 2 entries and has 1",
    ),
    "edits that are not there": Refused(
        FTYP + MDAT + moov(trak(three_samples(), edits=elst((1, 0, 1)).replace(
            u32(0, 1), u32(0, 9), 1))),
        "moov/trak[1]/edts/elst", (b"elst", 8), "claims 9 entries in 12 bytes",
    ),
    "an edit before the media": Refused(
        FTYP + MDAT + moov(trak(three_samples(), edits=elst((1, -2, 1)))),
        "moov/trak[1]/edts/elst", (b"elst", 12), "begins at the media time -2",
    ),
    "2**32 samples in a kilobyte": Refused(
        film(stsz=constant_sizes(1, HUGE)), f"{STBL}/stsc", (b"stsc", 4),
        f"puts 3 of {HUGE} samples into the chunks",
    ),
    "2**32 samples in one chunk": Refused(
        film(stsz=constant_sizes(1, HUGE), stsc=rows("III", (1, HUGE, 1)), stco=rows("I", (100,))),
        f"{STBL}/stco", (b"stco", 12), f"places {HUGE} bytes at 100, beyond the file's {END - 28}",
    ),
    "sizes that are not there": Refused(
        film(stsz=struct.pack(">4xII", 0, HUGE)), f"{STBL}/stsz", (b"stsz", 12),
        f"claims {HUGE} entries in 0 bytes",
    ),
    "durations that are not there": Refused(
        film(stts=packed(rows("II", (3, 1)), HUGE)), f"{STBL}/stts", (b"stts", 8),
        f"claims {HUGE} entries in 8 bytes",
    ),
    "durations of too many": Refused(
        film(stts=rows("II", (HUGE, 1))), f"{STBL}/stts", (b"stts", 12),
        "times more than 3 samples",
    ),
    "time that stands still": Refused(
        film(stts=rows("II", (3, 0))), f"{STBL}/stts", (b"stts", 16),
        "gives samples no duration",
    ),
    "time that goes back": Refused(
        film(stts=rows("Ii", (3, -10))), f"{STBL}/stts", (b"stts", 16),
        "gives samples a duration of 4294967286",
    ),
    "offsets that are not there": Refused(
        film(ctts=packed(rows("II", (3, 1)), HUGE)), f"{STBL}/ctts", (b"ctts", 8),
        f"claims {HUGE} entries in 8 bytes",
    ),
    "offsets of too many": Refused(
        film(ctts=rows("II", (HUGE, 1))), f"{STBL}/ctts", (b"ctts", 12),
        "speaks of more than 3 samples",
    ),
    "chunks of too many": Refused(
        film(stsc=rows("III", (1, HUGE, 1))), f"{STBL}/stsc", (b"stsc", 12),
        "puts more than 3 samples into the chunks",
    ),
    "chunks that are not there": Refused(
        film(stsc=rows("III", (1, 2, 1), (HUGE, 1, 1))), f"{STBL}/stsc", (b"stsc", 24),
        f"speaks of chunk {HUGE} of 2",
    ),
    "a chunk at 2**63": Refused(
        film(stco=None, co64=rows("Q", (100,), (2**63,))), f"{STBL}/co64", (b"co64", 20),
        f"places 30 bytes at {2**63}, beyond the file's {END + 8}",
    ),
    "a chunk up to 2**64": Refused(
        film(stco=None, co64=rows("Q", (100,), (2**64 - 1,))), f"{STBL}/co64", (b"co64", 20),
        f"places 30 bytes at {2**64 - 1}, beyond the file's {END + 8}",
    ),
    "a sample without bytes": Refused(
        film(stsz=sizes(1, 0, 3)), f"{STBL}/stsz", (b"stsz", 20), "gives sample 1 no bytes"
    ),
    "fragments without defaults": Refused(
        FTYP + movie() + FIRST, "moov", (b"moov", -4), "has no mvex, yet the file has fragments"
    ),
    "a fragment of nothing": Refused(HEAD + box(b"moof"), "moof", (b"moof", -4), "has 8 bytes"),
    "a track without defaults": Refused(
        FTYP
        + moov(trak(EMPTY_TABLES), box(b"mvex", trex(2)))
        + FIRST,
        "moof[1]/traf[1]/tfhd", (b"tfhd", 4), "belongs to track 1, which has no trex",
    ),
    "defaults twice": Refused(
        FTYP + fragmented_movie(more=trex()), "moov/mvex/trex", (trex(), len(trex())),
        "tells of track 1 a second time",
    ),
    "a run of 2**32": Refused(
        HEAD + moof(traf(tfhd(), trun(0x200, HUGE, entries=[[1]]))), "moof[1]/traf[1]/trun[1]",
        (b"trun", 8), f"claims {HUGE} samples in 4 bytes",
    ),
    "a run of 2**32 all alike": Refused(
        HEAD + moof(traf(tfhd(), trun(0, HUGE))), "moof[1]/traf[1]/trun[1]", (b"trun", 4),
        f"places {5 * HUGE} bytes at {len(HEAD)}, beyond the file's {len(HEAD) + 64}",
    ),
    "a fragment before the one before": Refused(
        HEAD + SECOND + FIRST, "moof[2]/traf[1]/trun[1]", (b"\1\0\2\1\0\0\0\2", 0),
        "goes from decode time 20 to 0",
    ),
    "a fragment beyond all time": Refused(
        HEAD + fragment(5, time=2**63), "moof[1]/traf[1]/tfdt", (b"tfdt", 8), f"is {2**63}"
    ),
    "time that runs over": Refused(
        HEAD + fragment(5, time=2**62), "moof[1]/traf[1]/trun[1]", (b"trun", 4),
        f"leads to decode time {2**62 + 10}",
    ),
    "data before the file": Refused(
        HEAD + moof(traf(tfhd(), trun(0x201, 1, -(2**31), entries=[[5]]))),
        "moof[1]/traf[1]/trun[1]", (b"trun", 12), f"places data at {len(HEAD) - 2**31}",
    ),
    "an index of another track": Refused(
        HEAD + sidx((len(FIRST), 20), track_id=7) + FIRST, "sidx[1]", (b"sidx", 8),
        "speaks of track 7, which is none",
    ),
    "a segment index without a clock": Refused(
        HEAD + sidx((len(FIRST), 20), timescale=0) + FIRST, "sidx[1]", (b"sidx", 12),
        "has a timescale of 0",
    ),
    "an index cut off": Refused(
        HEAD + full_box(b"sidx", 0, 0, bytes(9)) + FIRST, "sidx[1]", (b"sidx", 4),
        "is cut off after 13 bytes",
    ),
    "an index of version 2": Refused(
        HEAD + sidx((len(FIRST), 20)).replace(b"sidx\0", b"sidx\2") + FIRST, "sidx[1]",
        (b"sidx", 4), "has version 2",
    ),
    "references that are not there": Refused(
        HEAD + sidx((len(FIRST), 20)).replace(b"\0\0\0\1" + u32(len(FIRST)), b"\0\0\xff\xff"
            + u32(len(FIRST))) + FIRST,
        "sidx[1]", (b"\0\0\xff\xff", 2), "claims 65535 entries in 12 bytes",
    ),
    "a reference into a box": Refused(
        late((len(SECOND) - 1, 10)), "sidx[1]", (b"sidx", 40),
        f"has an edge within a box, at {INDEXED + len(FIRST + SECOND) - 1}",
    ),
    "a reference beyond the end": Refused(
        late((len(SECOND) + 1, 10)), "sidx[1]", (b"sidx", 40),
        f"places {len(SECOND) + 1} bytes at {INDEXED + len(FIRST)}, beyond the file's "
        f"{INDEXED + len(FIRST + SECOND)}",
    ),
    "a reference to nothing": Refused(
        HEAD + sidx((11, 20)) + box(b"free", b"abc") + FIRST, "sidx[1]", (b"sidx", 28),
        f"has no fragment from {len(HEAD) + 44} to {len(HEAD) + 55}",
    ),
    "a reference to no index": Refused(
        late((len(SECOND) | 1 << 31, 10)), "sidx[1]", (b"sidx", 40),
        f"has no index at {INDEXED + len(FIRST)}",
    ),
    "a reference to another time": Refused(
        HEAD + sidx((len(FIRST), 1021), (len(SECOND), 10)) + FIRST + SECOND, "sidx[1]",
        (b"sidx", 40), "has time 1021 for a fragment of time 20",
    ),
}  # fmt: skip


def read(data: bytes) -> list[Sample]:
    found = read_movie(parts_of(data))
    return [each for track in found.tracks for each in read_samples(sample_table(found, track))]


def refusal(data: bytes) -> MalformedMovie:
    """Read a file, which is refused on the way."""
    with pytest.raises(MalformedMovie) as caught:
        read(data)
    return caught.value


@pytest.mark.parametrize("name", REFUSED)
def test_files_that_contradict_themselves_are_refused(name: str) -> None:
    case = REFUSED[name]
    at = case.data.index(case.at[0]) + case.at[1]
    assert str(refusal(case.data)) == f"{case.path} at byte {at} {case.problem}"


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_costs_no_more_than_the_file(name: str) -> None:
    tracemalloc.start()
    try:
        refusal(REFUSED[name].data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100_000


def test_an_index_of_indexes_and_one_of_version_1_are_read() -> None:
    """An index may lead to indexes, which lie in front of the media they lead to (§8.16.3)."""
    inner = sidx((len(FIRST), 20))
    other = sidx((len(SECOND), 10), earliest=20, version=1)
    outer = sidx((len(inner + FIRST) | 1 << 31, 20), (len(other + SECOND) | 1 << 31, 10), version=1)
    found = read_movie(parts_of(HEAD + outer + inner + FIRST + other + SECOND))
    assert len(read_samples(sample_table(found, found.tracks[0]))) == 3


def test_fragments_may_hold_runs_of_several_tracks() -> None:
    """Each of the forms that say where data begin: from the file, from the fragment, from a run."""
    head = FTYP + fragmented_movie(1, 2)
    at = len(head) + 8
    media = box(b"mdat", bytes(100))
    fragments = moof(
        traf(tfhd(0x000001, at, track_id=1), tfdt(0), trun(1, 2, 0), trun(0, 1)),
        traf(tfhd(0x020000, track_id=2), tfdt(0), trun(1, 1, -len(media) + 8 + 20)),
        traf(tfhd(0x000001, at + 40, track_id=1), trun(1, 1, 5)),
    )
    found = read_movie(parts_of(head + media + fragments))
    mine, other = (read_samples(sample_table(found, track)) for track in found.tracks)
    assert [each.offset for each in mine] == [at, at + 5, at + 10, at + 45]
    assert mine[-1] == Sample(at + 45, 5, 30, 0, 10, SYNC, 1)
    assert other == [Sample(at + 20, 5, 0, 0, 10, SYNC, 1)]


def test_data_without_a_base_begin_behind_those_of_the_track_before() -> None:
    """The first of a fragment's tracks begins with the fragment (§8.8.7.1)."""
    head = FTYP + fragmented_movie(1, 2)
    sized = trun(0x301, 2, 500, entries=[[10, 7], [10, 8]])
    fragments = moof(
        traf(tfhd(0, track_id=2), tfdt(0), sized, trun(0, 3)),
        traf(tfhd(0, track_id=1), tfdt(0), trun(0, 2)),
        traf(tfhd(0x10, 9, track_id=2), trun(1, 1, 100)),
        traf(tfhd(0, track_id=1), trun(0, 1)),
    )
    found = read_movie(parts_of(head + fragments + box(b"mdat", bytes(1000))))
    mine, other = (read_samples(sample_table(found, track)) for track in found.tracks)
    at = len(head) + 500
    assert [each.offset for each in other] == [at, at + 7, at + 15, at + 20, at + 25, at + 140]
    assert [each.offset for each in mine] == [at + 30, at + 35, at + 149]


@pytest.mark.parametrize(
    ("before", "path", "problem"),
    [
        (traf(tfhd(0, track_id=3), trun(0, 1)), "tfhd", "belongs to track 3, which has no trex"),
        (traf(tfhd(0x10, HUGE, track_id=2), trun(0, HUGE)), "trun[1]", "beyond the file's"),
        (traf(tfhd(0x10, 5, track_id=2), trun(0x200, 2)), "trun[1]", "claims 2 samples in 0 bytes"),
    ],
)
def test_data_behind_what_cannot_be_measured_are_refused(
    before: bytes, path: str, problem: str
) -> None:
    fragment = moof(before, traf(tfhd(0), trun(0, 1)))
    said = refusal(FTYP + moov(trak(EMPTY_TABLES), box(b"mvex", trex(1), trex(2))) + fragment)
    assert said.path == f"moof[1]/traf[1]/{path}"
    assert problem in str(said)


def test_entries_that_are_the_same_are_one() -> None:
    entries = (ENTRY, box(b"avc1", bytes(77), b"\1"), ENTRY)
    tables = three_samples(stsc=rows("III", (1, 2, 1), (2, 1, 3)))
    found = read_movie(parts_of(FTYP + MDAT + moov(trak(tables, entries=entries))))
    (track,) = found.tracks
    assert [entry.like for entry in track.entries] == [1, 2, 1]
    assert sample_table(found, track).used_descriptions() == [1, 3]

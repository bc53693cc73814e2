"""The sample tables of an MP4 file, read by both twins: what they give and what they refuse."""

import struct
import tracemalloc
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from native import MalformedMovie, _samples, reference
from tests.fixtures.indexes import SYNC
from tests.fixtures.movies import (
    EMPTY_TABLES,
    Sample,
    constant_sizes,
    fragments_start,
    moof,
    open_fragments,
    open_tables,
    read_samples,
    rows,
    sizes,
    tfdt,
    tfhd,
    three_samples,
    traf,
    trun,
)

OPEN = 2
HUGE = 2**32 - 1


@pytest.fixture(params=[_samples, reference], ids=["compiled", "reference"])
def twin(request: pytest.FixtureRequest) -> ModuleType:
    module = request.param
    assert isinstance(module, ModuleType)
    return module


def test_samples_lie_in_their_chunks_one_behind_the_other(twin: ModuleType) -> None:
    table = open_tables(twin, three_samples())
    assert (table.sample_count, table.duration) == (3, 250)
    assert read_samples(table) == [
        Sample(100, 10, 0, 0, 100, SYNC, 1),
        Sample(110, 20, 100, 0, 100, SYNC, 1),
        Sample(500, 30, 200, 0, 50, SYNC, 1),
    ]


def test_reading_again_gives_the_same(twin: ModuleType) -> None:
    table = open_tables(twin, three_samples())
    first = read_samples(table)
    table.rewind()
    assert read_samples(table) == first


def test_runs_end_at_gaps_and_at_limits(twin: ModuleType) -> None:
    table = open_tables(twin, three_samples(stco=rows("I", (100,), (130,))))
    assert [run.sizes for run in iter(lambda: table.next_run(1000, 10), None)] == [[10, 20, 30]]
    table.rewind()
    assert [run.sizes for run in iter(lambda: table.next_run(1000, 2), None)] == [[10, 20], [30]]
    table.rewind()
    assert [run.sizes for run in iter(lambda: table.next_run(1, 10), None)] == [[10], [20], [30]]


def test_a_run_has_one_sample_description(twin: ModuleType) -> None:
    tables = three_samples(stco=rows("I", (100,), (130,)), stsc=rows("III", (1, 2, 1), (2, 1, 2)))
    samples = read_samples(open_tables(twin, tables, descriptions=2))
    assert [each.description for each in samples] == [1, 1, 2]


def test_composition_offsets_are_signed_in_both_versions(twin: ModuleType) -> None:
    for version in (b"\x00", b"\x01"):
        ctts = version + rows("Ii", (1, 0), (2, -100))[1:]
        samples = read_samples(open_tables(twin, three_samples(ctts=ctts)))
        assert [each.composition_offset for each in samples] == [0, -100, -100]


def test_tables_of_access_say_which_samples_are_sync(twin: ModuleType) -> None:
    tables = three_samples(stss=rows("I", (1,)), stps=rows("I", (2,)))
    samples = read_samples(open_tables(twin, tables))
    assert [each.access for each in samples] == [SYNC, OPEN, 0]
    nothing = read_samples(open_tables(twin, three_samples(stss=rows("I"))))
    assert [each.access for each in nothing] == [0, 0, 0]


def test_random_access_points_are_open(twin: ModuleType) -> None:
    for head in (b"rap ", b"rap " + bytes(4)):
        sbgp = rows("II", (1, 0), (1, 1), head=head)
        if len(head) == 8:
            sbgp = b"\x01" + sbgp[1:]
        samples = read_samples(open_tables(twin, three_samples(stss=rows("I", (1,)), sbgp=sbgp)))
        assert [each.access for each in samples] == [SYNC, OPEN, 0]


@pytest.mark.parametrize(
    ("bits", "packed"), [(4, bytes([0x12, 0x30])), (8, b"\1\2\3"), (16, b"\0\1\0\2\0\3")]
)
def test_compact_sizes(twin: ModuleType, bits: int, packed: bytes) -> None:
    stz2 = struct.pack(">7xBI", bits, 3) + packed
    samples = read_samples(open_tables(twin, three_samples(stsz=None, stz2=stz2)))
    assert [each.size for each in samples] == [1, 2, 3]


def test_offsets_of_64_bits(twin: ModuleType) -> None:
    tables = three_samples(stco=None, co64=rows("Q", (100,), (500,)))
    assert [each.offset for each in read_samples(open_tables(twin, tables))] == [100, 110, 500]


def test_chunks_may_lie_in_any_order(twin: ModuleType) -> None:
    tables = three_samples(stco=rows("I", (500,), (100,)))
    assert [each.offset for each in read_samples(open_tables(twin, tables))] == [500, 510, 100]


def test_a_table_is_not_read_before_it_is_checked_to_the_end(twin: ModuleType) -> None:
    table = open_tables(twin, three_samples())
    unfinished = _unfinished(twin)
    with pytest.raises(ValueError, match="not finished"):
        unfinished.next_run(1, 1)
    with pytest.raises(ValueError, match="is finished"):
        table.add_fragment(1, 0, b"", 0)


def _unfinished(twin: ModuleType) -> _samples.SampleTable:
    data = b"".join(EMPTY_TABLES.values())
    spans, at = {"stbl": (0, len(data))}, 0
    for kind, content in EMPTY_TABLES.items():
        spans[kind] = (at, at + len(content))
        at += len(content)
    table: _samples.SampleTable = twin.SampleTable(
        data, spans, file_bytes=0, path="stbl", descriptions=1
    )
    return table


REFUSALS: list[tuple[dict[str, bytes | None], str]] = [
    ({"stsz": None}, "stbl at byte 1000 has no stsz"),
    ({"stsz": bytes(11)}, "stbl/stsz at byte 1000 is cut off after 11 bytes"),
    ({"stz2": bytes(12)}, "stbl/stz2 at byte 1096 stands beside stsz"),
    ({"stsz": None, "stz2": struct.pack(">7xBI", 5, 3)}, "stz2 at byte..has fields of 5 bits"),
    ({"stsz": sizes(1, 2, 3)[:-1]}, "stsz at byte 1008 claims 3 entries in 11 bytes"),
    ({"stsz": struct.pack(">4xII", 0, HUGE)}, "claims 4294967295 entries in 0 bytes"),
    ({"stsz": sizes(1, 0, 3)}, "stsz at byte 1016 gives sample 1 no bytes"),
    ({"stsz": sizes(10, 20)}, "stsc at byte..puts more than 2 samples into the chunks"),
    ({"stsz": sizes(1, 1, 1, 1)}, "stsc at byte..puts 3 of 4 samples into the chunks"),
    ({"stsz": constant_sizes(1, HUGE)}, "puts 3 of 4294967295 samples into the chunks"),
    ({"co64": rows("Q")}, "stbl/co64 at byte..stands beside stco"),
    ({"stco": None}, "stbl at byte 1000 has no stco"),
    ({"stco": rows("I", (100,))}, "stsc at byte..speaks of chunk 2 of 1"),
    ({"stco": rows("I", (100,), (2000,))}, "stco..places 30 bytes at 2000, beyond"),
    ({"stco": rows("I", (100,), (HUGE,))}, "places 30 bytes at 4294967295"),
    ({"stco": rows("I", (100,), (129,))}, "lets chunks 0 and 1 share bytes from 129"),
    ({"stco": rows("I", (100,), (90,))}, "lets chunks 0 and 1 share bytes from 100"),
    ({"stsc": rows("III", (2, 2, 1))}, "stsc at byte..begins with chunk 2"),
    ({"stsc": rows("III", (1, 2, 1), (1, 1, 1))}, "goes from chunk 1 to chunk 1"),
    ({"stsc": rows("III", (1, 0, 1), (2, 3, 1))}, "puts no sample into a chunk"),
    ({"stsc": rows("III", (1, 2, 0), (2, 1, 1))}, "speaks of sample description 0 of 1"),
    ({"stsc": rows("III", (1, 2, 1), (2, 1, 2))}, "speaks of sample description 2 of 1"),
    ({"stts": rows("II", (4, 1))}, "stts at byte..times more than 3 samples"),
    ({"stts": rows("II", (2, 1))}, "stts at byte..times 2 of 3 samples"),
    ({"stts": rows("II", (3, 2**31))}, "gives samples a duration of 2147483648"),
    ({"stts": rows("II", (1, 1), (1, 0), (1, 1))}, "gives samples no duration"),
    ({"stts": rows("II", (3, 0))}, "gives samples no duration"),
    ({"ctts": rows("II", (2, 1))}, "ctts at byte..speaks of 2 of 3 samples"),
    ({"ctts": rows("II", (HUGE, 1))}, "ctts at byte..speaks of more than 3 samples"),
    ({"ctts": b"\x02" + rows("II", (3, 1))[1:]}, "ctts at byte..has version 2"),
    ({"stss": rows("I", (2,), (1,))}, "stss at byte..goes from sample 2 to sample 1"),
    ({"stss": rows("I", (0,))}, "stss at byte..goes from sample 0 to sample 0"),
    ({"stss": rows("I", (4,))}, "stss at byte..speaks of sample 4 of 3"),
    ({"stps": rows("I", (4,))}, "stps at byte..speaks of sample 4 of 3"),
    ({"sbgp": rows("II", (4, 1), head=b"rap ")}, "sbgp at byte..more than 3 samples"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"), REFUSALS, ids=[str(number) for number in range(len(REFUSALS))]
)
def test_tables_that_contradict_each_other_are_refused(
    twin: ModuleType, changes: dict[str, bytes | None], message: str
) -> None:
    with pytest.raises(MalformedMovie) as refusal:
        open_tables(twin, three_samples(**changes))
    check_message(refusal.value, message)


def check_message(refusal: MalformedMovie, message: str) -> None:
    """Two dots stand for what does not matter here."""
    assert all(part in str(refusal) for part in message.split("..")), str(refusal)
    assert str(refusal).startswith(f"{refusal.path} at byte {refusal.offset} ")


def test_the_last_sample_may_last_no_time(twin: ModuleType) -> None:
    table = open_tables(twin, three_samples(stts=rows("II", (2, 100), (1, 0))))
    assert [each.duration for each in read_samples(table)] == [100, 100, 0]


def test_a_claim_of_four_billion_samples_costs_nothing(twin: ModuleType) -> None:
    def claim() -> None:
        for stsz in (constant_sizes(1, HUGE), constant_sizes(0, HUGE)):
            with pytest.raises(MalformedMovie):
                open_tables(twin, three_samples(stsz=stsz, stsc=rows("III", (1, HUGE, 1))))
        with pytest.raises(MalformedMovie):
            open_fragments(twin, moof(traf(tfhd(), trun(0, HUGE))))

    claim()
    tracemalloc.start()
    claim()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000


# ---- fragments


def test_a_run_takes_everything_from_the_defaults(twin: ModuleType) -> None:
    header = tfhd(0x01, 200)
    table = open_fragments(twin, moof(traf(header, tfdt(1000), trun(0, 3))))
    assert read_samples(table) == [
        Sample(200, 5, 1000, 0, 10, SYNC, 1),
        Sample(205, 5, 1010, 0, 10, SYNC, 1),
        Sample(210, 5, 1020, 0, 10, SYNC, 1),
    ]
    assert table.duration == 1030


def test_data_are_counted_from_the_moof(twin: ModuleType) -> None:
    back = 100 - fragments_start()
    for flags in (0x020000, 0):
        table = open_fragments(twin, moof(traf(tfhd(flags), trun(0x01, 1, back))))
        assert [each.offset for each in read_samples(table)] == [100]


def test_runs_follow_one_another_where_nothing_else_is_said(twin: ModuleType) -> None:
    back = 100 - fragments_start()
    runs = trun(0x01, 2, back), trun(0, 1), trun(0x01, 1, back + 50)
    table = open_fragments(twin, moof(traf(tfhd(), *runs)))
    assert [each.offset for each in read_samples(table)] == [100, 105, 110, 150]
    assert [each.decode_time for each in read_samples_again(table)] == [0, 10, 20, 30]


def read_samples_again(table: _samples.SampleTable) -> list[Sample]:
    table.rewind()
    return read_samples(table)


def test_the_first_sample_may_have_flags_of_its_own(twin: ModuleType) -> None:
    header = tfhd(0x01 | 0x20, 100, 0x01010000)
    table = open_fragments(twin, moof(traf(header, trun(0x04, 3, 0x02000000))))
    assert [each.access for each in read_samples(table)] == [SYNC, 0, 0]


def test_fragments_continue_the_tables(twin: ModuleType) -> None:
    fragment = moof(traf(tfhd(0x01, 600), trun(0, 1)))
    table = open_fragments(twin, fragment, tables=three_samples())
    assert read_samples(table)[-1] == Sample(600, 5, 250, 0, 10, SYNC, 1)
    assert table.sample_count == 4


def test_an_empty_duration_is_a_gap(twin: ModuleType) -> None:
    gap = moof(traf(tfhd(0x010000 | 0x08, 500)))
    table = open_fragments(twin, gap, moof(traf(tfhd(0x01, 100), trun(0, 1))))
    assert [each.decode_time for each in read_samples(table)] == [500]


def test_other_tracks_are_passed_over(twin: ModuleType) -> None:
    other = traf(tfhd(0x20, 0, track_id=2), trun(0, HUGE))
    mine = traf(tfhd(0x01, 100), trun(0, 1))
    assert len(read_samples(open_fragments(twin, moof(other, mine)))) == 1


BACK = 100 - fragments_start()
FRAGMENT_REFUSALS: list[tuple[bytes, str]] = [
    (moof(traf(trun(0, 1))), "moof[1]/traf[1] at byte 32 has no tfhd"),
    (moof(traf(tfhd(0x01, 100), tfhd(0x01, 100))), "tfhd at byte 56 stands there twice"),
    (moof(traf(tfhd(), tfdt(1), tfdt(2))), "tfdt at byte 68 stands there twice"),
    (moof(traf(tfhd(0x08))), "tfhd at byte 40 is cut off after 8 bytes"),
    (moof(traf(tfhd(0x02, 2))), "speaks of sample description 2 of 1"),
    (moof(traf(tfhd(0x08, 2**31))), "gives samples a duration of 2147483648"),
    (moof(traf(tfhd(0x01, 10**6))), "counts data from byte 1000000"),
    (moof(traf(tfhd(), tfdt(2**63))), "tfdt at byte..is 9223372036854775808"),
    (moof(traf(tfhd(), trun(0x01, 1, -2000))), "places data at -"),
    (moof(traf(tfhd(), trun(0x01, 1, 2000))), "places 5 bytes at 3036, beyond the file's 1104"),
    (moof(traf(tfhd(), trun(0x0101, 3, BACK, entries=[(1,), (1,)]))), "claims 3 samples in 8 b"),
    (moof(traf(tfhd(), trun(0x0201, 2, BACK, entries=[(1,), (0,)]))), "gives sample 1 no bytes"),
    (moof(traf(tfhd(0x10, 0), trun(0x01, 2, BACK))), "gives sample 0 no bytes"),
    (moof(traf(tfhd(0x08, 0), trun(0x01, 2, BACK))), "gives sample 0 no duration"),
    (moof(traf(tfhd(), trun(0x0101, 2, BACK, entries=[(0,), (1,)]))), "gives sample 0 no dur"),
    (moof(traf(tfhd(), trun(0x0101, 1, BACK, entries=[(2**31,)]))), "a duration of 2147483648"),
    (moof(traf(tfhd(), trun(0x01, 1, BACK, version=2))), "trun[1] at byte 56 has version 2"),
    (moof(traf(tfhd(0x010000), trun(0, 1))), "has samples in a fragment without duration"),
    (moof(traf(tfhd(track_id=2)), traf(tfhd(0), trun(0, 1))), "traf[1]/tfhd..track 2, which has"),
    (moof(traf(tfhd(), tfdt(2**62), trun(0x01, 1, BACK))), "leads to decode time"),
    (
        moof(traf(tfhd(), trun(0x01, 2, BACK)), traf(tfhd(), tfdt(10), trun(0x01, 1, BACK + 50))),
        "goes from decode time 10 to 10",
    ),
    (
        moof(traf(tfhd(), trun(0x01, 2, BACK), trun(0x01, 1, BACK + 9))),
        "lets chunks 0 and 1 share bytes from 109",
    ),
    (moof(b"\0\0\0\x0bwhat"), "moof[1]/what at byte 24 claims 11 bytes where 8 are left"),
    (moof(b"\0\0\0\x08"), "moof[1] at byte 24 ends with 4 bytes that are no box"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("fragment", "message"),
    FRAGMENT_REFUSALS,
    ids=[str(number) for number in range(len(FRAGMENT_REFUSALS))],
)
def test_fragments_that_contradict_themselves_are_refused(
    twin: ModuleType, fragment: bytes, message: str
) -> None:
    with pytest.raises(MalformedMovie) as refusal:
        open_fragments(twin, fragment)
    check_message(refusal.value, message)


def test_a_track_without_defaults_has_no_fragments(twin: ModuleType) -> None:
    with pytest.raises(MalformedMovie, match="belongs to track 1, which has no trex"):
        open_fragments(twin, moof(traf(tfhd(), trun(0, 1))), defaults=None)


FIELDS = (0x100, 0x200, 0x400, 0x800)
SAMPLES = st.lists(
    st.tuples(
        st.integers(1, 2**31 - 1),
        st.integers(1, 9),
        st.sampled_from([0, 0x02000000, 0x01010000]),
        st.integers(-(2**31), 2**31 - 1),
    ),
    min_size=1,
    max_size=8,
)


@given(SAMPLES, st.sets(st.sampled_from(FIELDS)), st.booleans(), st.integers(0, 2**40))
def test_every_combination_of_fields_gives_what_was_written(
    samples: list[tuple[int, int, int, int]], fields: set[int], own_first: bool, time: int
) -> None:
    """What a row does not say comes from the header; the rows then repeat the first sample's."""
    first = samples[0]
    flags = 0x01 | sum(fields) | (0x04 if own_first else 0)
    entries = [
        [value for value, bit in zip(sample, FIELDS, strict=True) if bit in fields]
        for sample in samples
    ]
    expected, offset, decode_time = [], 100, time
    for number, sample in enumerate(samples):
        duration, size, sample_flags, composition = (
            own if bit in fields else shared if bit != 0x800 else 0
            for own, shared, bit in zip(sample, first, FIELDS, strict=True)
        )
        if number == 0 and own_first:
            sample_flags = 0x01010000
        access = 0 if sample_flags == 0x01010000 else SYNC
        expected.append(Sample(offset, size, decode_time, composition, duration, access, 1))
        offset, decode_time = offset + size, decode_time + duration
    head = [0x01010000] if own_first else []
    fragment = moof(
        traf(
            tfhd(0x38, *first[:3]),
            tfdt(time),
            trun(flags, len(samples), BACK, *head, entries=entries),
        )
    )
    for module in (_samples, reference):
        assert read_samples(open_fragments(module, fragment)) == expected

"""Rows of samples say what runs of samples say, in both twins."""

from types import ModuleType

import pytest

from native import _samples, reference
from native.reference.sample_rows import SampleRow, unpacked
from tests.fixtures.movies import (
    fragments_start,
    moof,
    open_fragments,
    open_tables,
    read_samples,
    rows,
    tfdt,
    tfhd,
    three_samples,
    traf,
    trun,
)


@pytest.fixture(params=[_samples, reference], ids=["compiled", "reference"])
def twin(request: pytest.FixtureRequest) -> ModuleType:
    module = request.param
    assert isinstance(module, ModuleType)
    return module


def as_rows(table: object) -> list[SampleRow]:
    return [
        SampleRow(
            each.offset, each.decode_time, each.composition_offset, each.size, each.duration,
            each.access, each.description,
        )
        for each in read_samples(table)
    ]  # fmt: skip


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_rows_are_the_samples_of_the_runs(twin: ModuleType, limit: int) -> None:
    table = open_tables(twin, three_samples(ctts=rows("Ii", (2, 5), (1, -7))))
    expected = as_rows(table)
    table.rewind()
    found: list[SampleRow] = []
    while data := table.next_rows(limit):
        assert len(unpacked(data)) <= limit
        found += unpacked(data)
    assert found == expected
    assert table.next_rows(limit) == b""
    table.rewind()
    assert unpacked(table.next_rows(100)) == expected


def test_fragments_have_rows_too(twin: ModuleType) -> None:
    part = moof(
        traf(tfhd(), tfdt(1000), trun(0x301, 2, 40 - fragments_start(), entries=((10, 1), (20, 2))))
    )
    table = open_fragments(twin, moof(traf(tfhd(), trun(0, 3))), part)
    expected = as_rows(table)
    table.rewind()
    assert unpacked(table.next_rows(10)) == expected


def test_no_rows_before_the_table_is_finished(twin: ModuleType) -> None:
    table = open_tables(twin, three_samples())
    assert table.next_rows(0) == b""

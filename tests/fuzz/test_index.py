"""The fuzz invariant of the track index: any bytes end in a value or in `CorruptIndex`.

The corpus is checked in; names begin with what becomes of the file. Mutations start from it and are
mostly resealed, so that they get past the checksums.
"""

import struct
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from native import CorruptIndex, TrackIndex, _index, reference
from tests.fixtures.indexes import reseal

CORPUS = Path(__file__).parent / "corpus" / "index"
FILES = sorted(CORPUS.glob("*.idx"))
SEEDS = [path.read_bytes() for path in FILES]
WORDS = [0, 1, 15, 16, 63, 64, 65, 2**16, 2**31 - 1, 2**31, 2**32 - 1]


def read(twin: type[TrackIndex], data: bytes) -> object:
    """Open and use an index; give what it says, or the refusal's words."""
    try:
        index = twin(data)
    except CorruptIndex as refusal:
        return str(refusal)
    count = index.sample_count
    # A hostile size may exceed what a segment holds; that is the one other answer allowed.
    try:
        header: object = index.fragment_header(0, count, 1)
    except OverflowError as refusal:
        header = str(refusal)
    last = index.sample(count - 1)
    assert last[0] + last[1] == index.data_length
    assert last[2] + last[3] == index.base_time + index.duration
    return header, index.sync_times(), index.segment_starts([0, 1, 2**40]), last


def check(data: bytes) -> object:
    compiled = read(_index.TrackIndex, data)
    # The clear twin satisfies the compiled one's signature; mypy compares classes by name.
    assert compiled == read(reference.TrackIndex, data)  # type: ignore[arg-type]
    return compiled


def test_the_corpus_is_there() -> None:
    assert {path.name.partition("-")[0] for path in FILES} == {"sound", "refused"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_file_ends_as_its_name_says(path: Path) -> None:
    outcome = check(path.read_bytes())
    assert isinstance(outcome, str) == path.name.startswith("refused-")


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        match draw(st.sampled_from(["flip", "word", "cut", "insert", "repeat"])):
            case "flip" if data:
                data[at] ^= 1 << draw(st.integers(0, 7))
            case "word" if len(data) >= 4:
                value = draw(st.sampled_from(WORDS))
                struct.pack_into("<I", data, min(at, len(data) - 4) & ~3, value)
            case "cut":
                del data[at:]
            case "insert":
                data[at:at] = draw(st.binary(max_size=32))
            case "repeat":
                data += data[at : at + 1040]
            case _:
                pass  # too short for that
    return reseal(data) if draw(st.integers(0, 4)) else bytes(data)


@given(mutations())
def test_any_mutation_is_a_value_or_a_refusal(data: bytes) -> None:
    check(data)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_claim_makes_memory_grow(path: Path) -> None:
    data = path.read_bytes()
    read(_index.TrackIndex, data)
    tracemalloc.start()
    read(_index.TrackIndex, data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 * 1024 + 16 * len(data)

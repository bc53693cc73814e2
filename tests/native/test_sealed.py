"""Fragments that are encrypted as they are read: every piece is that of the whole fragment."""

import os
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from native import TrackIndex, _protection, _sealed, reference
from native._pool import BodyPool
from native.values import AvcDivision, Division, Vp9Division
from tests.fixtures.indexes import index_bytes
from tests.native.test_protection import IV, KEY, PLAIN, SCHEMES, SLICE_START, UNITS, sample_of

MIB = 2**20
FIRST = 7


@pytest.fixture(params=[_protection, reference], ids=["compiled", "reference"])
def implementation(request: pytest.FixtureRequest) -> ModuleType:
    module = request.param
    assert isinstance(module, ModuleType)
    return module


def header_of(samples: list[bytes]) -> bytes:
    index = TrackIndex(index_bytes([(len(sample), 10, 0, 1) for sample in samples]))
    return index.fragment_header(0, len(samples), 1)


@contextmanager
def file_of(content: bytes) -> Iterator[int]:
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        yield file.fileno()


@contextmanager
def sealed_of(
    module: ModuleType, scheme: str, division: Division | None, samples: list[bytes], before: bytes
) -> Iterator[tuple[_sealed.SealedFragment, int, bytes]]:
    """A sealed fragment, the file with its samples, and all its bytes as the oracle has them."""
    header, body = header_of(samples), b"".join(samples)
    oracle = reference.FragmentCipher(scheme, KEY, IV[scheme], division)
    cipher = module.FragmentCipher(scheme, KEY, IV[scheme], division)
    pool = (reference.BodyPool if module is reference else BodyPool)(MIB)
    with file_of(before + body) as file:
        sealed = cipher.sealed(pool, header, file, len(before), len(body), FIRST)
        yield sealed, file, oracle.fragment(header, body, FIRST)


def picture(seed: int, length: int) -> bytes:
    """A sample with one slice of so many bytes, behind a unit that is none."""
    return sample_of(b"\x06" + bytes(90), SLICE_START + random.Random(seed).randbytes(length))


# Longer than what is encrypted in one go, and shorter than a block; chains that end everywhere.
FILM = [picture(each, length) for each, length in enumerate((3, 300_007, 17, 8_000, 170, 400_160))]


@pytest.mark.parametrize("scheme", SCHEMES)
@given(data=st.data())
def test_every_piece_of_short_samples_is_right(scheme: str, data: st.DataObject) -> None:
    division = data.draw(st.sampled_from([None, AvcDivision({0: PLAIN}, 4)]))
    units = data.draw(st.lists(st.lists(UNITS, min_size=1, max_size=6), min_size=1, max_size=6))
    samples = [sample_of(*each) for each in units]
    before = data.draw(st.binary(max_size=20))
    with sealed_of(_protection, scheme, division, samples, before) as (sealed, file, expected):
        assert len(sealed) == len(expected)
        assert sealed.read(file, 0, len(expected)) == expected
        for _ in range(5):
            start = data.draw(st.integers(0, len(expected)))
            stop = data.draw(st.integers(start, len(expected)))
            assert sealed.read(file, start, stop) == expected[start:stop]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("division", [None, AvcDivision({0: PLAIN}, 4)], ids=["whole", "units"])
def test_every_piece_of_long_samples_is_right(
    implementation: ModuleType, scheme: str, division: Division | None
) -> None:
    places = random.Random(11)
    with sealed_of(implementation, scheme, division, FILM, b"before") as (sealed, file, expected):
        length = len(expected)
        assert sealed.read(file, 0, length) == expected
        for _ in range(60):
            start = places.randrange(length)
            stop = min(length, start + places.choice((0, 1, 15, 16, 200, 140_000, length)))
            assert sealed.read(file, start, stop) == expected[start:stop]
        with pytest.raises(IndexError, match="of "):
            sealed.read(file, 0, length + 1)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_is_read_for_the_heads_of_units_does_not_limit_them(scheme: str) -> None:
    """Units that begin anywhere in what was read, and more than are read at a time."""
    division = AvcDivision({0: PLAIN}, 4)
    sizes = random.Random(5)
    parts = [b"\x06" + bytes(sizes.randrange(1, 1500)) for _ in range(80)]
    for at in range(0, 80, 5):
        parts[at] = SLICE_START + bytes(sizes.randrange(0, 3000))
    samples = [sample_of(*parts[:40]), sample_of(*parts[40:])]
    with sealed_of(_protection, scheme, division, samples, b"") as (sealed, file, expected):
        assert sealed.read(file, 0, len(expected)) == expected


def test_frames_of_vp9_are_read_whole() -> None:
    """The index of a superframe stands at its end."""
    cipher = _protection.FragmentCipher("cbcs", KEY, IV["cbcs"], Vp9Division(64))
    key_frame = bytes.fromhex("824983420003f003f0") + bytes(60)
    samples = [key_frame, key_frame * 2]
    header, body = header_of(samples), b"".join(samples)
    expected = cipher.fragment(header, body, FIRST)
    with file_of(body) as file:
        sealed = cipher.sealed(BodyPool(MIB), header, file, 0, len(body), FIRST)
        assert sealed.read(file, 0, len(expected)) == expected


def test_the_samples_are_encrypted_when_they_are_read() -> None:
    samples = [picture(1, 5_000)]
    division = AvcDivision({0: PLAIN}, 4)
    with sealed_of(_protection, "cbcs", division, samples, b"") as (sealed, file, expected):
        os.pwrite(file, b"other bytes", len(samples[0]) - 11)
        changed = sealed.read(file, 0, len(expected))
    assert changed[:-11] == expected[:-11]
    assert changed[-11:] == b"other bytes"  # what is left of a pattern is clear


def test_little_memory_is_held_for_a_long_fragment() -> None:
    division = AvcDivision({0: PLAIN}, 4)
    pool = BodyPool(0)
    with file_of(b"".join(FILM)) as file:
        cipher = _protection.FragmentCipher("cbcs", KEY, IV["cbcs"], division)
        sealed = cipher.sealed(pool, header_of(FILM), file, 0, sum(map(len, FILM)), 0)
    assert sealed.held_bytes < 2_000
    assert pool.lent_bytes == 0


def test_a_file_that_is_too_short_is_said(implementation: ModuleType) -> None:
    samples = [picture(1, 5_000), picture(2, 5_000)]
    length = sum(map(len, samples))
    cipher = implementation.FragmentCipher("cbcs", KEY, IV["cbcs"], AvcDivision({0: PLAIN}, 4))
    pool = (reference.BodyPool if implementation is reference else BodyPool)(MIB)
    with file_of(b"".join(samples)[:5_100]) as file, pytest.raises(EOFError, match="the file"):
        cipher.sealed(pool, header_of(samples), file, 0, length, 0)


def test_a_file_that_shrinks_is_said() -> None:
    division = AvcDivision({0: PLAIN}, 4)
    with sealed_of(_protection, "cbcs", division, FILM, b"") as (sealed, file, expected):
        os.ftruncate(file, 300_000)
        assert sealed.read(file, 0, 200_000) == expected[:200_000]
        with pytest.raises(EOFError, match="the file"):
            sealed.read(file, 200_000, 320_000)


def test_without_waiting_it_is_made_of_what_is_in_memory() -> None:
    samples = [picture(1, 50_000)]
    place = header_of(samples), len(samples[0])
    cipher = _protection.FragmentCipher("cbcs", KEY, IV["cbcs"], AvcDivision({0: PLAIN}, 4))
    pool = BodyPool(MIB)
    with file_of(samples[0]) as file:
        os.fsync(file)
        expected = cipher.sealed(pool, place[0], file, 0, place[1], 0)
        now = cipher.sealed(pool, place[0], file, 0, place[1], 0, at_once=True)
        assert now.read(file, 0, len(now)) == expected.read(file, 0, len(expected))
    with file_of(b"") as file, pytest.raises(BlockingIOError, match="not in memory"):
        cipher.sealed(pool, place[0], file, 0, place[1], 0, at_once=True)


@pytest.mark.parametrize("scheme", SCHEMES)
@settings(max_examples=20)
@given(unit=st.binary(min_size=1, max_size=4000), seed=st.integers(0, 2**16))
def test_what_cannot_be_divided_is_refused_as_it_is_from_memory(
    scheme: str, unit: bytes, seed: int
) -> None:
    samples = [picture(seed, 40), sample_of(b"\x65" + unit)]
    header, body = header_of(samples), b"".join(samples)
    cipher = _protection.FragmentCipher(scheme, KEY, IV[scheme], AvcDivision({0: PLAIN}, 4))
    try:
        expected: bytes | str = cipher.fragment(header, body, 0)
    except ValueError as error:
        expected = str(error)
    with file_of(body) as file:
        try:
            sealed = cipher.sealed(BodyPool(MIB), header, file, 0, len(body), 0)
            found: bytes | str = sealed.read(file, 0, len(sealed))
        except ValueError as error:
            found = str(error)
    assert found == expected


def test_sealed_fragments_come_from_ciphers_alone() -> None:
    with pytest.raises(TypeError, match="come from"):
        _sealed.SealedFragment()

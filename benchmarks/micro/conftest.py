"""Tracks of realistic sizes, and both twins."""

import random
from types import ModuleType

import pytest

from native import IndexBuilder, _index, _index_builder, reference

TWINS = {"compiled": _index, "reference": reference}
WRITERS = {"compiled": _index_builder, "reference": reference}
FILM_SAMPLES = 2 * 3600 * 24  # two hours at 24 pictures a second
MILLION = 1_000_000


@pytest.fixture(params=list(TWINS))
def twin(request: pytest.FixtureRequest) -> ModuleType:
    return TWINS[str(request.param)]


@pytest.fixture(params=list(WRITERS))
def writer(request: pytest.FixtureRequest) -> ModuleType:
    return WRITERS[str(request.param)]


def video_rows(count: int) -> list[tuple[int, int, int, int]]:
    """Give a GOP of 96 pictures with two B-frames between P-frames, at 24 fps and 3 Mbit/s."""
    dice = random.Random(1)
    offsets = (2000, -1000, -1000)
    return [
        (dice.randrange(60_000, 90_000), 1000, 0, 1)
        if number % 96 == 0
        else (dice.randrange(4000, 24_000), 1000, offsets[number % 3], 0)
        for number in range(count)
    ]


def index_of(count: int) -> bytes:
    builder = IndexBuilder(timescale=24_000, description=bytes(400))
    for row in video_rows(count):
        builder.add(*row)
    body = builder.take()
    rest, header = builder.finish()
    return header + body + rest


@pytest.fixture(scope="session")
def film() -> bytes:
    return index_of(FILM_SAMPLES)


@pytest.fixture(scope="session")
def million() -> bytes:
    return index_of(MILLION)

"""The header of a media segment, at the start and at the end of a film."""

from types import ModuleType

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.micro.conftest import FILM_SAMPLES


@pytest.mark.benchmark(group="fragment header of 96 samples, by place")
@pytest.mark.parametrize("first", [0, 96 * 15, FILM_SAMPLES - 96], ids=["start", "1 min", "2 h"])
def bench_fragment_header(
    benchmark: BenchmarkFixture, twin: ModuleType, film: bytes, first: int
) -> None:
    index = twin.TrackIndex(film)
    header = benchmark(index.fragment_header, first, 96, 7)
    assert header[-4:] == b"mdat"


@pytest.mark.benchmark(group="fragment header, by samples")
@pytest.mark.parametrize("count", [1, 24, 96, 480])
def bench_fragment_header_of(
    benchmark: BenchmarkFixture, twin: ModuleType, film: bytes, count: int
) -> None:
    index = twin.TrackIndex(film)
    assert benchmark(index.fragment_header, 960, count, 7)[-4:] == b"mdat"

"""The track index: opening it, finding places in it, writing it."""

from types import ModuleType

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.micro.conftest import FILM_SAMPLES, MILLION, video_rows

SEGMENTS = 1800


@pytest.mark.benchmark(group="open a film of 172,800 samples")
def bench_open(benchmark: BenchmarkFixture, twin: ModuleType, film: bytes) -> None:
    index = benchmark(twin.TrackIndex, film)
    assert index.sample_count == FILM_SAMPLES


@pytest.mark.benchmark(group="sync times of a film")
def bench_sync_times(benchmark: BenchmarkFixture, twin: ModuleType, film: bytes) -> None:
    index = twin.TrackIndex(film)
    times = benchmark(index.sync_times)
    assert len(times) == SEGMENTS


@pytest.mark.benchmark(group="segment starts of a film")
def bench_segment_starts(benchmark: BenchmarkFixture, twin: ModuleType, film: bytes) -> None:
    index = twin.TrackIndex(film)
    cuts = [time for _, time in index.sync_times()]
    starts = benchmark(index.segment_starts, cuts)
    assert starts == list(range(0, FILM_SAMPLES, 96))


@pytest.mark.benchmark(group="segment, by place")
@pytest.mark.parametrize("first", [0, 96 * 15, FILM_SAMPLES - 96], ids=["start", "1 min", "2 h"])
def bench_segment(benchmark: BenchmarkFixture, twin: ModuleType, film: bytes, first: int) -> None:
    index = twin.TrackIndex(film)
    assert benchmark(index.segment, first, 96)[3] == 96_000


@pytest.mark.benchmark(group="sample 999,999 of a million")
def bench_last_of_a_million(benchmark: BenchmarkFixture, twin: ModuleType, million: bytes) -> None:
    index = twin.TrackIndex(million)
    assert benchmark(index.sample, MILLION - 1)[2] == (MILLION - 1) * 1000


@pytest.mark.benchmark(group="build an index of 10,000 samples")
def bench_build(benchmark: BenchmarkFixture, writer: ModuleType) -> None:
    rows = video_rows(10_000)

    def build() -> int:
        builder = writer.IndexBuilder(timescale=24_000, description=bytes(400))
        taken = 0
        for row in rows:
            builder.add(*row)
        taken += len(builder.take())
        rest, header = builder.finish()
        return taken + len(rest) + len(header)

    assert benchmark(build) == 480 + 10_000 * 16 + 157 * 16

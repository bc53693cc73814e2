"""Manifests and the segment table of a film of two hours with six rungs."""

from fractions import Fraction

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from core.manifest.dash import mpd
from core.manifest.hls import media_playlist, multivariant_playlist
from core.media.build import segment_table
from core.media.description import TrackDescription, encode_description
from core.media.presentation import AudioTraits, Presentation, Rendition, TrackKind, VideoTraits
from core.media.ticks import Ticks
from core.media.timeline import CutPlan, Span, cut_plan, even_plan
from native import IndexBuilder, TrackIndex

FILM_S = 7200
SEGMENT_S = 4
HEIGHTS = (240, 360, 480, 720, 1080, 2160)


def spans(timescale: int, jitter: int) -> tuple[Span, ...]:
    """Give four-second segments; audio's differ by a frame now and then, as they do."""
    starts = [
        number * SEGMENT_S * timescale + (number * 7 % 3) * jitter
        for number in range(FILM_S // SEGMENT_S)
    ]
    ends = [*starts[1:], FILM_S * timescale]
    return tuple(
        Span(Ticks(start), Ticks(end - start)) for start, end in zip(starts, ends, strict=True)
    )


@pytest.fixture(scope="module")
def film_presentation() -> Presentation:
    video = tuple(
        Rendition(
            TrackKind.VIDEO, f"{height}p", "0123456789abcdef0123", "avc1.64001f", 24_000,
            spans(24_000, 0), height * 3000, height * 2000,
            VideoTraits(height * 16 // 9, height, Fraction(24)),
        )
        for height in HEIGHTS
    )  # fmt: skip
    audio = tuple(
        Rendition(
            TrackKind.AUDIO, f"audio-{language}-2ch", "0123456789abcdef0123", "mp4a.40.2", 48_000,
            spans(48_000, 512), 130_000, 128_000,
            AudioTraits(2, 48_000, language, "", default=language == "eng"),
        )
        for language in ("eng", "deu", "fra")
    )  # fmt: skip
    return Presentation("p_film", video, audio, FILM_S * 1000)


def bench_multivariant_playlist(
    benchmark: BenchmarkFixture, film_presentation: Presentation
) -> None:
    assert benchmark(multivariant_playlist, film_presentation).count("#EXT-X-STREAM-INF") == 6


def bench_media_playlist(benchmark: BenchmarkFixture, film_presentation: Presentation) -> None:
    assert benchmark(media_playlist, film_presentation.video[0]).count("#EXTINF") == 1800


def bench_mpd(benchmark: BenchmarkFixture, film_presentation: Presentation) -> None:
    assert benchmark(mpd, film_presentation).count("<Representation") == 9


def bench_segment_table(benchmark: BenchmarkFixture) -> None:
    """Audio of two hours: what origin computes once when it opens a track."""
    description = TrackDescription(kind=TrackKind.AUDIO, codec="mp4a.40.2", sample_entry=b"")
    samples = FILM_S * 48_000 // 1024
    builder = IndexBuilder(timescale=48_000, description=encode_description(description))
    for number in range(samples):
        builder.add(340 + number % 7, 1024, 0, 1)
    body = builder.take()
    rest, header = builder.finish(priming=1024)
    index = TrackIndex(header + body + rest)
    plan: CutPlan = cut_plan(even_plan(Ticks(FILM_S * 1000), Ticks(SEGMENT_S * 1000)), 1000)
    assert len(benchmark(segment_table, index, plan)) == FILM_S // SEGMENT_S

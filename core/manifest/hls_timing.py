"""Durations and positions in HLS playlists (RFC 8216bis §4.4.4.1), in whole microseconds."""

from collections.abc import Iterable, Iterator

from core.media.presentation import Rendition
from core.media.ticks import MICROSECONDS, rescale


def segment_durations_us(rendition: Rendition) -> list[int]:
    """Give how long each segment lasts: from the end of the one before it, or from the origin.

    So they add up to the rounded end of the last one however many there are, and what starts late
    has the gap counted into its first segment.
    """
    origin = rescale(rendition.origin, rendition.timescale, MICROSECONDS)
    ends = [rescale(span.end, rendition.timescale, MICROSECONDS) for span in rendition.spans]
    return [stop - start for start, stop in zip((origin, *ends), ends, strict=False)]


def start_tag(start_us: int) -> Iterator[str]:
    """Give EXT-X-START (§4.4.2.2) where playing does not begin at the beginning."""
    if start_us:
        yield f"#EXT-X-START:TIME-OFFSET={_seconds(start_us)},PRECISE=YES"


def duration_tag(duration_us: int) -> str:
    """Give EXTINF (§4.4.4.1)."""
    return f"#EXTINF:{_seconds(duration_us)},"


def target_duration(durations_us: Iterable[int]) -> int:
    """No duration, rounded to the nearest second, may exceed it (§4.4.3.1)."""
    return max(1, (2 * max(durations_us) + MICROSECONDS) // (2 * MICROSECONDS))


def _seconds(microseconds: int) -> str:
    return f"{microseconds // MICROSECONDS}.{microseconds % MICROSECONDS:06}"

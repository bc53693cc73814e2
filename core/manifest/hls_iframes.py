"""I-frame playlists, by which players wind through a film (RFC 8216bis §4.4.3.6, §4.4.6.3)."""

from collections.abc import Iterable, Iterator
from typing import Final

from core.manifest.hls_keys import segment_key
from core.manifest.urls import (
    IFRAME_FILE,
    IFRAME_PLAYLIST,
    INIT_SEGMENT,
    TRACK_FILE,
    iframe_segment,
    playlist_folder,
    way_to_segments,
)
from core.media.iframes import IFrames
from core.media.presentation import Presentation, Rendition, VideoTraits
from core.media.ticks import MICROSECONDS, rescale

VERSION: Final = 7


def iframe_playlist(rendition: Rendition) -> str:
    """Give the playlist of a rendition's I-frames; it lies beside the media playlist.

    As there, positions are presentation times and durations are differences of positions: each
    I-frame stands until the next. Raises `ValueError` when there is no I-frame.
    """
    shown = rendition.iframes
    if shown is None or not len(shown):
        raise ValueError(f"rendition {rendition.name} has no I-frame")
    durations = iframe_durations_us(rendition, shown)
    return "\n".join(
        [
            *iframe_head(durations),
            _map(rendition),
            *_body(rendition, durations, _addresses(shown, way_to_segments(rendition))),
            "#EXT-X-ENDLIST",
            "",
        ]
    )


def iframe_durations_us(rendition: Rendition, shown: IFrames) -> list[int]:
    """Give how long each I-frame stands: the first from the origin on, the others from their time.

    They add up to the rounded end of the last one.
    """
    ends = [rescale(span.end, rendition.timescale, MICROSECONDS) for span in shown.spans]
    origin = rescale(rendition.origin, rendition.timescale, MICROSECONDS)
    return [stop - start for start, stop in zip((origin, *ends), ends, strict=False)]


def iframe_variants(presentation: Presentation) -> Iterator[str]:
    """Give EXT-X-I-FRAME-STREAM-INF for every picture rendition that has I-frames, rising."""
    winding = [
        (each, each.iframes, each.traits)
        for each in presentation.video
        if each.iframes is not None and isinstance(each.traits, VideoTraits)
    ]
    for rendition, shown, traits in sorted(winding, key=lambda each: each[1].peak_bandwidth):
        attributes = (
            f"BANDWIDTH={shown.peak_bandwidth}",
            f"AVERAGE-BANDWIDTH={shown.average_bandwidth}",
            f'CODECS="{rendition.codec}"',
            f"RESOLUTION={traits.width}x{traits.height}",
            f"VIDEO-RANGE={traits.video_range}",
            f'URI="{playlist_folder(rendition)}/{IFRAME_PLAYLIST}"',
        )
        yield f"#EXT-X-I-FRAME-STREAM-INF:{','.join(attributes)}"


def iframe_head(durations_us: Iterable[int]) -> tuple[str, ...]:
    """Give the tags before the first I-frame."""
    longest = max(durations_us)
    target = max(1, (2 * longest + MICROSECONDS) // (2 * MICROSECONDS))
    return (
        "#EXTM3U",
        f"#EXT-X-VERSION:{VERSION}",
        f"#EXT-X-TARGETDURATION:{target}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        "#EXT-X-I-FRAMES-ONLY",
    )


def _map(rendition: Rendition) -> str:
    """Give EXT-X-MAP: the init segment, in the one file where the pictures lie there."""
    shown = rendition.iframes
    places = {each.address for each in shown.ranges} if shown is not None else set()
    for name, head in ((TRACK_FILE, rendition.layout), (IFRAME_FILE, rendition.iframe_file)):
        if head is not None and name in places:
            return f'#EXT-X-MAP:URI="{name}",BYTERANGE="{head.init_bytes}@0"'
    return f'#EXT-X-MAP:URI="{way_to_segments(rendition)}{INIT_SEGMENT}"'


def _addresses(shown: IFrames, way: str) -> Iterator[tuple[str, ...]]:
    if not shown.ranges:
        for number in range(shown.first, shown.first + len(shown)):
            yield (f"{way}{iframe_segment(number)}",)
    for each in shown.ranges:
        yield f"#EXT-X-BYTERANGE:{each.length}@{each.start}", each.address


def _body(
    rendition: Rendition, durations_us: Iterable[int], addresses: Iterable[tuple[str, ...]]
) -> Iterator[str]:
    for place, (duration, lines) in enumerate(zip(durations_us, addresses, strict=True)):
        yield from segment_key(rendition, place, lines[-1])
        yield f"#EXTINF:{duration // MICROSECONDS}.{duration % MICROSECONDS:06},"
        yield from lines

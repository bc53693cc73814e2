"""The media playlist of one line through several presentations (RFC 8216bis §4.4.4.3)."""

from collections.abc import Iterator, Sequence

from core.manifest.hls import VERSION
from core.manifest.hls_keys import NO_KEY, segment_key
from core.manifest.hls_timing import (
    duration_tag,
    segment_durations_us,
    start_tag,
    target_duration,
)
from core.manifest.joined import Line
from core.manifest.urls import (
    INIT_SEGMENT,
    NO_TEXT,
    media_segment,
    rendition_folder,
    text_segment,
)
from core.media.presentation import Presentation, Rendition, TrackKind
from core.media.ticks import MICROSECONDS

LONGEST_HOLE_US = 4 * MICROSECONDS
UP = "../../"
"""From the playlist of a line to the manifests."""


def joined_playlist(line: Line, parts: Sequence[Presentation]) -> str:
    """Give the playlist of a line; it lies at `{kind}/{name}/`, the segments two folders above.

    Each part after the first begins with a discontinuity and its own init segment. In every line a
    part takes the same time, that of its pictures, so discontinuities lie at the same place for
    all; players place what comes after one by the times in it. A part of which a line has nothing
    is a gap, or where it is text, empty segments. A key ends with its part: what is behind it is
    under another one, or clear, and its init segment always is (§4.4.4.5).
    """
    hole = [NO_TEXT] if line.kind is TrackKind.TEXT else ["#EXT-X-GAP", "gap"]
    durations: list[int] = []
    body: list[str] = []
    for number, (rendition, part) in enumerate(zip(line.renditions, parts, strict=True)):
        if number:
            body.append("#EXT-X-DISCONTINUITY")
            if _is_protected(line.renditions[number - 1]):
                body.append(NO_KEY)
        if rendition is None:
            lasting = list(_holes(part.length_us))
            body += [
                text for each in lasting for text in (*hole[:-1], duration_tag(each), hole[-1])
            ]
        else:
            lasting = _fitted(segment_durations_us(rendition), part.length_us)
            body += _segments(rendition, lasting)
        durations += lasting
    head = [
        "#EXTM3U",
        f"#EXT-X-VERSION:{VERSION}",
        f"#EXT-X-TARGETDURATION:{target_duration(durations)}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        *start_tag(parts[0].start_us),
    ]
    return "\n".join([*head, *body, "#EXT-X-ENDLIST"]) + "\n"


def _segments(rendition: Rendition, durations_us: Sequence[int]) -> Iterator[str]:
    way = f"{UP}{rendition_folder(rendition)}"
    is_text = rendition.kind is TrackKind.TEXT
    if not is_text:
        yield f'#EXT-X-MAP:URI="{way}/{INIT_SEGMENT}"'
    for place, duration in enumerate(durations_us):
        number = rendition.first + place
        name = text_segment(number) if is_text else media_segment(number)
        yield from segment_key(rendition, place, name, UP)
        yield duration_tag(duration)
        yield f"{way}/{name}"


def _is_protected(rendition: Rendition | None) -> bool:
    return rendition is not None and rendition.protection is not None


def _fitted(durations_us: list[int], length_us: int) -> list[int]:
    """Make the last segment end where the part does: sound may end a little before or after it."""
    *before, _ = durations_us
    return [*before, max(1, length_us - sum(before))]


def _holes(length_us: int) -> Iterator[int]:
    while length_us > LONGEST_HOLE_US:
        yield LONGEST_HOLE_US
        length_us -= LONGEST_HOLE_US
    yield length_us

"""The playlists of one line through several presentations (RFC 8216bis §4.4.4.3)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from core.manifest.hls import VERSION
from core.manifest.hls_iframes import iframe_durations_us, iframe_head
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
    iframe_segment,
    media_segment,
    rendition_folder,
    text_segment,
)
from core.media.presentation import Presentation, Rendition, TrackKind
from core.media.ticks import MICROSECONDS

LONGEST_HOLE_US = 4 * MICROSECONDS
GAP = ("#EXT-X-GAP", "gap")


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a playlist says of one part: an init segment, and of each segment its lines.

    `init` is empty where there is none. The last line of a segment is its address, those before it
    are tags; EXTINF goes between. `has_key` says that there are keys among these, which hold until
    another is named.
    """

    init: str
    segments: Sequence[Sequence[str]]
    durations_us: Sequence[int]
    has_key: bool = False


UP = "../../"
"""From the playlist of a line to the manifests."""


def joined_playlist(line: Line, parts: Sequence[Presentation]) -> str:
    """Give the playlist of a line; it lies at `{kind}/{name}/`, the segments two folders above.

    Each part after the first begins with a discontinuity and its own init segment. In every line a
    part takes the same time, that of its pictures, so discontinuities lie at the same place for
    all; players place what comes after one by the times in it. A part of which a line has nothing
    is a gap, or where it is text, empty segments.
    """
    hole = (NO_TEXT,) if line.kind is TrackKind.TEXT else GAP
    stretches = [
        hole_of(part, hole) if rendition is None else _segments(rendition, part)
        for rendition, part in zip(line.renditions, parts, strict=True)
    ]
    head = [
        "#EXTM3U",
        f"#EXT-X-VERSION:{VERSION}",
        f"#EXT-X-TARGETDURATION:{target_duration(lasting(stretches))}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        *start_tag(parts[0].start_us),
    ]
    return in_a_row(head, stretches)


def joined_iframe_playlist(line: Line, parts: Sequence[Presentation]) -> str:
    """Give the I-frames of a line of pictures, which lie where its segments do.

    A part without any is a gap, as one of which the line has nothing.
    """
    stretches = [_pictures(*each) for each in zip(line.renditions, parts, strict=True)]
    return in_a_row(iframe_head(lasting(stretches)), stretches)


def in_a_row(head: Iterable[str], stretches: Sequence[Stretch]) -> str:
    """Write a playlist of parts, each after the first behind a discontinuity.

    A key ends with its part: what is behind it is under another one, or clear, and its init segment
    always is (§4.4.4.5).
    """
    lines = list(head)
    for number, stretch in enumerate(stretches):
        if number:
            lines.append("#EXT-X-DISCONTINUITY")
            if stretches[number - 1].has_key:
                lines.append(NO_KEY)
        if stretch.init:
            lines.append(f'#EXT-X-MAP:URI="{stretch.init}"')
        for (*tags, address), duration in zip(stretch.segments, stretch.durations_us, strict=True):
            lines += [*tags, duration_tag(duration), address]
    return "\n".join([*lines, "#EXT-X-ENDLIST"]) + "\n"


def lasting(stretches: Iterable[Stretch]) -> list[int]:
    """Give the durations of all segments, in microseconds."""
    return [each for stretch in stretches for each in stretch.durations_us]


def hole_of(part: Presentation, hole: Sequence[str] = GAP) -> Stretch:
    """Give a part of which there is nothing, in segments of `LONGEST_HOLE_US` at most."""
    durations = list(_holes(part.length_us))
    return Stretch("", [hole] * len(durations), durations)


def fitted(durations_us: Sequence[int], length_us: int) -> list[int]:
    """Make the last segment end where the part does: what it has may end a little off."""
    *before, _ = durations_us
    return [*before, max(1, length_us - sum(before))]


def _segments(rendition: Rendition, part: Presentation) -> Stretch:
    is_text = rendition.kind is TrackKind.TEXT
    durations = fitted(segment_durations_us(rendition), part.length_us)
    numbers = range(rendition.first, rendition.first + len(durations))
    names = map(text_segment if is_text else media_segment, numbers)
    return _stretch(rendition, names, durations)


def _pictures(rendition: Rendition | None, part: Presentation) -> Stretch:
    shown = None if rendition is None else rendition.iframes
    if rendition is None or shown is None:
        return hole_of(part)
    names = map(iframe_segment, range(shown.first, shown.first + len(shown)))
    return _stretch(rendition, names, fitted(iframe_durations_us(rendition, shown), part.length_us))


def _stretch(rendition: Rendition, names: Iterable[str], durations_us: Sequence[int]) -> Stretch:
    """Give a rendition's segments of these names, each behind its key where it is under one."""
    way = f"{UP}{rendition_folder(rendition)}"
    return Stretch(
        init="" if rendition.kind is TrackKind.TEXT else f"{way}/{INIT_SEGMENT}",
        segments=[
            (*segment_key(rendition, place, name, UP), f"{way}/{name}")
            for place, name in enumerate(names)
        ],
        durations_us=durations_us,
        has_key=rendition.protection is not None,
    )


def _holes(length_us: int) -> Iterator[int]:
    while length_us > LONGEST_HOLE_US:
        yield LONGEST_HOLE_US
        length_us -= LONGEST_HOLE_US
    yield length_us

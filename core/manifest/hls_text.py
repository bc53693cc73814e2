"""Text in HLS playlists: subtitle renditions, their playlists, and captions inside of pictures."""

from collections.abc import Iterator

from core.manifest.hls_syntax import attributes, quoted, yes
from core.manifest.hls_timing import duration_tag, segment_durations_us, target_duration
from core.manifest.text import closed_captions, text_choices
from core.manifest.urls import MEDIA_PLAYLIST, rendition_folder, text_segment
from core.media.presentation import Presentation, Rendition
from core.media.roles import TrackRole, characteristics

SUBTITLES = "subtitles"
CAPTIONS = "captions"
VERSION = 7


def text_tags(presentation: Presentation) -> Iterator[str]:
    """Give EXT-X-MEDIA for all text and for the caption channels (§4.4.6.1).

    A player may select by itself only one rendition of each language and kind. Those that are
    forced it selects with the language of the sound.
    """
    selected: set[tuple[str | None, bool, str]] = set()
    for choice in text_choices(presentation):
        roles = choice.traits.roles
        traits = characteristics(roles)
        key = choice.language, choice.is_forced, traits
        selects = key not in selected and TrackRole.COMMENTARY not in roles
        selected.add(key)
        yield attributes(
            "EXT-X-MEDIA",
            TYPE="SUBTITLES",
            GROUP_ID=quoted(SUBTITLES),
            NAME=quoted(choice.name),
            LANGUAGE=quoted(choice.language) if choice.language is not None else None,
            DEFAULT=yes(choice.is_default),
            AUTOSELECT=yes(selects or choice.is_default),
            FORCED=yes(choice.is_forced) if choice.is_forced else None,
            CHARACTERISTICS=quoted(traits) if traits else None,
            URI=quoted(f"{rendition_folder(choice.rendition)}/{MEDIA_PLAYLIST}"),
        )
    for number, channel in enumerate(closed_captions(presentation)):
        yield attributes(
            "EXT-X-MEDIA",
            TYPE="CLOSED-CAPTIONS",
            GROUP_ID=quoted(CAPTIONS),
            NAME=quoted(channel),
            DEFAULT="NO",
            AUTOSELECT=yes(number == 0),
            INSTREAM_ID=quoted(channel),
        )


def variant_text(presentation: Presentation) -> Iterator[str]:
    """Give the attributes of every variant that name its text (§4.4.6.2).

    Where one says that it has no captions, all have to.
    """
    if presentation.text:
        yield f"SUBTITLES={quoted(SUBTITLES)}"
    if presentation.video:
        yield f"CLOSED-CAPTIONS={quoted(CAPTIONS) if closed_captions(presentation) else 'NONE'}"


def text_playlist(rendition: Rendition) -> str:
    """Give the playlist of a text rendition: a segment for every cut, also for silence.

    Raises `ValueError` when there is no segment.
    """
    if not rendition.spans:
        raise ValueError(f"rendition {rendition.name} has no segment")
    durations = segment_durations_us(rendition)
    lines = [
        "#EXTM3U",
        f"#EXT-X-VERSION:{VERSION}",
        f"#EXT-X-TARGETDURATION:{target_duration(durations)}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
    ]
    for number, duration in enumerate(durations, rendition.first):
        lines += [duration_tag(duration), text_segment(number)]
    lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"

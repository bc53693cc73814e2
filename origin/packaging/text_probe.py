"""Looks for text in a source: which tracks can be read, which cannot, and the chapters."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final

from av.container import InputContainer
from av.stream import Disposition, Stream

from core.isobmff.movie import read_movie
from core.media.chapters import Chapter, chapter_list
from core.media.language import language_tag
from core.media.roles import TrackRole
from native import MalformedMovie
from origin.packaging.demux import codec_name, is_indexed, time_base_of
from origin.packaging.movie_file import read_parts
from origin.packaging.report import IgnoredTrack, TextTrackInfo
from origin.packaging.stream_words import label_of, language_of

READABLE: Final = frozenset({"mov_text", "subrip", "text", "ass", "webvtt"})
WVTT: Final = "wvtt"
"""WebVTT in MP4, which FFmpeg has no name for."""
MOST_TEXT_TRACKS: Final = 64
CHAPTER_NAMES: Final = "text"
"""The sample entry of QuickTime's chapter tracks, which FFmpeg takes for itself."""

_PICTURES: Final = {
    "hdmv_pgs_subtitle": "PGS",
    "dvd_subtitle": "VobSub",
    "dvb_subtitle": "DVB",
    "xsub": "XSUB",
}
_ROLES: Final = (
    (Disposition.forced, TrackRole.FORCED),
    (Disposition.hearing_impaired | Disposition.captions, TrackRole.CAPTIONS),
    (Disposition.visual_impaired | Disposition.descriptions, TrackRole.DESCRIPTION),
    (Disposition.comment, TrackRole.COMMENTARY),
    (Disposition.dub, TrackRole.DUB),
    (Disposition.original, TrackRole.ORIGINAL),
)


def is_text(stream: Stream) -> bool:
    """Tell whether a stream is a matter of this module."""
    return stream.type not in ("video", "audio")


def text_tracks(
    container: InputContainer, path: Path
) -> tuple[list[TextTrackInfo], list[IgnoredTrack]]:
    """Give the text tracks that can be read, and all else that is neither picture nor sound."""
    streams = [stream for stream in container.streams if is_text(stream)]
    kinds = _sample_entries(container, path, streams)
    if container.chapters():  # the track that names them is no track of its own
        streams = [stream for stream in streams if kinds.get(stream.id) != CHAPTER_NAMES]
    found: list[Stream] = []
    ignored: list[IgnoredTrack] = []
    for stream in streams:
        reason = _unreadable(stream, kinds)
        if not reason and len(found) == MOST_TEXT_TRACKS:
            reason = "there are more text tracks than are published"
        if reason:
            ignored.append(_ignored(stream, reason))
        else:
            found.append(stream)
    defaults = [stream for stream in found if stream.disposition & Disposition.default]
    # A flag that several tracks have says nothing; Matroska sets it where nobody did.
    default = defaults[0] if len(defaults) == 1 else None
    return [_info(stream, kinds, default=stream is default) for stream in found], ignored


def roles_of(stream: Stream) -> tuple[TrackRole, ...]:
    """Give what a stream's flags say it is for."""
    return tuple(role for flags, role in _ROLES if stream.disposition & flags)


def chapters_of(container: InputContainer, zero: Fraction) -> tuple[Chapter, ...]:
    """Give the chapters; `zero` is the source's time, in seconds, at which the film starts."""
    return chapter_list(_chapters(container, zero))


def _chapters(container: InputContainer, zero: Fraction) -> Iterator[tuple[int, str]]:
    for each in container.chapters():
        base = each["time_base"]
        if base is None:
            continue
        start_s = each["start"] * base - zero
        yield int(start_s * 1000 + Fraction(1, 2)), each["metadata"].get("title", "")


def _sample_entries(
    container: InputContainer, path: Path, streams: Sequence[Stream]
) -> dict[int, str]:
    """Give the sample entries of an MP4's tracks that FFmpeg does not know, by track number."""
    if not is_indexed(container) or all(codec_name(stream) for stream in streams):
        return {}
    try:
        with path.open("rb") as file:
            movie = read_movie(read_parts(file.fileno()))
    except MalformedMovie:
        return {}
    return {
        track.track_id: track.entries[0].kind.decode("latin-1")
        for track in movie.tracks
        if track.entries
    }


def _codec(stream: Stream, kinds: dict[int, str]) -> str:
    name = codec_name(stream)
    return name or (WVTT if kinds.get(stream.id) == WVTT else "")


def _unreadable(stream: Stream, kinds: dict[int, str]) -> str:
    """Say why a stream is no text that can be read; empty where it is."""
    codec = _codec(stream, kinds)
    if codec == WVTT or (stream.type == "subtitle" and codec in READABLE):
        return ""
    if codec in _PICTURES:
        return f"its subtitles are pictures ({_PICTURES[codec]}), which cannot be made into text"
    if stream.type == "subtitle":
        return f"{codec or 'unknown'} subtitles cannot be read"
    return f"{stream.type} tracks are not published"


def _ignored(stream: Stream, reason: str) -> IgnoredTrack:
    return IgnoredTrack(
        index=stream.index,
        kind=stream.type,
        codec=codec_name(stream),
        reason=reason,
        language=language_of(stream),
    )


def _info(stream: Stream, kinds: dict[int, str], *, default: bool) -> TextTrackInfo:
    base = time_base_of(stream)
    context: object = stream.codec_context
    return TextTrackInfo(
        index=stream.index,
        codec=_codec(stream, kinds),
        language=language_tag(language_of(stream)),
        label=label_of(stream),
        default=default,
        roles=roles_of(stream),
        time_base=(base.numerator, base.denominator),
        track_id=stream.id,
        record=b"" if context is None else stream.codec_context.extradata or b"",
    )

"""What Sluice would make of a file, found out by doing everything but the writing."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median

import msgspec

from core.media.chapters import Chapter
from core.media.colour_words import colour_words, light_words
from core.media.presentation import TrackKind
from core.media.roles import TrackRole
from core.media.ticks import Ticks
from core.media.timeline import Span, even_plan, plan_segments
from core.media.video_range import SDR, video_range
from origin.packaging.codec_strings import codec_string
from origin.packaging.copy import copy_tracks
from origin.packaging.groups import GroupsOfPictures, measure_groups
from origin.packaging.limits import Limits
from origin.packaging.movie_facts import MovieFacts, movie_facts
from origin.packaging.probe import probe
from origin.packaging.progress import Unwatched
from origin.packaging.report import (
    AudioTrackInfo,
    Decision,
    IgnoredTrack,
    SourceReport,
    TextTrackInfo,
    VideoTrackInfo,
)
from origin.packaging.track import PackagedTrack

MILLISECONDS = 1000


class InspectedVideo(msgspec.Struct, frozen=True, kw_only=True):
    """A video track; `codecs` is the RFC 6381 name, empty where we know none. Sizes in pixels.

    `colour` names primaries, transfer and matrix; `high_dynamic_range` is `PQ`, `HLG` or empty;
    `light` says how bright its pictures are, where the file does. `track_id` is the container's
    number of the track. `closed_captions` are the channels of captions inside of the pictures, as
    HLS names them, where the track is copied.
    """

    stream: int
    codec: str
    codecs: str
    profile: str
    width: int
    height: int
    shown_width: int
    shown_height: int
    frame_rate: float | None
    variable_rate: bool
    bit_depth: int
    language: str
    samples: int
    decision: Decision
    reason: str
    groups: GroupsOfPictures | None
    colour: str = ""
    high_dynamic_range: str = ""
    interlaced: bool = False
    label: str = ""
    track_id: int = 0
    light: str = ""
    closed_captions: tuple[str, ...] = ()


class InspectedAudio(msgspec.Struct, frozen=True, kw_only=True):
    """An audio track; `codecs` and `track_id` are those of `InspectedVideo`."""

    stream: int
    codec: str
    codecs: str
    profile: str
    channels: int
    sample_rate: int
    language: str
    default: bool
    decision: Decision
    reason: str
    label: str = ""
    track_id: int = 0
    roles: tuple[TrackRole, ...] = ()


class InspectedText(msgspec.Struct, frozen=True, kw_only=True):
    """A text track; `roles` say what it is for beyond its language."""

    stream: int
    codec: str
    language: str
    label: str
    default: bool
    roles: tuple[TrackRole, ...]


class Segments(msgspec.Struct, frozen=True, kw_only=True):
    """The segments that would be made: their number and their lengths in seconds."""

    count: int
    shortest_s: float
    median_s: float
    longest_s: float


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a file. `problems` name box and byte where a table is wrong.

    `movie` is there where an MP4's boxes can be read. `repaired` says that FFmpeg's demuxer is what
    takes the file apart.
    """

    file: str
    container: str
    size_bytes: int
    duration_ms: int
    video: InspectedVideo | None
    audio: tuple[InspectedAudio, ...]
    ignored: tuple[IgnoredTrack, ...]
    segments: Segments | None
    problems: tuple[str, ...]
    text: tuple[InspectedText, ...] = ()
    chapters: tuple[Chapter, ...] = ()
    movie: MovieFacts | None = None
    repaired: bool = False


def inspect_file(path: Path, segment_s: float, limits: Limits) -> Inspection:
    """Look into a file. Raises the `SourceFault` that says why it cannot be played."""
    report = probe(path, limits)
    outcome = copy_tracks(path, report, None, Unwatched(), limits=limits)
    refused = {rejection.stream: rejection.reason for rejection in outcome.rejected}
    made = {track.stream: track for track in outcome.tracks}
    movie, wrong = movie_facts(path) if report.is_movie else (None, ())
    said = (outcome.repaired,) if outcome.repaired else ()
    return Inspection(
        file=str(path),
        container=report.container,
        size_bytes=report.size_bytes,
        duration_ms=report.duration_ms,
        video=_video(path, report.video, refused, made, limits) if report.video else None,
        audio=tuple(_audio(track, refused, made) for track in report.audio),
        ignored=report.ignored,
        segments=_segments(report, outcome.tracks, segment_s),
        text=tuple(map(_text, report.text)),
        chapters=report.chapters,
        problems=tuple(dict.fromkeys((*said, *wrong))),
        movie=movie,
        repaired=bool(outcome.repaired),
    )


def _video(
    path: Path,
    track: VideoTrackInfo,
    refused: dict[int, str],
    made: dict[int, PackagedTrack],
    limits: Limits,
) -> InspectedVideo:
    decision, reason = _verdict(track, refused)
    groups, samples = measure_groups(path, track, limits)
    shown_width, shown_height = track.shown_size
    shown = video_range(track.colour)
    return InspectedVideo(
        stream=track.index,
        codec=track.codec,
        codecs=_codecs(track, made),
        profile=track.profile,
        width=track.width,
        height=track.height,
        shown_width=shown_width,
        shown_height=shown_height,
        frame_rate=round(float(track.rate), 3) if track.rate else None,
        variable_rate=track.variable_rate,
        bit_depth=track.bit_depth,
        language=track.language,
        samples=samples,
        decision=decision,
        reason=reason,
        groups=groups,
        colour=colour_words(track.colour, full_range=track.full_range),
        high_dynamic_range="" if shown == SDR else shown,
        light=light_words(track.mastering_display, track.light_level),
        interlaced=track.interlaced,
        label=track.label,
        track_id=track.track_id,
        closed_captions=made[track.index].closed_captions if track.index in made else (),
    )


def _audio(
    track: AudioTrackInfo, refused: dict[int, str], made: dict[int, PackagedTrack]
) -> InspectedAudio:
    decision, reason = _verdict(track, refused)
    return InspectedAudio(
        stream=track.index,
        codec=track.codec,
        codecs=_codecs(track, made),
        profile=track.profile,
        channels=track.channels,
        sample_rate=track.sample_rate,
        language=track.language,
        default=track.default,
        decision=decision,
        reason=reason,
        label=track.label,
        track_id=track.track_id,
        roles=track.roles,
    )


def _text(track: TextTrackInfo) -> InspectedText:
    return InspectedText(
        stream=track.index,
        codec=track.codec,
        language=track.language,
        label=track.label,
        default=track.default,
        roles=track.roles,
    )


def _codecs(track: VideoTrackInfo | AudioTrackInfo, made: dict[int, PackagedTrack]) -> str:
    if track.index in made:
        return made[track.index].description.codec
    return codec_string(track.codec, track.record)


def _verdict(
    track: VideoTrackInfo | AudioTrackInfo, refused: dict[int, str]
) -> tuple[Decision, str]:
    """Give what becomes of a track; its samples have the last word."""
    if track.index in refused:
        return Decision.TRANSCODE, refused[track.index]
    return track.decision, track.reason


def _segments(
    report: SourceReport, tracks: Sequence[PackagedTrack], segment_s: float
) -> Segments | None:
    """Cut a copied picture at its key pictures; what is encoded gets them where they belong."""
    copied = next((track for track in tracks if track.kind is TrackKind.VIDEO), None)
    if copied is not None:
        target = Ticks(round(segment_s * copied.timescale))
        spans = plan_segments(copied.sync_times, copied.duration, target)
        return _measured(spans, copied.timescale)
    duration_ms = Ticks(report.duration_ms)
    return _measured(even_plan(duration_ms, Ticks(round(segment_s * MILLISECONDS))), MILLISECONDS)


def _measured(spans: Sequence[Span], timescale: int) -> Segments | None:
    lengths = [span.duration / timescale for span in spans]
    if not lengths:
        return None
    return Segments(
        count=len(lengths),
        shortest_s=round(min(lengths), 6),
        median_s=round(median(lengths), 6),
        longest_s=round(max(lengths), 6),
    )

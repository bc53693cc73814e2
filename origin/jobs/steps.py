"""What each step of a video's preparation does: ingest, encode, one sound, one rung, pictures.

An upload whose tracks can be played as they are is published by *ingest* itself. Of any other,
*encode* makes what is needed to play it: the tracks that can be copied, the sound, and the lowest
rung. Further rungs, the poster and the storyboard are steps of their own, for any worker. A copied
picture that plays everywhere gets no lower rungs yet.

A copied track that does not play everywhere is joined by an encoding that does. What browsers play
is published at once, and the encodings join; what they do not waits in *encode* for the first, and
is published without it where that fails.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, assert_never

import msgspec

from core.errors import Fault, InternalFault
from core.media.ladder import Rung, fixed_ladder
from core.media.presentation import TrackKind
from core.media.storyboard import Storyboard
from core.media.timeline import CutPlan
from origin.jobs.bounds import copy_bounds, encode_bounds
from origin.jobs.media import MediaProcesses, OnProgress
from origin.jobs.process import CrashedDecoder
from origin.jobs.reporting import Reporter
from origin.packaging.faults import UnheardSound
from origin.packaging.limits import Limits
from origin.packaging.protocol import Audio, Ingest, Ingested, Poster, Sprites, Text, Video
from origin.packaging.report import Reach, SourceReport
from origin.packaging.text_file import PackagedText
from origin.packaging.track import PackagedTrack
from origin.publication import BuiltTrack, CheckedTracks, check_tracks
from origin.repository import Attempt, Fenced, Follower, IgnoredTrack, Publication
from origin.text_publication import text_tracks
from runtime.jobs import PREVIEWS_STAGE, Step, Task
from runtime.logs import get_logger
from runtime.storage import LocalStore

# Shares of the work, in millions of pixels a picture.
AUDIO_WEIGHT: Final = 0.05
POSTER_WEIGHT: Final = 0.01
TEXT_WEIGHT: Final = 0.01
STORYBOARD_WEIGHT: Final = 0.05
# How the progress of a step is divided.
COPY_SHARE: Final = 0.05
AUDIO_SHARE: Final = 0.15

log = get_logger(__name__)


class SourceMissing(InternalFault):
    """The upload that a step is to work on is gone."""

    code = "storage.source_missing"


@dataclass(frozen=True, slots=True)
class Desk:
    """What a step works with; `segment_s` is the length a segment should have."""

    attempt: Attempt
    store: LocalStore
    media: MediaProcesses
    reporter: Reporter
    limits: Limits
    segment_s: float

    @property
    def source(self) -> Path:
        """The upload."""
        return self.store.path(self.attempt.upload_key)

    @property
    def out(self) -> Path:
        """The attempt's own folder in the store."""
        return self.store.path(self.attempt.prefix)


async def perform(desk: Desk) -> Publication:
    """Do the step and say what is to be published. Raises the fault that ends the attempt."""
    match desk.attempt.step.task:
        case Task.INGEST:
            return await _ingest(desk)
        case Task.ENCODE:
            return await _encode(desk)
        case Task.SOUND:
            return await _sound(desk)
        case Task.RUNG:
            return await _rung(desk)
        case Task.POSTER:
            return await _poster(desk)
        case Task.TEXT:
            return await _text(desk)
        case Task.STORYBOARD:
            return await _storyboard(desk)
        case never:
            assert_never(never)


async def _ingest(desk: Desk) -> Publication:
    found = await _copy(desk, only_whole=True, on_progress=desk.reporter.part("Copying", 0.0, 0.9))
    if found.to_encode or not found.report.plays_at_once:
        return Publication(followers=[_encode_step(desk, found)])
    followers = [_sound_step(desk, stream) for stream in _sounds(found.report, found.to_join)]
    followers += _rung_steps(desk, _joining_rungs(found))
    return await _first_publication(desk, found, found.tracks, followers)


async def _encode(desk: Desk) -> Publication:
    copying = desk.reporter.part("Copying", 0.0, COPY_SHARE)
    found = await _copy(desk, only_whole=False, on_progress=copying)
    report, tracks = found.report, list(found.tracks)
    followers: list[Follower] = []
    sounds = _sounds(report, (*found.to_encode, *found.to_join))
    for number, stream in enumerate(sounds):
        low = COPY_SHARE + AUDIO_SHARE * number / len(sounds)
        high = COPY_SHARE + AUDIO_SHARE * (number + 1) / len(sounds)
        showing = desk.reporter.part("Encoding sound", low, high)
        try:
            if sound := await _encode_audio(desk, report, stream, showing):
                tracks.append(sound)
        except Fault as fault:
            _set_aside(desk, found, stream, fault)
            followers.append(_sound_step(desk, stream))
    rungs: Sequence[Rung] = _joining_rungs(found)
    if report.video is not None and _waits(found, report.video.index):
        rungs = _ladder(report)
        # Copying may have found the picture unfit, which ingest could not know.
        await desk.reporter.weigh(*_weights(report, needs_rungs=True))
        showing = desk.reporter.part(f"Encoding {rungs[0].name}", COPY_SHARE + AUDIO_SHARE, 1.0)
        plan = await _plan_of(desk, found.tracks)
        try:
            tracks.append(await _encode_video(desk, rungs[0], report, showing, plan))
            rungs = rungs[1:]
        except Fault as fault:
            _set_aside(desk, found, report.video.index, fault)
    return await _first_publication(desk, found, tracks, [*followers, *_rung_steps(desk, rungs)])


def _set_aside(desk: Desk, found: Ingested, stream: int, fault: Fault) -> None:
    """Go on without an encoding that failed, where all it would do is join a track that is copied.

    The film plays without it, where that track does; the encoding gets a step of its own, which
    tries again and, where that fails too, is what the video's record names. Raises `fault` where
    there is no such track, and where it says nothing against the file.
    """
    passes = fault.retryable and not isinstance(fault, CrashedDecoder)
    if stream not in found.to_join or passes or isinstance(fault, Fenced):
        raise fault
    log.warning(
        "encoding.set_aside", step=desk.attempt.step.key, stream=stream, reason=fault.message
    )


async def _sound(desk: Desk) -> Publication:
    stream = int(desk.attempt.step.subject)
    track = await _encode_audio(desk, None, stream, desk.reporter.part("Encoding sound", 0.0, 1.0))
    if track is None:
        return Publication()
    checked = await _checked(desk, [track])
    return Publication(tracks=checked.tracks, sizes_bytes=checked.sizes_bytes)


async def _rung(desk: Desk) -> Publication:
    rung = msgspec.convert(desk.attempt.detail["rung"], Rung)
    showing = desk.reporter.part(f"Encoding {rung.name}", 0.0, 1.0)
    track = await _encode_video(desk, rung, None, showing, desk.attempt.plan)
    checked = await _checked(desk, [track])
    return Publication(tracks=checked.tracks, sizes_bytes=checked.sizes_bytes)


async def _poster(desk: Desk) -> Publication:
    out = desk.store.path(desk.attempt.poster_key)
    await asyncio.to_thread(out.parent.mkdir, parents=True, exist_ok=True)
    request = Poster(
        path=desk.source, out=out, limits=desk.limits, bounds=copy_bounds(_size_bytes(desk))
    )
    await desk.media.perform(request, type(None), desk.reporter.part("Choosing a picture", 0, 1))
    return Publication(poster_key=desk.attempt.poster_key)


async def _text(desk: Desk) -> Publication:
    plan = desk.attempt.plan
    assert plan is not None  # the step follows the first publication
    request = Text(
        path=desk.source, out=desk.out, limits=desk.limits, bounds=copy_bounds(_size_bytes(desk))
    )
    showing = desk.reporter.part("Taking out the subtitles", 0.0, 1.0)
    packaged = await desk.media.perform(request, list[PackagedText], showing)
    for each in packaged:
        for note in each.notes:
            log.info("text.left_out", step=desk.attempt.step.key, stream=each.stream, reason=note)
    prefix = desk.attempt.prefix
    tracks = await asyncio.to_thread(text_tracks, desk.store, prefix, packaged, plan)
    return Publication(tracks=tracks, sizes_bytes=[each.size_bytes for each in packaged])


async def _storyboard(desk: Desk) -> Publication:
    """Make it of the smallest picture that was published first, which is the cheapest to decode."""
    track = desk.store.path(str(desk.attempt.detail["track"]))
    key = desk.attempt.storyboard_key
    request = Sprites(
        path=track,
        out=desk.store.path(key),
        prefix=key,
        limits=desk.limits,
        bounds=copy_bounds(_size_bytes(desk)),
    )
    showing = desk.reporter.part(PREVIEWS_STAGE, 0, 1)
    return Publication(storyboard=await desk.media.perform(request, Storyboard, showing))


async def _copy(desk: Desk, *, only_whole: bool, on_progress: OnProgress) -> Ingested:
    request = Ingest(
        path=desk.source,
        out=desk.out,
        only_whole=only_whole,
        limits=desk.limits,
        bounds=copy_bounds(_size_bytes(desk)),
    )
    return await desk.media.perform(request, Ingested, on_progress)


async def _encode_audio(
    desk: Desk, report: SourceReport | None, stream: int, on_progress: OnProgress
) -> PackagedTrack | None:
    """Encode a sound; None where nothing of it is heard."""
    duration_ms = report.duration_ms if report is not None else 0
    request = Audio(
        path=desk.source,
        out=desk.out,
        stream=stream,
        report=report,
        limits=desk.limits,
        bounds=encode_bounds(_size_bytes(desk), duration_ms),
    )
    try:
        return await desk.media.perform(request, PackagedTrack, on_progress)
    except Fault as fault:  # it comes from another process, as a code
        if fault.code != UnheardSound.code:
            raise
        log.info("sound.left_out", step=desk.attempt.step.key, reason=fault.message)
        return None


async def _encode_video(
    desk: Desk,
    rung: Rung,
    report: SourceReport | None,
    on_progress: OnProgress,
    plan: CutPlan | None,
) -> PackagedTrack:
    duration_ms = report.duration_ms if report is not None else 0
    request = Video(
        path=desk.source,
        out=desk.out,
        rung=rung,
        plan=plan,
        report=report,
        limits=desk.limits,
        bounds=encode_bounds(_size_bytes(desk), duration_ms),
    )
    return await desk.media.perform(request, PackagedTrack, on_progress)


async def _first_publication(
    desk: Desk,
    found: Ingested,
    tracks: Sequence[PackagedTrack],
    followers: Sequence[Follower],
) -> Publication:
    ordered = sorted(tracks, key=lambda track: (track.kind is not TrackKind.VIDEO, track.stream))
    checked = await _checked(desk, ordered)
    if found.report.video is not None:
        pictures = (Follower(_sibling(desk, Task.POSTER), POSTER_WEIGHT),)
        followers = [*followers, *pictures, *_storyboard_steps(desk, checked)]
    if found.report.text:
        followers = [*followers, Follower(_sibling(desk, Task.TEXT), TEXT_WEIGHT)]
    return Publication(
        tracks=checked.tracks,
        sizes_bytes=checked.sizes_bytes,
        plan=checked.plan,
        duration_ms=checked.duration_ms,
        followers=followers,
        repaired=found.repaired,
        chapters=found.report.chapters,
        ignored=[
            IgnoredTrack(each.kind, each.codec, each.language, each.reason)
            for each in found.report.ignored
        ],
    )


async def _plan_of(desk: Desk, tracks: Sequence[PackagedTrack]) -> CutPlan | None:
    """Give the cuts of a copied picture, at which what joins it has key pictures; None if none."""
    pictures = [track for track in tracks if track.kind is TrackKind.VIDEO]
    return (await _checked(desk, pictures)).plan if pictures else None


async def _checked(desk: Desk, tracks: Sequence[PackagedTrack]) -> CheckedTracks:
    built = [
        BuiltTrack(
            kind=track.kind,
            name=track.name,
            store_prefix=f"{desk.attempt.prefix}/{track.directory.name}",
            flat_sha256=track.flat_sha256,
            index_sha256=track.index_sha256,
            default=track.default,
            closed_captions=track.closed_captions,
        )
        for track in tracks
    ]
    plan = desk.attempt.plan
    return await asyncio.to_thread(check_tracks, desk.store, built, plan, desk.segment_s)


def _encode_step(desk: Desk, found: Ingested) -> Follower:
    """What ingest hands over; the weights let one bar show all that is to come."""
    video = found.report.video
    needs_rungs = video is not None and (
        video.index in found.to_encode or video.index in found.to_join
    )
    weight, pending = _weights(found.report, needs_rungs=needs_rungs)
    return Follower(_sibling(desk, Task.ENCODE), weight=weight, pending=pending)


def _weights(report: SourceReport, *, needs_rungs: bool) -> tuple[float, float]:
    """How much *encode* is, and how much will follow it."""
    first, *rest = [_weight(rung) for rung in _ladder(report)] if needs_rungs else [0.0]
    return AUDIO_WEIGHT + first, POSTER_WEIGHT + STORYBOARD_WEIGHT + sum(rest)


def _sounds(report: SourceReport, streams: Sequence[int]) -> list[int]:
    return [track.index for track in report.audio if track.index in streams]


def _waits(found: Ingested, stream: int) -> bool:
    """Whether a track cannot be played before it is encoded."""
    joined = stream in found.to_join
    return stream in found.to_encode or (joined and found.report.reach(stream) is Reach.SOME)


def _joining_rungs(found: Ingested) -> tuple[Rung, ...]:
    """Give the rungs beside a picture that is copied and does not play everywhere."""
    video = found.report.video
    return _ladder(found.report) if video is not None and video.index in found.to_join else ()


def _sound_step(desk: Desk, stream: int) -> Follower:
    return Follower(_sibling(desk, Task.SOUND, str(stream)), AUDIO_WEIGHT)


def _rung_steps(desk: Desk, rungs: Sequence[Rung]) -> list[Follower]:
    return [
        Follower(
            _sibling(desk, Task.RUNG, rung.name),
            _weight(rung),
            rank=rank,
            detail={"rung": msgspec.to_builtins(rung)},
        )
        for rank, rung in enumerate(rungs)
    ]


def _storyboard_steps(desk: Desk, checked: CheckedTracks) -> Iterator[Follower]:
    pictures = [track for track in checked.tracks if track.kind is TrackKind.VIDEO]
    for smallest in sorted(pictures, key=lambda track: track.bandwidth)[:1]:
        step = _sibling(desk, Task.STORYBOARD)
        yield Follower(step, STORYBOARD_WEIGHT, detail={"track": smallest.store_prefix})


def _sibling(desk: Desk, task: Task, subject: str = "") -> Step:
    return Step(desk.attempt.video_id, task, subject)


def _ladder(report: SourceReport) -> tuple[Rung, ...]:
    assert report.video is not None  # asked only of what has a picture to encode
    width, height = report.video.display_size
    return fixed_ladder(width, height, report.video.rate)


def _weight(rung: Rung) -> float:
    return rung.width * rung.height / 1_000_000


def _size_bytes(desk: Desk) -> int:
    try:
        return desk.source.stat().st_size
    except FileNotFoundError as error:
        raise SourceMissing("The uploaded file is not in the store any more.") from error

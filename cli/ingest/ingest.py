"""From files to playable videos: upload each, follow its packaging, report on the way."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from cli.ingest.counting_file import sha256_of
from cli.ingest.ledger import Entry, Ledger
from cli.ingest.library import (
    Library,
    ServerRefused,
    ServerUnreachable,
    Video,
    open_library,
)
from cli.ingest.sidecars import send_sidecars
from cli.report.events import (
    AlreadyThere,
    AnyEvent,
    IngestFailed,
    Playable,
    Preparing,
    SubtitlesRefused,
    Uploaded,
    Uploading,
    VideoReady,
)
from core.errors import Fault, InputFault

FILES_AT_ONCE: Final = 3
POLL_S: Final = 0.2
# The server may be started again meanwhile; packaging goes on without it.
PATIENCE_S: Final = 60.0

Report = Callable[[AnyEvent], None]


class Until(StrEnum):
    """How far a file is followed."""

    UPLOADED = "uploaded"
    PLAYABLE = "playable"
    READY = "ready"


class UnreadableFile(InputFault):
    """A path that is no file we can read."""

    code = "ingest.unreadable_file"


@dataclass(frozen=True, slots=True)
class Target:
    """The library to fill: where we reach it, how viewers reach it, and what it already has."""

    server: str
    shown: str
    ledger: Ledger | None = None

    def watch_url(self, video: Video) -> str:
        """Give the page on which the video is watched."""
        return self.shown + video.watch_path


def check_files(files: Sequence[Path]) -> None:
    """Refuse before anything is started what cannot be uploaded. Raises `UnreadableFile`."""
    for path in files:
        if path.is_dir():
            raise UnreadableFile(f"{path} is a folder; name the files in it, as in {path}/*.mp4")
        try:
            path.open("rb").close()
        except OSError as error:
            raise UnreadableFile(f"cannot read {path}: {error.strerror}") from error


async def ingest_files(
    target: Target, files: Sequence[Path], report: Report, *, until: Until = Until.READY
) -> bool:
    """Take in `files`, a few at a time; a file that fails is reported. True when none failed."""
    gate = asyncio.Semaphore(FILES_AT_ONCE)

    async def one(library: Library, path: Path) -> bool:
        async with gate:
            return await _ingest(library, target, path, report, until)

    async with open_library(target.server) as library, asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(library, path)) for path in files]
    return all(task.result() for task in tasks)


async def _ingest(
    library: Library, target: Target, path: Path, report: Report, until: Until
) -> bool:
    try:
        known = await _find_known(library, target, path)
        if known is not None:
            watch = target.watch_url(known)
            report(AlreadyThere(file=path.name, video_id=known.id, watch=watch))
            return True
        return await _take_in(library, target, path, report, until)
    except Fault as fault:
        code = fault.answer_code if isinstance(fault, ServerRefused) else fault.code
        report(IngestFailed(file=path.name, code=code, reason=fault.message))
    except OSError as error:
        reason = f"cannot read {path}: {error.strerror}"
        report(IngestFailed(file=path.name, code=UnreadableFile.code, reason=reason))
    return False


async def _take_in(
    library: Library, target: Target, path: Path, report: Report, until: Until
) -> bool:
    """Send a film with the subtitles beside it, and follow it; False where any of it failed."""
    video = await _upload(library, target, path, report)
    went_well = True
    async for event in send_sidecars(library, path, video.id):
        report(event)
        went_well &= not isinstance(event, SubtitlesRefused)
    if until is not Until.UPLOADED:
        went_well &= await _follow(library, target, path.name, video, report, until)
    return went_well


async def _find_known(library: Library, target: Target, path: Path) -> Video | None:
    """Find the video made of this very file, if it is still there and well."""
    if target.ledger is None:
        return None
    candidates = target.ledger.candidates(path.name, _size_bytes(path))
    digest = await asyncio.to_thread(sha256_of, path) if candidates else ""
    for entry in candidates:
        if entry.sha256 != digest:
            continue
        try:
            video = await library.video(entry.video_id)
        except ServerRefused:
            continue
        if video.status != "errored":
            return video
    return None


async def _upload(library: Library, target: Target, path: Path, report: Report) -> Video:
    total = _size_bytes(path)
    began = time.monotonic()

    def on_sent(sent: int) -> None:
        report(Uploading(file=path.name, sent_bytes=sent, total_bytes=total))

    receipt = await library.upload(path, on_sent)
    if target.ledger is not None:
        target.ledger.add(Entry(path.name, total, receipt.sha256, receipt.video.id))
    took_s = time.monotonic() - began
    report(Uploaded(file=path.name, video_id=receipt.video.id, total_bytes=total, took_s=took_s))
    return receipt.video


async def _follow(
    library: Library, target: Target, file: str, video: Video, report: Report, until: Until
) -> bool:
    """Watch a video until it is as far as asked; False when it errored."""
    began = time.monotonic()
    was_playable = False
    while True:
        watch, after_s = target.watch_url(video), time.monotonic() - began
        if video.status in {"playable", "ready"} and not was_playable:
            was_playable = True
            report(Playable(file=file, video_id=video.id, watch=watch, after_s=after_s))
        if video.status == "ready":
            report(VideoReady(file=file, video_id=video.id, watch=watch, after_s=after_s))
            return True
        if video.status == "errored":
            code, reason = _why(video)
            report(IngestFailed(file=file, code=code, reason=reason))
            return False
        if was_playable and until is Until.PLAYABLE:
            return True
        report(_preparing(file, video))
        await asyncio.sleep(POLL_S)
        video = await _look(library, video.id)


async def _look(library: Library, video_id: str) -> Video:
    """Look at a video, patient with a server that is away for a moment."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return await library.video(video_id)
        except ServerUnreachable:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(POLL_S)


def _size_bytes(path: Path) -> int:
    """Ask the file system, which answers at once for a file that was just opened."""
    return path.stat().st_size


def _preparing(file: str, video: Video) -> Preparing:
    return Preparing(
        file=file,
        video_id=video.id,
        status=video.status,
        stage=video.stage or "",
        progress=video.progress,
    )


def _why(video: Video) -> tuple[str, str]:
    if not video.errors:
        return "", "the server does not say why"
    return video.errors[0].code, video.errors[0].message

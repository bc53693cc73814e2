"""`sluice package`: films in, a folder out, whole or not at all."""

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from core.manifest.dash import mpd, on_demand_mpd
from core.manifest.hls import byte_range_playlist, media_playlist, multivariant_playlist
from core.manifest.hls_iframes import iframe_playlist
from core.manifest.urls import IFRAME_PLAYLIST, MASTER, MEDIA_PLAYLIST, MPD, rendition_folder
from core.media.presentation import Presentation, TrackKind
from origin.packaging.limits import Limits
from origin.packaging.progress import Pulse
from origin.static.cutting import CutTrack, cut_tracks, presentation_of
from origin.static.films import examine
from origin.static.gathering import GatheredTrack, Gathering
from origin.static.request import (
    Arrangement,
    Packaged,
    PackageRequest,
    RefusedFolder,
    RefusedSource,
    Watcher,
    WrittenTrack,
)
from origin.static.writing import TrackFolder, writing

WORK: Final = ".work"
PLAYLISTS: Final = {
    Arrangement.SEGMENTS: media_playlist,
    Arrangement.SINGLE_FILE: byte_range_playlist,
}
MPDS: Final[Mapping[Arrangement, Callable[[Presentation], str]]] = {
    Arrangement.SEGMENTS: mpd,
    Arrangement.SINGLE_FILE: on_demand_mpd,
}


def package(request: PackageRequest, watcher: Watcher) -> Packaged:
    """Write the folder of a presentation that any web server can serve.

    Blocking. Raises `RefusedFolder`, `RefusedSource` and `StorageFull`; whatever happens before the
    folder is whole, there is nothing of it.
    """
    started_s = time.monotonic()
    limits = Limits(threads=len(os.sched_getaffinity(0)))
    with _new_folder(request) as folder:
        work = folder / WORK
        films, left_out = examine(request.files, work, limits)
        gathering = Gathering(request, limits, watcher)
        gathering.take(films)
        if not gathering.tracks:
            raise RefusedSource("there is nothing to play in what was given")
        tracks = cut_tracks(_ordered(gathering), request.segment_s)
        written = tuple(_write(request, tracks, folder, watcher))
        shutil.rmtree(work)
        size_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Packaged(
        folder=str(request.folder),
        hls=MASTER,
        dash=MPD,
        duration_ms=max(track.end_ms for track in tracks),
        tracks=written,
        left_out=(*left_out, *gathering.left_out),
        size_bytes=size_bytes,
        took_s=round(time.monotonic() - started_s, 3),
    )


def _ordered(gathering: Gathering) -> list[GatheredTrack]:
    """Give the pictures by rising size, then the sound as it came."""
    return sorted(
        gathering.tracks,
        key=lambda each: (
            each.packaged.kind is not TrackKind.VIDEO,
            each.packaged.description.width * each.packaged.description.height,
        ),
    )


def _write(
    request: PackageRequest, tracks: Sequence[CutTrack], folder: Path, watcher: Watcher
) -> Iterator[WrittenTrack]:
    total_bytes = sum(sum(track.table.byte_lengths) for track in tracks)
    writer = TrackFolder(Pulse(watcher.step("Writing")), total_bytes)
    for track in tracks:
        rendition = track.rendition(request.arrangement)
        place = rendition_folder(rendition)
        size_bytes = writer.write(track, folder / place, request.arrangement)
        playlist = PLAYLISTS[request.arrangement](rendition)
        _write_text(folder / place / MEDIA_PLAYLIST, playlist)
        if rendition.iframes is not None:
            _write_text(folder / place / IFRAME_PLAYLIST, iframe_playlist(rendition))
        yield WrittenTrack(
            kind=track.kind,
            path=place,
            codec=track.stored.description.codec,
            source=str(track.gathered.film.path),
            transcoded=track.gathered.transcoded,
            segments=len(track.table),
            bandwidth=track.table.peak_bandwidth,
            average_bandwidth=track.table.average_bandwidth,
            size_bytes=size_bytes,
        )
    presentation = presentation_of(tracks, request.arrangement)
    _write_text(folder / MASTER, multivariant_playlist(presentation))
    _write_text(folder / MPD, MPDS[request.arrangement](presentation))


def _write_text(path: Path, text: str) -> None:
    with writing(path):
        path.write_text(text, encoding="utf-8")


@contextmanager
def _new_folder(request: PackageRequest) -> Iterator[Path]:
    """Give a folder beside the one that is asked for, and put it there once it is whole."""
    folder = request.folder.absolute()
    _check_free(folder, may_replace=request.may_replace)
    made = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        made.mkdir()
    try:
        yield made
        with writing(folder):
            _put(made, folder)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise


def _check_free(folder: Path, *, may_replace: bool) -> None:
    if not folder.name:
        raise RefusedFolder(f"{folder} is not a folder that can be made")
    if not os.path.lexists(folder):
        return
    if not may_replace:
        raise RefusedFolder(f"{folder} is there already; --force replaces it")
    # Whoever mistypes a name must not lose their photographs.
    if not folder.is_dir() or folder.is_symlink() or not _is_ours(folder):
        raise RefusedFolder(f"{folder} was not made by this command, so --force leaves it alone")


def _is_ours(folder: Path) -> bool:
    names = {path.name for path in folder.iterdir()}
    return not names or {MASTER, MPD} <= names <= {MASTER, MPD, *TrackKind}


def _put(made: Path, folder: Path) -> None:
    if not os.path.lexists(folder):
        made.rename(folder)
        return
    old = folder.with_name(f"{made.name}.old")
    folder.rename(old)
    try:
        made.rename(folder)
    except OSError:
        old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)

"""`sluice package`: films in, a folder out, whole or not at all."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from core.manifest.dash import mpd, on_demand_mpd
from core.manifest.hls import byte_range_playlist, media_playlist, multivariant_playlist
from core.manifest.hls_iframes import iframe_playlist
from core.manifest.storyboard import STORYBOARD_FOLDER, STORYBOARD_JSON, STORYBOARD_VTT
from core.manifest.urls import IFRAME_PLAYLIST, MASTER, MEDIA_PLAYLIST, MPD, rendition_folder
from core.media.presentation import Presentation, TrackKind
from core.media.storyboard import Storyboard
from origin.packaging.limits import Limits
from origin.packaging.progress import Pulse
from origin.static.cutting import CutTrack, cut_tracks, presentation_of
from origin.static.films import examine
from origin.static.gathering import GatheredTrack, Gathering
from origin.static.key_file import check_place, write_keys
from origin.static.request import (
    Arrangement,
    Packaged,
    PackageProtection,
    PackageRequest,
    RefusedFolder,
    RefusedSource,
    Watcher,
    WrittenStoryboard,
    WrittenTrack,
)
from origin.static.texts import (
    CHAPTERS_JSON,
    CHAPTERS_VTT,
    CutText,
    cut_texts,
    divide,
    gather_texts,
    write_chapters,
    write_texts,
)
from origin.static.writing import PlacedTrack, making, write_tracks, writing

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
    protection = request.protection
    has_dash = protection is None or protection.scheme.is_common
    if not has_dash and request.arrangement is Arrangement.SINGLE_FILE:
        raise RefusedFolder("aes-128 encrypts files as a whole: leave --single-file out")
    limits = Limits(threads=len(os.sched_getaffinity(0)))
    with _new_folder(request) as folder:
        work = folder / WORK
        paths, sidecars = divide(request.files)
        if not paths:
            raise RefusedSource("there are subtitles, but no film to show them with")
        films, left_out = examine(paths, work, limits)
        texts, unread = gather_texts(films, sidecars, limits, watcher)
        gathering = Gathering(request, limits, watcher)
        gathering.take(films)
        if not gathering.tracks:
            raise RefusedSource("there is nothing to play in what was given")
        tracks = cut_tracks(_ordered(gathering), request.segment_s)
        cut = cut_texts(texts, tracks[0].plan)
        board, board_bytes = None, 0
        if request.storyboard:
            # Imported here: it decodes, and FFmpeg takes longer to load than a film to package.
            from origin.static.boards import write_storyboard  # noqa: PLC0415 - see above

            board, board_bytes = write_storyboard(tracks, folder, work, limits, watcher)
        written, size_bytes = _write(request, tracks, cut, board, folder, watcher)
        size_bytes += board_bytes
        duration_ms = max(track.end_ms for track in tracks)
        size_bytes += write_chapters(films[0].report.chapters, duration_ms, folder)
        if work.exists():
            _remove(work)
    return Packaged(
        folder=str(request.folder),
        hls=MASTER,
        dash=MPD if has_dash else None,
        duration_ms=duration_ms,
        tracks=written,
        left_out=(*left_out, *unread, *gathering.left_out),
        size_bytes=size_bytes,
        took_s=round(time.monotonic() - started_s, 3),
        keys_file=None
        if protection is None or not protection.keys_file
        else str(protection.keys_file),
        storyboard=None if board is None else _written_board(board, board_bytes),
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
    request: PackageRequest,
    tracks: Sequence[CutTrack],
    texts: Sequence[CutText],
    board: Storyboard | None,
    folder: Path,
    watcher: Watcher,
) -> tuple[tuple[WrittenTrack, ...], int]:
    """Write the whole folder; gives its tracks, and its bytes."""
    protection = request.protection
    arrangement = request.arrangement if protection is None else Arrangement.SEGMENTS
    placed = [PlacedTrack(track, track.rendition(arrangement), folder) for track in tracks]
    write_tracks(placed, arrangement, Pulse(watcher.step("Writing")))
    if protection is not None:
        return _write_protected(request, protection, placed, tracks, texts, board)
    if request.trick_play:
        placed = [_with_pictures(each, arrangement) for each in placed]
    texts_bytes = 0
    for each in placed:
        rendition = each.rendition
        texts_bytes += _write_text(each.folder / MEDIA_PLAYLIST, PLAYLISTS[arrangement](rendition))
        if rendition.iframes is not None:
            texts_bytes += _write_text(each.folder / IFRAME_PLAYLIST, iframe_playlist(rendition))
    with_text = [_written_text(*each) for each in write_texts(texts, folder)]
    shown = [text.rendition for text in texts]
    renditions = [each.rendition for each in placed]
    presentation = presentation_of(tracks, renditions, shown, board)
    texts_bytes += _write_text(folder / MASTER, multivariant_playlist(presentation))
    texts_bytes += _write_text(folder / MPD, MPDS[arrangement](presentation))
    written = (*(_written(each, arrangement) for each in placed), *with_text)
    return written, texts_bytes + sum(each.size_bytes for each in written)


def _write_protected(
    request: PackageRequest,
    protection: PackageProtection,
    placed: Sequence[PlacedTrack],
    tracks: Sequence[CutTrack],
    texts: Sequence[CutText],
    board: Storyboard | None,
) -> tuple[tuple[WrittenTrack, ...], int]:
    """Encrypt what was written, and write the manifests; gives the tracks, and all bytes."""
    # Written out late: a folder that is not encrypted needs none of it.
    from origin.static.protecting import protect_tracks  # noqa: PLC0415

    arrangement, folder = request.arrangement, placed[0].root
    made = protect_tracks(placed, protection, arrangement, trick_play=request.trick_play)
    texts_bytes = 0
    for place, each in zip(placed, made, strict=True):
        playlist = PLAYLISTS[arrangement](each.rendition)
        texts_bytes += _write_text(place.folder / MEDIA_PLAYLIST, playlist)
        if each.rendition.iframes is not None:
            winding = iframe_playlist(each.rendition)
            texts_bytes += _write_text(place.folder / IFRAME_PLAYLIST, winding)
    with_text = [_written_text(*each) for each in write_texts(texts, folder)]
    shown = [text.rendition for text in texts]
    renditions = [each.rendition for each in made]
    presentation = presentation_of(tracks, renditions, shown, board)
    texts_bytes += _write_text(folder / MASTER, multivariant_playlist(presentation))
    if protection.scheme.is_common:
        texts_bytes += _write_text(folder / MPD, MPDS[arrangement](presentation))
    written = tuple(
        msgspec.structs.replace(
            _written(place, Arrangement.SEGMENTS),
            size_bytes=each.size_bytes,
            bandwidth=each.rendition.bandwidth,
            average_bandwidth=each.rendition.average_bandwidth,
        )
        for place, each in zip(placed, made, strict=True)
    )
    written = (*written, *with_text)
    return written, texts_bytes + sum(each.size_bytes for each in written)


def _with_pictures(placed: PlacedTrack, arrangement: Arrangement) -> PlacedTrack:
    """Write the I-frames of a track of pictures once more, as files of their own."""
    from origin.static.pictures import write_pictures  # noqa: PLC0415 - few ask for it

    track = placed.track
    if track.kind is not TrackKind.VIDEO:
        return placed
    found = write_pictures(placed, arrangement, track.init)
    if found is None:
        return placed
    rendition = found.told(placed.rendition)
    return replace(placed, rendition=rendition, pictures_bytes=found.size_bytes)


def _written(placed: PlacedTrack, arrangement: Arrangement) -> WrittenTrack:
    track = placed.track
    return WrittenTrack(
        kind=track.kind,
        path=placed.place,
        codec=track.description.codec,
        source=str(track.gathered.film.path),
        transcoded=track.gathered.transcoded,
        segments=len(track.table),
        bandwidth=track.table.peak_bandwidth,
        average_bandwidth=track.table.average_bandwidth,
        size_bytes=placed.size_bytes(arrangement) + placed.pictures_bytes,
    )


def _written_text(text: CutText, size_bytes: int) -> WrittenTrack:
    rendition = text.rendition
    return WrittenTrack(
        kind=rendition.kind,
        path=rendition_folder(rendition),
        codec=rendition.codec,
        source=str(text.source),
        transcoded=False,
        segments=len(rendition.spans),
        bandwidth=rendition.bandwidth,
        average_bandwidth=rendition.average_bandwidth,
        size_bytes=size_bytes,
    )


def _written_board(board: Storyboard, size_bytes: int) -> WrittenStoryboard:
    return WrittenStoryboard(
        vtt=STORYBOARD_VTT,
        json=STORYBOARD_JSON,
        tile_width=board.tile_width,
        tile_height=board.tile_height,
        tiles=board.count,
        interval_ms=board.interval_ms,
        size_bytes=size_bytes,
    )


def _write_text(path: Path, text: str) -> int:
    """Write a manifest; gives its bytes."""
    data = text.encode()
    with writing(path):
        path.write_bytes(data)
    return len(data)


@contextmanager
def _new_folder(request: PackageRequest) -> Iterator[Path]:
    """Give a folder beside the one that is asked for, and put it there once it is whole.

    Its keys are on disk before it is in its place, and no longer than it can get there.
    """
    folder = request.folder.absolute()
    _check_free(folder, may_replace=request.may_replace)
    protection = request.protection
    keys_file = None if protection is None else protection.keys_file
    if keys_file is not None:
        check_place(keys_file, folder)
    made = folder.with_name(f".{folder.name}.{os.urandom(4).hex()}")
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        made.mkdir()
    written: Path | None = None
    try:
        with making(folder):
            yield made
        if protection is not None and keys_file is not None:
            write_keys(keys_file, protection)
            written = keys_file
        with writing(folder):
            _put(made, folder)
    except BaseException:
        # Keys of a folder that is in its place stay, whatever came after.
        if written is not None and os.path.lexists(made):
            written.unlink(missing_ok=True)
        _remove(made)
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
    chapters, boards = {CHAPTERS_VTT, CHAPTERS_JSON}, {STORYBOARD_VTT, STORYBOARD_JSON}
    ours = {MASTER, MPD, STORYBOARD_FOLDER, *chapters, *boards, *TrackKind}
    return not names or (MASTER in names and names <= ours)


def _put(made: Path, folder: Path) -> None:
    if not os.path.lexists(folder):
        made.rename(folder)
        return
    old = folder.with_name(f"{made.name}.old")
    try:
        folder.rename(old)
        made.rename(folder)
        _remove(old)
    except BaseException:
        # A signal may come after a rename as well as before it: what lies where tells.
        if not os.path.lexists(made):
            _remove(old)
        elif os.path.lexists(old):
            old.rename(folder)
        raise


def _remove(folder: Path) -> None:
    # Imported here: it brings every kind of archive, for what few runs need.
    import shutil  # noqa: PLC0415 - see above

    shutil.rmtree(folder, ignore_errors=True)

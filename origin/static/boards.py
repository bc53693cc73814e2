"""The storyboard of a folder: made of its smallest picture, told of in four ways.

It is what costs decoding, so FFmpeg is loaded here, and nobody who does not ask for it waits.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from core.manifest.storyboard import (
    STORYBOARD_FOLDER,
    STORYBOARD_JSON,
    STORYBOARD_VTT,
    storyboard_json,
    storyboard_vtt,
)
from core.media.presentation import TrackKind
from core.media.storyboard import Storyboard
from origin.packaging.direct import DirectTrack
from origin.packaging.limits import Limits
from origin.packaging.reel import Footage
from origin.packaging.sprites import storyboard
from origin.static.cutting import ROW, CutTrack
from origin.static.films import blaming
from origin.static.request import RefusedSource, Watcher
from origin.static.writing import writing
from origin.storyboard_files import storyboard_file, storyboard_files


def write_storyboard(
    tracks: Sequence[CutTrack], folder: Path, work: Path, limits: Limits, watcher: Watcher
) -> tuple[Storyboard, int]:
    """Write all that a storyboard has; gives what manifests say of it, and its bytes.

    Raises `RefusedSource` where there is no picture, or none that can be decoded.
    """
    track = next((each for each in tracks if each.kind is TrackKind.VIDEO), None)
    if track is None:
        raise RefusedSource("there is no picture to make a storyboard of")
    path = track.gathered.film.path
    made = work / STORYBOARD_FOLDER
    step = watcher.step(f"Making previews of {path.name}")
    with blaming(path), writing(folder):
        board = storyboard(_footage(track), made, step, prefix="", limits=limits)
        board = msgspec.structs.replace(board, name="")
        return board, sum(_copied(board, made, folder / STORYBOARD_FOLDER)) + _told(board, folder)


def _footage(track: CutTrack) -> Footage:
    """Say where the samples of a picture are: in its film, or in a flat file."""
    material = track.opened.material
    if not isinstance(material, DirectTrack):
        return Footage.stored(material)
    rows = material.rows

    def place(sample: int) -> tuple[int, int]:
        offset, _, _, size, *_ = ROW.unpack_from(rows, sample * ROW.size)
        return offset, size

    return Footage(track.index, track.description, material.samples.file, place)


def _copied(board: Storyboard, made: Path, folder: Path) -> Sequence[int]:
    """Write the files that manifests name; gives the bytes of each."""
    sizes = []
    for name in storyboard_files(board):
        data = storyboard_file(board, made, name)
        assert data is not None  # it is one of its own
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        sizes.append(len(data))
    return sizes


def _told(board: Storyboard, folder: Path) -> int:
    """Write the storyboard as WebVTT and as JSON; gives their bytes."""
    texts = {STORYBOARD_VTT: storyboard_vtt(board), STORYBOARD_JSON: storyboard_json(board)}
    for name, data in texts.items():
        (folder / name).write_bytes(data)
    return sum(map(len, texts.values()))

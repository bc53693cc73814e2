"""Makes a video's storyboard of a published track: sprites, and the same tiles one by one.

Only key pictures are read and decoded, a thousand at the most, whatever the length of the film.
"""

import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from av.video.frame import VideoFrame

from core.isobmff.image_entry import JPEG_CODEC, jpeg_sample_entry
from core.manifest.storyboard import sprite_name
from core.media.description import TrackDescription, shown_size
from core.media.key_pictures import iframe_bandwidths
from core.media.presentation import TrackKind
from core.media.storyboard import Grid, Storyboard, choose_pictures, grid, tile_size
from core.media.ticks import Ticks, milliseconds
from native import PICTURE_HEADER_BYTES
from origin.packaging.faults import CorruptSource
from origin.packaging.jpeg import encode_jpeg, write_durably
from origin.packaging.limits import Limits
from origin.packaging.progress import Progress, Pulse
from origin.packaging.reel import Footage, pictures
from origin.packaging.sheet import Sheet
from origin.packaging.shrink import shrinker
from origin.packaging.timing import Row
from origin.packaging.track import SYNC, TrackWriter
from origin.stored_track import StoredTrack

TILE_FOLDER: Final = "tiles"
QUALITY: Final = 5
MS: Final = 1000
NAME_DIGITS: Final = 20


def sprites(
    track: Path, out: Path, progress: Progress, *, prefix: str, limits: Limits
) -> Storyboard:
    """Write the storyboard of the picture track in the folder `track` into the folder `out`.

    `prefix` is what the store calls that folder. Raises as `storyboard` does.
    """
    footage = Footage.stored(StoredTrack.open(track))
    return storyboard(footage, out, progress, prefix=prefix, limits=limits)


def storyboard(
    footage: Footage, out: Path, progress: Progress, *, prefix: str, limits: Limits
) -> Storyboard:
    """Write the storyboard of a picture track into the folder `out`.

    Raises `CorruptSource` when no picture can be decoded, `DamagedTrack` for a track that cannot be
    read.
    """
    index = footage.index
    end = Ticks(index.base_time + index.duration - index.priming)
    duration_ms = max(1, milliseconds(end, index.timescale))
    layout = grid(duration_ms)
    shown = [(sample, time) for sample, time in index.sync_times() if 0 <= time < end]
    if not shown:
        raise CorruptSource("This film has no key picture.")
    times_ms = [milliseconds(Ticks(time), index.timescale) for _, time in shown]
    chosen = choose_pictures(times_ms, layout)
    maker = _Maker(out, layout, duration_ms, tile_size(*shown_size(footage.description)))
    pulse = Pulse(progress)
    try:
        for number, tile in enumerate(_tiles(footage, [shown[each][0] for each in chosen], limits)):
            maker.add(tile)
            pulse.beat(number / layout.tile_count)
        return maker.finish(prefix)
    except BaseException:
        maker.discard()
        raise


def _tiles(footage: Footage, samples: Sequence[int], limits: Limits) -> Iterator[VideoFrame]:
    """Give a small picture, turned as the viewer sees it, for each of rising samples.

    One that cannot be decoded is replaced by the one before it, at the beginning by that after it.
    """
    distinct = sorted(set(samples))
    left = deque(samples)
    last: VideoFrame | None = None
    shrink = shrinker(footage.description, tile_size(*shown_size(footage.description)))
    for number, picture in pictures(footage, distinct, limits):
        small = shrink(picture)
        while left and left[0] < distinct[number]:
            left.popleft()
            yield last or small
        while left and left[0] == distinct[number]:
            left.popleft()
            yield small
        last = small
    if last is None:
        raise CorruptSource("No picture of this film can be decoded.")
    for _ in left:
        yield last


class _Maker:
    """Takes the tiles in order, writes them one by one and every sprite when it is full."""

    def __init__(self, out: Path, layout: Grid, duration_ms: int, size: tuple[int, int]) -> None:
        self._out = out
        self._layout = layout
        self._size = size
        self._bounds = [*range(0, layout.tile_count * layout.interval_ms, layout.interval_ms)]
        self._bounds.append(duration_ms)
        self._tile_bytes: list[int] = []
        self._sprite_bytes: list[int] = []
        self._digest = hashlib.sha256()
        self._sheet = self._empty()
        self._writer = TrackWriter(out / TILE_FOLDER, _description(size), MS)

    def add(self, tile: VideoFrame) -> None:
        """Take the next tile."""
        number = len(self._tile_bytes)
        room = self._layout.columns * self._layout.rows
        self._sheet.paste(tile, number % room)
        data = encode_jpeg(tile, QUALITY)
        self._tile_bytes.append(len(data))
        self._writer.write(data)
        lasts_ms = self._bounds[number + 1] - self._bounds[number]
        self._writer.index([Row(len(data), lasts_ms, 0, SYNC)])
        if (number + 1) % room == 0 or number + 1 == self._layout.tile_count:
            self._finish_sheet()

    def finish(self, prefix: str) -> Storyboard:
        """Make all of it durable, and say what it is."""
        track = self._writer.finish(TrackKind.VIDEO, TILE_FOLDER, 0)
        self._digest.update(track.flat_sha256 + track.index_sha256)
        lengths = [PICTURE_HEADER_BYTES + size for size in self._tile_bytes]
        peak, average = iframe_bandwidths(lengths, self._bounds, MS)
        return Storyboard(
            name=self._digest.hexdigest()[:NAME_DIGITS],
            prefix=prefix,
            tile_width=self._size[0],
            tile_height=self._size[1],
            columns=self._layout.columns,
            rows=self._layout.rows,
            count=self._layout.tile_count,
            interval_ms=self._layout.interval_ms,
            duration_ms=self._bounds[-1],
            largest_sprite_bytes=max(self._sprite_bytes),
            sprites_bytes=sum(self._sprite_bytes),
            tile_bandwidth=peak,
            tile_average_bandwidth=average,
        )

    def discard(self) -> None:
        """Close what is open; whoever asked for it removes the folder."""
        self._writer.discard()

    def _finish_sheet(self) -> None:
        data = self._sheet.jpeg(QUALITY)
        write_durably(self._out / sprite_name(len(self._sprite_bytes)), data)
        self._digest.update(hashlib.sha256(data).digest())
        self._sprite_bytes.append(len(data))
        self._sheet = self._empty()

    def _empty(self) -> Sheet:
        return Sheet(self._layout.columns, self._layout.rows, *self._size)


def _description(size: tuple[int, int]) -> TrackDescription:
    width, height = size
    return TrackDescription(
        kind=TrackKind.VIDEO,
        codec=JPEG_CODEC,
        sample_entry=jpeg_sample_entry(width, height),
        width=width,
        height=height,
        display_width=width,
        display_height=height,
    )

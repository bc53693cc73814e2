"""Writes the I-frames of a folder's pictures as files of their own, by which any player winds.

Each is a fragment of one sample that lasts until the next: files of their own beside segments, or
all in one file with an index beside a track's one file (docs/decisions/0019).
"""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate

from core.manifest.urls import IFRAME_FILE, IFRAME_FOLDER, iframe_segment
from core.media.file_layout import FileHead
from core.media.iframe_file import iframe_file_head, iframe_index
from core.media.iframes import ByteRange, IFrames
from core.media.key_pictures import iframe_bandwidths, key_pictures
from core.media.presentation import Rendition
from native import SEGMENT_TYPE_BYTES
from origin.packaging.direct import DirectTrack
from origin.static.cutting import CutTrack
from origin.static.request import Arrangement, RefusedSource
from origin.static.writing import PlacedTrack, writing

Seal = Callable[[str, bytes, bytes, int], bytes]
"""Makes a segment of its name, its header, its sample, and the number of that in its track."""


@dataclass(frozen=True, slots=True)
class WrittenPictures:
    """The I-frames of a track in its folder: what manifests say of them, and their bytes."""

    shown: IFrames
    file: FileHead | None
    size_bytes: int

    def told(self, rendition: Rendition) -> Rendition:
        """Give a rendition that has them."""
        return replace(rendition, iframes=self.shown, iframe_file=self.file)


def clear(_name: str, header: bytes, body: bytes, _sample: int) -> bytes:
    """Make a segment that is not encrypted."""
    return header + body


def write_pictures(
    placed: PlacedTrack, arrangement: Arrangement, init: bytes, seal: Seal = clear
) -> WrittenPictures | None:
    """Write the I-frames of a track of pictures; None where it has none that decodes alone.

    `init` is the init segment of what `seal` makes. Raises `RefusedSource` for a film that has
    become shorter, `RefusedFolder` and `StorageFull`.
    """
    track = placed.track
    shown = key_pictures(track.index, track.table)
    if shown is None:
        return None
    match arrangement:
        case Arrangement.SEGMENTS:
            return _as_segments(placed, shown, seal)
        case Arrangement.SINGLE_FILE:
            return _as_file(placed, shown, init, seal)


def _as_segments(placed: PlacedTrack, shown: IFrames, seal: Seal) -> WrittenPictures:
    lengths = []
    with writing(placed.folder):
        (placed.folder / IFRAME_FOLDER).mkdir()
        for number, (header, body) in enumerate(_parts(placed.track, shown)):
            name = iframe_segment(number)
            made = seal(name, header, body, shown.samples[number])
            (placed.folder / name).write_bytes(made)
            lengths.append(len(made))
    return WrittenPictures(_measured(placed.track, shown, lengths), None, sum(lengths))


def _as_file(
    placed: PlacedTrack, shown: IFrames, init: bytes, seal: Seal
) -> WrittenPictures | None:
    """Write them one behind the other; how long each is, is known before its index is written."""
    head, lengths = iframe_file_head(shown, len(init)), list[int]()
    if head is None:
        return None
    with writing(placed.folder), (placed.folder / IFRAME_FILE).open("xb") as file:
        file.write(bytes(head.head_bytes))
        for number, (header, body) in enumerate(_parts(placed.track, shown)):
            bare = header[SEGMENT_TYPE_BYTES:]
            lengths.append(file.write(seal(IFRAME_FILE, bare, body, shown.samples[number])))
        file.seek(0)
        file.write(init + iframe_index(shown, lengths, placed.track.index.timescale))
    starts = accumulate(lengths, initial=head.head_bytes)
    ranges = tuple(
        ByteRange(IFRAME_FILE, start, length)
        for start, length in zip(starts, lengths, strict=False)
    )
    told = _measured(placed.track, shown, lengths, ranges)
    return WrittenPictures(told, head, head.head_bytes + sum(lengths))


def _measured(
    track: CutTrack, shown: IFrames, lengths: list[int], ranges: tuple[ByteRange, ...] = ()
) -> IFrames:
    rates = iframe_bandwidths(lengths, shown.bounds, track.index.timescale)
    return IFrames(shown.samples, shown.bounds, *rates, ranges)


def _parts(track: CutTrack, shown: IFrames) -> Iterator[tuple[bytes, bytes]]:
    """Give header and sample of each I-frame, in their order."""
    for number, place in enumerate(_places(track, shown.samples)):
        alone = shown.segment(number)
        file, offset, length = place
        body = os.pread(file, length, offset)
        if len(body) < length:
            raise RefusedSource("a film has become shorter while it was read")
        yield track.index.picture_header(alone.sample, alone.duration, alone.sequence), body


def _places(track: CutTrack, samples: Iterable[int]) -> Iterator[tuple[int, int, int]]:
    """Give descriptor, offset and length of each sample: in the film, or in a flat file."""
    material = track.opened.material
    for sample in samples:
        offset, length, *_ = track.index.sample(sample)
        if isinstance(material, DirectTrack):
            yield material.samples.file, material.samples.offset(sample), length
        else:
            yield material.flat, offset, length

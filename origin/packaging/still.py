"""The picture that a track shows at one moment: exactly that one, whatever it leans on.

It is decoded from the sync sample before it, in the order of the file, up to itself.
"""

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from core.isobmff.init_segment import track_init
from core.media.description import shown_size
from core.media.thumbnail import ImageFormat, thumbnail_size
from core.media.ticks import Ticks, milliseconds
from native import TrackIndex
from origin.packaging.faults import CorruptSource
from origin.packaging.jpeg import encode_jpeg
from origin.packaging.limits import Limits
from origin.packaging.progress import Progress, Pulse
from origin.packaging.reel import Reel, prepare_decoder, tried
from origin.packaging.shrink import TIMESCALE, shrinker
from origin.stored_track import DamagedTrack, StoredTrack

JPEG_QUALITY = 3
WEBP_QUALITY = "82"
SAMPLES_EACH = 256
"""How many samples a fragment has; a GOP may be as long as the film."""
READ_BYTES = 2**20
FORMATS = {ImageFormat.JPEG: "yuvj420p", ImageFormat.WEBP: "yuv420p"}


def still(
    track: Path,
    at_ms: int,
    width: int,
    image: ImageFormat,
    progress: Progress,
    *,
    limits: Limits,
) -> bytes:
    """Give the picture at a time of the picture track in a folder, at most `width` pixels wide.

    Raises `CorruptSource` where it cannot be decoded, `DamagedTrack` for a track that cannot be
    read, and what `progress` raises when the time that it may take is over.
    """
    stored = StoredTrack.open(track)
    first, wanted = run_to(stored.index, at_ms)
    picture = _decoded(stored, first, wanted, Pulse(progress), limits)
    size = thumbnail_size(width, shown_size(stored.description))
    small = shrinker(stored.description, size, FORMATS[image])(picture)
    if image is ImageFormat.JPEG:
        return encode_jpeg(small, JPEG_QUALITY)
    return _webp(small)


def run_to(index: TrackIndex, at_ms: int) -> tuple[int, int]:
    """Give the sync sample to begin decoding with, and the sample that is shown at a time.

    Shown is the latest of those that began; before the first of all, that one.
    """
    sync = [(sample, _milliseconds(index, time)) for sample, time in index.sync_times()]
    first = max((each for each in sync if each[1] <= at_ms), default=sync[0])[0]
    # What leans on the next sync sample may be shown before it, but not what leans on later ones.
    after = [sample for sample, _ in sync if sample > first]
    stop = after[1] if len(after) > 1 else index.sample_count
    shown = [(_milliseconds(index, _shown(index, sample)), sample) for sample in range(first, stop)]
    begun = [each for each in shown if each[0] <= at_ms]
    return first, (max(begun) if begun else min(shown))[1]


def _shown(index: TrackIndex, sample: int) -> int:
    """Give when a sample is shown, in ticks with the edit applied."""
    _, _, time, _, offset, _ = index.sample(sample)
    return time + offset - index.priming


def _milliseconds(index: TrackIndex, time: int) -> int:
    return milliseconds(Ticks(time), index.timescale)


def _decoded(
    stored: StoredTrack, first: int, wanted: int, pulse: Pulse, limits: Limits
) -> VideoFrame:
    """Decode from one sample up to another, and give the picture of that.

    Where that one is damaged, the last before it that is not is what a player would go on showing.
    """
    later = _shown(stored.index, wanted) - _shown(stored.index, first)
    best: VideoFrame | None = None
    with av.open(Reel(_pieces(stored, first, wanted)), "r", format="mp4") as container:
        (stream,) = container.streams.video
        assert isinstance(stream, VideoStream)
        prepare_decoder(stream, limits)
        until: int | None = None
        for number, packet in enumerate(container.demux(stream)):
            pulse.beat(number / (wanted - first + 2))
            if until is None and packet.pts is not None:
                until = packet.pts + later  # the file counts in ticks of the track
            for frame in tried(stream, packet if packet.size else None):
                if until is None or frame.pts is None or frame.pts > until:
                    continue
                if best is None or best.pts is None or frame.pts > best.pts:
                    best = frame
    if best is None:
        raise CorruptSource("No picture at this time can be decoded.")
    return best


def _pieces(stored: StoredTrack, first: int, last: int) -> Iterator[bytes]:
    """Give a fragmented MP4 of the samples from `first` to `last`, some hundred at a time."""
    yield track_init(stored.index, stored.description)
    for number, start in enumerate(range(first, last + 1, SAMPLES_EACH), 1):
        count = min(SAMPLES_EACH, last + 1 - start)
        offset, length, _, _ = stored.index.segment(start, count)
        yield stored.index.fragment_header(start, count, number)
        for at in range(offset, offset + length, READ_BYTES):
            size = min(READ_BYTES, offset + length - at)
            data = os.pread(stored.flat, size, at)
            if len(data) != size:
                raise DamagedTrack(f"a track has no {size} bytes at {at} any more")
            yield data


def _webp(picture: VideoFrame) -> bytes:
    encoder = av.CodecContext.create("libwebp", "w")
    encoder.width, encoder.height = picture.width, picture.height
    encoder.pix_fmt = picture.format.name
    encoder.time_base = Fraction(1, TIMESCALE)
    encoder.options = {"quality": WEBP_QUALITY}
    encoded = [*encoder.encode(picture), *encoder.encode(None)]
    return b"".join(bytes(packet) for packet in encoded)

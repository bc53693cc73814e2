"""What a probe found: the tracks of a source, their facts, and what is to become of each."""

from enum import StrEnum
from fractions import Fraction

import msgspec

from core.media.chapters import Chapter
from core.media.description import IDENTITY_MATRIX
from core.media.roles import TrackRole

Ratio = tuple[int, int]
Matrix = tuple[int, int, int, int, int, int, int, int, int]
WIDEST_PIXEL = 16


class Decision(StrEnum):
    """What becomes of a track of the source."""

    COPY = "copy"
    TRANSCODE = "transcode"
    IGNORE = "ignore"


class Reach(StrEnum):
    """Where a track plays that goes through as it is.

    What does not play everywhere is joined by an encoding that does; what browsers do not play is
    not published before that.
    """

    EVERYWHERE = "everywhere"
    BROWSERS = "browsers"
    SOME = "some"


class VideoTrackInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A video track: coded size in pixels, pixel aspect, `tkhd` matrix, frame rate, colour numbers.

    `colour` holds primaries, transfer and matrix as numbers of ISO/IEC 23091-2. `start` is the
    presentation time of the first picture in units of `time_base` seconds; it is the zero of the
    presentation. `track_id` is the container's number of the track, `record` its decoder
    configuration as MP4 stores it, empty where there is none; `annexb` says that its samples have
    start codes. `mastering_display` and `light_level` are contents of `mdcv` and `clli`;
    `dolby_vision` is that of `dvcC`, from a container that is no MP4.
    """

    index: int
    decision: Decision
    reason: str
    codec: str
    profile: str
    pixel_format: str
    bit_depth: int
    width: int
    height: int
    pixel_aspect: Ratio
    matrix: Matrix = IDENTITY_MATRIX
    frame_rate: Ratio | None
    variable_rate: bool
    interlaced: bool
    colour: tuple[int, int, int]
    full_range: bool
    time_base: Ratio
    start: int
    language: str = "und"
    label: str = ""
    track_id: int = 0
    record: bytes = b""
    reach: Reach = Reach.EVERYWHERE
    annexb: bool = False
    mastering_display: bytes = b""
    light_level: bytes = b""
    dolby_vision: bytes = b""

    @property
    def display_size(self) -> tuple[int, int]:
        """Width and height in square pixels, before rotation."""
        across, down = self.pixel_aspect
        if across >= down:
            return _round_half_up(Fraction(self.width * across, down)), self.height
        return self.width, _round_half_up(Fraction(self.height * down, across))

    @property
    def turned(self) -> bool:
        """Whether the matrix exchanges width and height."""
        return abs(self.matrix[1]) > abs(self.matrix[0])

    @property
    def shown_size(self) -> tuple[int, int]:
        """Width and height in square pixels as a viewer sees them, after rotation."""
        width, height = self.display_size
        return (height, width) if self.turned else (width, height)

    @property
    def name(self) -> str:
        """The track's name when it is copied: its short side, and the codec if it is unusual."""
        side = f"{min(self.display_size)}p"
        return side if self.reach is Reach.EVERYWHERE else f"{side}-{self.codec}"

    @property
    def rate(self) -> Fraction | None:
        """Frames per second."""
        return Fraction(*self.frame_rate) if self.frame_rate else None


class AudioTrackInfo(msgspec.Struct, frozen=True, kw_only=True):
    """An audio track; `ordinal` counts the tracks of one language, from 0, to tell them apart.

    `track_id` is that of `VideoTrackInfo`, `record` what the container keeps for the decoder.
    """

    index: int
    decision: Decision
    reason: str
    codec: str
    profile: str
    channels: int
    sample_rate: int
    layout: str
    language: str
    ordinal: int
    default: bool
    label: str
    time_base: Ratio
    track_id: int = 0
    record: bytes = b""
    reach: Reach = Reach.EVERYWHERE
    roles: tuple[TrackRole, ...] = ()

    @property
    def copied_name(self) -> str:
        """The track's name when it is copied, with the codec if that is unusual."""
        own = self.name(self.channels)
        return own if self.reach is Reach.EVERYWHERE else f"{own}-{self.codec}"

    def name(self, channels: int) -> str:
        """The track's name when it is published with that many channels."""
        place = f"-{self.ordinal + 1}" if self.ordinal else ""
        return f"audio-{self.language}{place}-{channels}ch"


class TextTrackInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A text track; `language` is a BCP 47 tag. `track_id` and `record` as of `VideoTrackInfo`."""

    index: int
    codec: str
    language: str
    label: str
    default: bool
    roles: tuple[TrackRole, ...]
    time_base: Ratio
    track_id: int = 0
    record: bytes = b""


class IgnoredTrack(msgspec.Struct, frozen=True, kw_only=True):
    """A stream of the source that is not published, and why."""

    index: int
    kind: str
    codec: str
    reason: str
    language: str = "und"


class SourceReport(msgspec.Struct, frozen=True, kw_only=True):
    """A probed source. `zero` is the source's time, in seconds, at which the presentation starts.

    `duration_ms` is what the container claims, for progress bars; 0 when it claims nothing.
    """

    container: str
    size_bytes: int
    duration_ms: int
    zero: Ratio
    video: VideoTrackInfo | None
    audio: tuple[AudioTrackInfo, ...]
    ignored: tuple[IgnoredTrack, ...] = ()
    text: tuple[TextTrackInfo, ...] = ()
    chapters: tuple[Chapter, ...] = ()

    @property
    def copyable(self) -> tuple[int, ...]:
        """Stream numbers of the tracks to copy."""
        return self._decided(Decision.COPY)

    @property
    def transcodable(self) -> tuple[int, ...]:
        """Stream numbers of the tracks to encode anew."""
        return self._decided(Decision.TRANSCODE)

    @property
    def joined(self) -> tuple[int, ...]:
        """Stream numbers of the tracks to copy that do not play everywhere: encoded as well."""
        copied = self.copyable
        return tuple(
            track.index
            for track in self._tracks
            if track.index in copied and track.reach is not Reach.EVERYWHERE
        )

    @property
    def plays_at_once(self) -> bool:
        """Whether every browser plays what is copied, and nothing has to be encoded before that."""
        return not self.transcodable and all(
            self.reach(index) is not Reach.SOME for index in self.copyable
        )

    def reach(self, index: int) -> Reach:
        """Say where a track plays as it is. Raises `LookupError`."""
        for track in self._tracks:
            if track.index == index:
                return track.reach
        raise LookupError(f"stream {index} is not a track of this source")

    @property
    def is_movie(self) -> bool:
        """Whether the file is of the MP4 family, which has tables of its samples."""
        return self.container.startswith("mov")

    @property
    def start(self) -> Fraction:
        """`zero` as a number of seconds."""
        return Fraction(*self.zero)

    def audio_track(self, index: int) -> AudioTrackInfo:
        """Find an audio track by its stream number. Raises `LookupError`."""
        for track in self.audio:
            if track.index == index:
                return track
        raise LookupError(f"stream {index} is not an audio track of this source")

    @property
    def _tracks(self) -> tuple["VideoTrackInfo | AudioTrackInfo", ...]:
        return (*((self.video,) if self.video else ()), *self.audio)

    def _decided(self, decision: Decision) -> tuple[int, ...]:
        return tuple(track.index for track in self._tracks if track.decision is decision)


def sane_pixel_aspect(ratio: Fraction | None) -> Ratio:
    """Give a pixel aspect, or 1:1 for one that is absent or absurd."""
    if ratio is None or not Fraction(1, WIDEST_PIXEL) <= ratio <= WIDEST_PIXEL:
        return (1, 1)
    return ratio.numerator, ratio.denominator


def _round_half_up(value: Fraction) -> int:
    return int(value + Fraction(1, 2))

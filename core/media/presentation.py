"""What one title offers a player: renditions of video and audio on one timeline."""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from core.media.file_layout import FileHead, FileLayout
from core.media.iframes import IFrames
from core.media.roles import TrackRole
from core.media.storyboard import Storyboard
from core.media.ticks import Ticks
from core.media.timeline import Span
from core.media.video_range import SDR, UNSPECIFIED_COLOUR
from core.protection.content_key import KeyUse


class TrackKind(StrEnum):
    """What a track carries; the value is its folder in every media URL."""

    VIDEO = "v"
    AUDIO = "a"
    TEXT = "t"


@dataclass(frozen=True, slots=True)
class VideoTraits:
    """What tells video renditions apart.

    Width and height are as displayed: in square pixels, after rotation. `video_range` and
    `supplemental_codec` are attributes of HLS, `colour` has numbers of ISO/IEC 23091-2.
    `closed_captions` are the channels of captions inside of the pictures, as HLS names them.
    """

    width: int
    height: int
    frame_rate: Fraction | None
    video_range: str = SDR
    supplemental_codec: str = ""
    colour: tuple[int, int, int] = UNSPECIFIED_COLOUR
    closed_captions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AudioTraits:
    """What tells audio renditions apart; `language` is a BCP 47 tag, "und" when unknown.

    `objects`: beside its channels it has sound objects (Dolby Atmos).
    """

    channels: int
    sample_rate: int
    language: str
    label: str
    default: bool
    objects: bool = False
    roles: frozenset[TrackRole] = frozenset()


@dataclass(frozen=True, slots=True)
class TextTraits:
    """What tells text renditions apart; `language` is a BCP 47 tag, "und" when unknown."""

    language: str
    label: str
    default: bool
    roles: frozenset[TrackRole] = frozenset()


@dataclass(frozen=True, slots=True)
class Window:
    """Where the spans of a rendition lie that are an excerpt of its track.

    `first` is the number of the first segment, `origin` the time, in ticks of the rendition, at
    which the presentation's timeline begins, and `start_us` where on that timeline playing begins.
    """

    first: int
    origin: Ticks
    start_us: int


@dataclass(frozen=True, slots=True)
class Rendition:
    """One encoding of a track, published under its build hash, which may be empty in a folder.

    `spans` has one entry per media segment: the earliest presentation time, with any edit
    applied, and the time to the next segment's, in ticks of `timescale`. They tile the track.
    `bandwidth` is the peak and `average_bandwidth` the mean bit rate over segments, headers
    included, in bit/s. `layout` is that of the rendition's one file, where there is one. `iframes`
    are the pictures for winding, where it has any, and `iframe_file` says how the one file of them
    begins, where there is one. `independent`: every segment can be decoded
    without the one before it, whole. `protection` says what key its segments are under; None where
    they are clear. `home` is where its segments lie, relative to the presentation's manifests:
    beside them where empty.
    """

    kind: TrackKind
    name: str
    build_hash: str
    codec: str
    timescale: int
    spans: tuple[Span, ...]
    bandwidth: int
    average_bandwidth: int
    traits: VideoTraits | AudioTraits | TextTraits
    layout: FileLayout | None = None
    iframes: IFrames | None = None
    iframe_file: FileHead | None = None
    protection: KeyUse | None = None
    independent: bool = True
    window: Window | None = None
    home: str = ""

    @property
    def first(self) -> int:
        """The number of the first segment."""
        return self.window.first if self.window else 0

    @property
    def origin(self) -> Ticks:
        """The time at which the presentation's timeline begins."""
        return self.window.origin if self.window else Ticks(0)


@dataclass(frozen=True, slots=True)
class Presentation:
    """Everything one title offers at this moment; rungs may still join.

    `start_us` is where playing begins, `exact_us` where it ends, and `length_us` how long its
    segments last, where it is an excerpt or has several parts; `asset` names the film it is of,
    where there may be several. `part_keys` are the keys of its parts, where it has several: what
    its renditions stand for may be under different ones.
    """

    playback_id: str
    video: tuple[Rendition, ...]
    audio: tuple[Rendition, ...]
    duration_ms: int
    text: tuple[Rendition, ...] = ()
    storyboard: Storyboard | None = None
    start_us: int = 0
    length_us: int = 0
    exact_us: int = 0
    asset: str = ""
    part_keys: tuple[KeyUse, ...] = ()

    @property
    def key_uses(self) -> tuple[KeyUse, ...]:
        """The keys that pictures and sound are under, in their order."""
        uses = (each.protection for each in (*self.video, *self.audio))
        return (*(use for use in uses if use is not None), *self.part_keys)

    @property
    def end_us(self) -> int:
        """Where playing ends, from the beginning of its media on."""
        return self.exact_us or 1000 * self.duration_ms

    @property
    def has_files(self) -> bool:
        """Whether the picture, or where there is none the sound, is to be had as one file."""
        return any(each.layout is not None for each in self.video or self.audio)

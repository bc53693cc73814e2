"""Films of every codec that is carried and of every shape, and what manifests have to tell of them.

Few films with much in them: what costs is that a film is published at all.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

from tests.fixtures.high_efficiency import STEREO, make_high_efficiency
from tests.fixtures.media import Picture, Sound, make_clip

NTSC_FILM = Fraction(24_000, 1001)
NTSC = Fraction(30_000, 1001)
NTSC_FIELDS = Fraction(60_000, 1001)
PQ, HLG = (9, 16, 9), (9, 18, 9)
X265 = "log-level=none:pools=1:frame-threads=1:keyint=12:min-keyint=12"
OPEN_GROUPS = (("x265-params", f"{X265}:open-gop=1:bframes=3"),)
UNEVEN = (0, 1, 2, 9, 10, 12, 20, 21, 29, 30, 37, 44)
SAMPLES = 50_000


@dataclass(frozen=True, slots=True)
class Seen:
    """What is told of the picture: `rate` in HLS and `exact_rate` in DASH, size as it is shown.

    In HLS no rate is told that varies; in DASH its mean.
    """

    codec: str
    rate: str = "25.000"
    exact_rate: str = "25"
    size: tuple[int, int] = (64, 48)
    range: str = "SDR"


@dataclass(frozen=True, slots=True)
class Heard:
    """What is told of a track of sound: its channels in HLS and DASH, its samples a second.

    `priming` is decoded and not heard; then that many samples are `presented`.
    """

    codec: str
    priming: int
    presented: int = SAMPLES
    channels: str = "2"
    dash_channels: str = "2"
    rate: int = 48_000
    language: str = ""


@dataclass(frozen=True, slots=True)
class Film:
    """A film and what is told of it."""

    name: str
    make: Callable[[Path], Path]
    seen: Seen | None = None
    heard: tuple[Heard, ...] = ()


def film(
    name: str, picture: Picture | None, seen: Seen | None, *heard: tuple[Sound, Heard]
) -> Film:
    """Give a film that FFmpeg's encoders make."""
    sounds = [sound for sound, _ in heard]
    return Film(
        name, lambda path: make_clip(path, picture, *sounds), seen, tuple(told for _, told in heard)
    )


def whole(samples: int, frame: int, priming: int) -> int:
    """Give what is presented where no container trims the last frame."""
    return -(-(samples + priming) // frame) * frame - priming


DOLBY = whole(SAMPLES, 1536, 256)


def four(channels: str, layout: str, aac: int) -> tuple[tuple[Sound, Heard], ...]:
    """Give a track in each of four codecs; of AAC not every container says where it ends."""
    many = Heard("mp4a.40.2", 1024, aac, channels, channels, language="en")
    return (
        (Sound("aac", SAMPLES, layout=layout, language="eng"), many),
        (Sound("ac3", SAMPLES, language="deu"), Heard("ac-3", 256, DOLBY, dash_channels="A000")),
        (Sound("libopus", SAMPLES, language="spa"), Heard("opus", 312)),
        (Sound("libmp3lame", SAMPLES, language="por"), Heard("mp4a.6B", 1105)),
    )


STREAMED = (
    (
        Sound("aac", SAMPLES, language="eng"),
        Heard("mp4a.40.2", 1024, whole(SAMPLES, 1024, 1024), language="en"),
    ),
    (Sound("ac3", SAMPLES, language="deu"), Heard("ac-3", 256, DOLBY, dash_channels="A000")),
    (Sound("libopus", SAMPLES, language="spa"), Heard("opus", 312, whole(SAMPLES, 960, 312))),
)
DOLBY_5_1 = (
    Sound("eac3", SAMPLES, layout="5.1", bit_rate=256_000),
    Heard("ec-3", 256, DOLBY, "6", "F801"),
)
OPUS_MONO = (
    Sound("libopus", SAMPLES, layout="mono", language="eng"),
    Heard("opus", 312, SAMPLES, "1", "1", language="en"),
)
OPUS_7_1 = (
    Sound("libopus", SAMPLES, layout="7.1", bit_rate=256_000, language="deu"),
    Heard("opus", 312, SAMPLES, "8", "7", language="de"),
)
DOLBY_AND_FLAC = (
    (
        Sound("eac3", SAMPLES, language="fra"),
        Heard("ec-3", 256, DOLBY, dash_channels="A000"),
    ),
    (Sound("flac", SAMPLES, language="ita"), Heard("fLaC", 0)),
)
AAC_7_1 = (
    Sound("aac", SAMPLES, 44_100, layout="7.1", language="eng"),
    Heard("mp4a.40.2", 1024, SAMPLES, "8", "7", 44_100, "en"),
)
TELEPHONE = (
    Sound("aac", SAMPLES, 8_000, layout="mono", language="deu"),
    Heard("mp4a.40.2", 1024, SAMPLES, "1", "1", 8_000),
)
FINE_FLAC = (Sound("flac", SAMPLES, 96_000, language="eng"), Heard("fLaC", 0, rate=96_000))
FINE_AAC = (Sound("aac", SAMPLES, 96_000, language="deu"), Heard("mp4a.40.2", 1024, rate=96_000))
LOW_MP3 = (Sound("libmp3lame", SAMPLES, 16_000), Heard("mp4a.69", 1105, rate=16_000))

ALL = (
    film(
        "four.mp4",
        Picture(count=26, rate=NTSC_FILM, gop=12, rotation=90),
        Seen("avc1.4d400a", "23.976", "24000/1001", size=(48, 64)),
        *four("2", "stereo", SAMPLES),
    ),
    film(
        "six.mkv",
        Picture(count=26, rate=NTSC_FIELDS, gop=12, pixel_format="yuv422p10le"),
        Seen("avc1.7a000a", "59.940", "60000/1001"),
        *four("6", "5.1", whole(SAMPLES, 1024, 1024)),
        *DOLBY_AND_FLAC,
    ),
    film(
        "stream.ts",
        Picture("libx265", 26, gop=12),
        Seen("hvc1.1.6.L30.90"),
        *STREAMED,
    ),
    film(
        "open.mov",
        Picture(
            "libx265", 30, rate=NTSC, options=OPEN_GROUPS, colour=HLG, pixel_format="yuv420p10le"
        ),
        Seen("hvc1.2.4.L30.90", "29.970", "30000/1001", range="HLG"),
        DOLBY_5_1,
    ),
    film(
        "odd.webm",
        Picture("libvpx-vp9", 26, 65, 49, gop=12, b_frames=0),
        Seen("vp09.00.10.08", size=(65, 49)),
        OPUS_MONO,
        OPUS_7_1,
    ),
    film(
        "pq.mp4",
        Picture(
            "libsvtav1", 26, 128, 96, gop=12, b_frames=0, colour=PQ, pixel_format="yuv420p10le"
        ),
        Seen("av01.0.00M.10.0.110.09.16.09.0", size=(128, 96), range="PQ"),
        FINE_FLAC,
        FINE_AAC,
    ),
    film(
        "anamorphic.mp4",
        Picture(count=26, rate=Fraction(120), gop=12, pixel_aspect=Fraction(4, 3)),
        Seen("avc1.4d400a", "120.000", "120", size=(85, 48)),
        AAC_7_1,
        TELEPHONE,
    ),
    film(
        "uneven.mp4",
        Picture(times=UNEVEN, time_base=Fraction(1, 50), count=12, gop=6, b_frames=0),
        Seen("avc1.42c00a", "", "300/23"),
        LOW_MP3,
    ),
    film("one picture.mp4", Picture(count=1), Seen("avc1.4d400a")),
    Film(
        "sound alone.mp4",
        partial(make_high_efficiency, adts=STEREO),
        heard=(Heard("mp4a.40.29", 0, 15 * 2048, rate=44_100),),
    ),
)
FILMS: Mapping[str, Film] = {each.name: each for each in ALL}

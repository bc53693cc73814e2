"""The films that every player is given, each for one thing that players trip over."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from tests.fixtures.high_efficiency import PLAIN as HE_AAC
from tests.fixtures.media import Picture, Sound, make_clip
from tests.fixtures.product import Product
from tests.fixtures.text import SUBRIP
from tests.fixtures.texted import add_text

NTSC = Fraction(30000, 1001)


@dataclass(frozen=True, slots=True)
class Film:
    """How a film is made, how many pictures it has, and how long it is."""

    make: Callable[[Path], Path]
    pictures: int
    seconds: Fraction
    policy: str = "public"


@dataclass(frozen=True, slots=True)
class Shown:
    """A published film: its addresses and what has to come out of them."""

    hls: str
    dash: str
    on_demand: str
    film: Film


def _plain(folder: Path) -> Path:
    """B-frames, fractional rate, sound a little longer than the picture."""
    picture = Picture(count=240, width=320, height=180, rate=NTSC, gop=60, b_frames=2)
    return make_clip(folder / "plain.mp4", picture, Sound(samples=8 * 48000 + 900))


def _languages(folder: Path) -> Path:
    """Two languages; the second begins late."""
    picture = Picture(count=200, width=320, height=180, gop=50)
    english = Sound(samples=8 * 48000, language="eng")
    german = Sound(samples=7 * 48000, language="deu", delay=24000)
    return make_clip(folder / "languages.mp4", picture, english, german)


def _foreign(folder: Path) -> Path:
    """What is encoded anew, into a ladder."""
    picture = Picture(codec="mpeg2video", count=200, width=640, height=360, gop=15, b_frames=2)
    return make_clip(folder / "foreign.mkv", picture, Sound(codec="mp2", samples=8 * 48000))


def _modern(folder: Path) -> Path:
    """VP9 and Opus, which are carried, with H.264 and AAC beside them."""
    picture = Picture(codec="libvpx-vp9", count=200, width=320, height=180, gop=50, b_frames=0)
    return make_clip(folder / "modern.webm", picture, Sound(codec="libopus", samples=8 * 48000))


def _newest(folder: Path) -> Path:
    """AV1 and Opus, which are carried, with H.264 and AAC beside them."""
    picture = Picture(codec="libsvtav1", count=200, width=320, height=180, gop=50, b_frames=0)
    return make_clip(folder / "newest.mp4", picture, Sound(codec="libopus", samples=8 * 48000))


def _silent(folder: Path) -> Path:
    """No sound at all."""
    return make_clip(folder / "silent.mp4", Picture(count=200, width=320, height=180, gop=48))


def _subtitled(folder: Path) -> Path:
    """Text in two languages, and forced text in one of them."""
    codecs = {"subrip": "eng", "ass": "ger", "webvtt": "ger"}
    return add_text(
        _plain(folder), folder / "subtitled.mkv", codecs, text=SUBRIP,
        dispositions=("default", "0", "forced"),
    )  # fmt: skip


def _dolby(folder: Path) -> Path:
    """HEVC and 5.1 AC-3, which are carried, with H.264 and AAC beside them."""
    picture = Picture(codec="libx265", count=200, width=320, height=180, gop=50)
    return make_clip(folder / "dolby.mkv", picture, _surround("ac3"))


def _surround(codec: str) -> Sound:
    return Sound(codec, 8 * 48000, layout="5.1", bit_rate=384_000)


FILMS: Mapping[str, Film] = {
    "plain": Film(_plain, 240, 240 / NTSC),
    "languages": Film(_languages, 200, Fraction(8)),
    "foreign": Film(_foreign, 200, Fraction(8)),
    "modern": Film(_modern, 200, Fraction(8)),
    "dolby": Film(_dolby, 200, Fraction(8)),
    "silent": Film(_silent, 200, Fraction(8)),
    "subtitled": Film(_subtitled, 240, 240 / NTSC),
    "signed": Film(_plain, 240, 240 / NTSC, policy="signed"),
}

NEWEST = Film(_newest, 200, Fraction(8))


def _made(name: str, picture: Picture, sound: Sound) -> Callable[[Path], Path]:
    return lambda folder: make_clip(folder / name, picture, sound)


def _high_efficiency(folder: Path) -> Path:
    """H.264 of 10 bits and HE-AAC: one tone again and again, for there is no encoder to be had."""
    film, sound = (
        make_clip(folder / "silent.mp4", replace(AVC, pixel_format=TEN_BITS)),
        folder / "sound.aac",
    )
    sound.write_bytes(HE_AAC * 20)
    made = folder / "avc10-heaac.mp4"
    ffmpeg = os.environ.get("SLUICE_FFMPEG", "ffmpeg")
    inputs = ["-i", str(film), "-i", str(sound), "-t", "8"]
    subprocess.run([ffmpeg, "-v", "error", *inputs, "-c", "copy", str(made)], check=True)
    return made


TEN_BITS = "yuv420p10le"
HEVC = Picture("libx265", 200, 320, 180, gop=50, b_frames=2)
AV1 = Picture("libsvtav1", 200, 320, 180, gop=50, b_frames=0)
VP9 = Picture("libvpx-vp9", 200, 320, 180, gop=50, b_frames=0)
AVC = Picture(count=200, width=320, height=180, gop=50)
OPUS = Sound("libopus", 8 * 48000)
CARRIED: Mapping[str, Callable[[Path], Path]] = {
    "hevc-ac3": _made("hevc-ac3.mkv", HEVC, _surround("ac3")),
    "hevc-eac3": _made("hevc-eac3.mp4", HEVC, _surround("eac3")),
    "hevc10-aac96": _made(
        "hevc10-aac96.mp4",
        replace(HEVC, pixel_format=TEN_BITS, colour=(9, 16, 9)),
        Sound(samples=8 * 96000, rate=96000),
    ),
    "av1-opus": _made("av1-opus.webm", AV1, OPUS),
    "av1-flac": _made("av1-flac.mp4", AV1, Sound("flac", 8 * 48000)),
    "vp9-opus": _made("vp9-opus.webm", VP9, OPUS),
    "avc-mp3": _made("avc-mp3.mp4", AVC, Sound("libmp3lame", 8 * 48000)),
    "avc10-heaac": _high_efficiency,
}
"""Films of 200 pictures and 8 s that are packaged alone, with nothing else for players to take."""


def package(folder: Path) -> None:
    """Make a folder of each that is carried, as `sluice package` does."""
    for name, make in CARRIED.items():
        film = make(folder)
        subprocess.run(
            [sys.executable, "-m", "cli", "package", str(film), "-o", str(folder / name)],
            check=True,
            capture_output=True,
        )


async def show(product: Product, film: Film, folder: Path) -> Shown:
    """Publish a film and ask where it is."""
    video_id = await product.upload(film.make(folder), policy=film.policy)
    video = await product.settled(video_id)
    assert (video.status, video.errors) == ("ready", [])
    play = await product.play(video_id)
    on_demand = play.dash.replace("manifest.mpd", "ondemand.mpd")
    return Shown(play.hls, play.dash, on_demand, film)

"""Who packages, and the command of each: what comes out is HLS and DASH of the same film."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SEGMENT_S: Final = 4
# What shaka-packager is told of each stream beside where it goes.
KINDS: Final = {
    "video": "playlist_name=v.m3u8",
    "audio": "playlist_name=a.m3u8,hls_group_id=a",
}
Words = Callable[[Path, Path], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Contestant:
    """One command: it reads a film and writes into a folder, where `manifest` will lie.

    Who has no `words` is a worker that runs already.
    """

    name: str
    family: str
    work: str
    words: Words | None
    manifest: str


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be written, and what ours may cost at most of what others' cost."""

    name: str
    title: str
    goals: dict[str, float]


WORKS: Final = (
    Work(
        "file",
        "one file for each track, sidx, HLS and DASH",
        {"shaka-packager": 0.40, "ffmpeg": 1.0},
    ),
    Work("segments", "a file for each segment", {"shaka-packager": 0.40, "ffmpeg": 1.0}),
    Work("publish", "stored tracks published, in a warm worker", {"ffmpeg": 0.01}),
)


def contestants(shaka: str, ffmpeg: str) -> list[Contestant]:
    """Everyone, in the order in which they run."""
    found = [
        Contestant("sluice", "sluice", "file", _sluice("--single-file"), "manifest.mpd"),
        Contestant("shaka-packager", "shaka-packager", "file", _shaka_files(shaka), "m.mpd"),
        Contestant("ffmpeg copy", "ffmpeg", "file", _ffmpeg_copy(ffmpeg), "m.mp4"),
        Contestant("sluice", "sluice", "segments", _sluice(), "manifest.mpd"),
        Contestant("shaka-packager", "shaka-packager", "segments", _shaka_segments(shaka), "m.mpd"),
        Contestant("ffmpeg dash + hls", "ffmpeg", "segments", _ffmpeg_dash(ffmpeg), "m.mpd"),
        Contestant("ffmpeg hls", "ffmpeg", "segments", _ffmpeg_hls(ffmpeg), "m.m3u8"),
        Contestant("sluice", "sluice", "publish", None, ""),
        Contestant("ffmpeg copy", "ffmpeg", "publish", _ffmpeg_copy(ffmpeg), "m.mp4"),
    ]
    return [each for each in found if each.family != "shaka-packager" or shaka]


def _sluice(*options: str) -> Words:
    return lambda film, out: (
        sys.executable, "-m", "cli", "package", str(film), "-o", str(out / "made"),
        "--segment-duration", str(SEGMENT_S), *options,
    )  # fmt: skip


def _shaka_files(program: str) -> Words:
    return lambda film, out: (
        program, "--quiet",
        f"in={film},stream=video,output={out}/v.mp4,playlist_name=v.m3u8",
        f"in={film},stream=audio,output={out}/a.mp4,playlist_name=a.m3u8,hls_group_id=a",
        *_shaka_manifests(out),
    )  # fmt: skip


def _shaka_segments(program: str) -> Words:
    def words(film: Path, out: Path) -> Sequence[str]:
        inits = (f"in={film},stream={kind},init_segment={out}/{kind}.mp4" for kind in KINDS)
        rests = (
            f"segment_template={out}/{kind}$Number$.m4s,{tags}" for kind, tags in KINDS.items()
        )
        streams = [",".join(parts) for parts in zip(inits, rests, strict=True)]
        # Without the last it writes the manifest of a live stream, anew for every segment.
        more = (*_shaka_manifests(out), "--generate_static_live_mpd")
        return (program, "--quiet", *streams, *more)

    return words


def _shaka_manifests(out: Path) -> Sequence[str]:
    return (
        "--mpd_output", f"{out}/m.mpd", "--hls_master_playlist_output", f"{out}/m.m3u8",
        "--segment_duration", str(SEGMENT_S),
    )  # fmt: skip


def _ffmpeg_copy(program: str) -> Words:
    return lambda film, out: (
        program, "-nostdin", "-v", "error", "-i", str(film), "-c", "copy", str(out / "m.mp4"),
    )  # fmt: skip


def _ffmpeg_dash(program: str) -> Words:
    return lambda film, out: (
        program, "-nostdin", "-v", "error", "-i", str(film), "-c", "copy",
        "-f", "dash", "-seg_duration", str(SEGMENT_S), "-hls_playlist", "1", str(out / "m.mpd"),
    )  # fmt: skip


def _ffmpeg_hls(program: str) -> Words:
    return lambda film, out: (
        program, "-nostdin", "-v", "error", "-i", str(film), "-c", "copy",
        "-f", "hls", "-hls_time", str(SEGMENT_S), "-hls_playlist_type", "vod",
        "-hls_segment_type", "fmp4", "-hls_flags", "independent_segments",
        "-hls_segment_filename", str(out / "s%d.m4s"), str(out / "m.m3u8"),
    )  # fmt: skip

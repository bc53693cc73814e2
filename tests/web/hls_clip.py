"""A short clip as HLS with two picture sizes and two languages, made by FFmpeg's own packager.

The web pages are tried against a stream that Sluice did not make, so that a failure here is theirs.
"""

from fractions import Fraction
from pathlib import Path

import av
from av.audio.resampler import AudioResampler

FRAME_RATE = 25
SAMPLE_RATE = 48_000
SEGMENT_S = 2
SIZES = ((320, 180), (640, 360))
LANGUAGES = (("English", "en", 440), ("Deutsch", "de", 660))


def make_hls(folder: Path, duration_s: int) -> None:
    """Write `master.m3u8` and everything it names into `folder`."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    for number, (name, language, hertz) in enumerate(LANGUAGES):
        _sound(_folder(folder, f"a-{language}"), hertz, duration_s)
        default = "YES" if number == 0 else "NO"
        lines.append(
            f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="{name}",LANGUAGE="{language}",'
            f'DEFAULT={default},AUTOSELECT=YES,CHANNELS="2",URI="a-{language}/index.m3u8"'
        )
    for width, height in SIZES:
        _picture(_folder(folder, f"v-{height}"), width, height, duration_s)
        lines.append(
            f"#EXT-X-STREAM-INF:BANDWIDTH={width * height * 12},RESOLUTION={width}x{height},"
            f'FRAME-RATE={FRAME_RATE}.000,CODECS="avc1.42c01e,mp4a.40.2",AUDIO="a"'
        )
        lines.append(f"v-{height}/index.m3u8")
    (folder / "master.m3u8").write_text("\n".join(lines) + "\n")
    _poster(folder / "poster.jpg")


def _folder(parent: Path, name: str) -> Path:
    made = parent / name
    made.mkdir(parents=True)
    return made


def _options(folder: Path) -> dict[str, str]:
    return {
        "hls_segment_type": "fmp4",
        "hls_time": str(SEGMENT_S),
        "hls_playlist_type": "vod",
        "hls_flags": "independent_segments",
        "hls_segment_filename": str(folder / "%d.m4s"),
    }


def _test_picture(width: int, height: int, duration_s: float) -> str:
    return f"testsrc2=size={width}x{height}:rate={FRAME_RATE}:duration={duration_s}"


def _picture(folder: Path, width: int, height: int, duration_s: int) -> None:
    with (
        av.open(_test_picture(width, height, duration_s), format="lavfi") as source,
        av.open(folder / "index.m3u8", "w", format="hls", options=_options(folder)) as out,
    ):
        stream = out.add_stream("libx264", FRAME_RATE)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {
            "preset": "ultrafast",
            "crf": "32",
            "profile": "baseline",
            "level": "30",
            "g": str(FRAME_RATE * SEGMENT_S),
            "sc_threshold": "0",
        }
        for number, frame in enumerate(source.decode(video=0)):
            made = frame.reformat(format="yuv420p")
            made.pts, made.time_base = number, Fraction(1, FRAME_RATE)
            out.mux(stream.encode(made))
        out.mux(stream.encode(None))


def _sound(folder: Path, hertz: int, duration_s: int) -> None:
    tone = f"sine=frequency={hertz}:sample_rate={SAMPLE_RATE}:duration={duration_s}"
    with (
        av.open(tone, format="lavfi") as source,
        av.open(folder / "index.m3u8", "w", format="hls", options=_options(folder)) as out,
    ):
        stream = out.add_stream("aac", SAMPLE_RATE)
        stream.layout = "stereo"
        resampler = AudioResampler("fltp", "stereo", SAMPLE_RATE)
        for frame in source.decode(audio=0):
            for made in resampler.resample(frame):
                out.mux(stream.encode(made))
        out.mux(stream.encode(None))


def _poster(path: Path) -> None:
    with (
        av.open(_test_picture(640, 360, 0.1), format="lavfi") as source,
        av.open(path, "w", format="image2", options={"update": "1"}) as out,
    ):
        stream = out.add_stream("mjpeg", 1)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuvj420p"
        frame = next(source.decode(video=0)).reformat(format="yuvj420p")
        frame.pts = 0
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))

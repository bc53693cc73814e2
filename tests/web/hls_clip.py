"""A short clip as HLS with two picture sizes and two languages, made by FFmpeg's own packager.

The web pages are tried against a stream that Sluice did not make, so that a failure here is theirs.
"""

from fractions import Fraction
from pathlib import Path

import av
from av.audio.resampler import AudioResampler

from core.manifest.storyboard import storyboard_json
from core.media.storyboard import Storyboard

FRAME_RATE = 25
SAMPLE_RATE = 48_000
SEGMENT_S = 2
SIZES = ((320, 180), (640, 360))
TILE = (284, 160)
LANGUAGES = (("English", "en", 440), ("Deutsch", "de", 660))
SUBTITLES = (
    ("en", "", "en"),
    ("Deutsch", "", "de"),
    ("en (SDH)", 'CHARACTERISTICS="public.accessibility.describes-music-and-sound",', "en"),
    ("de (forced)", "FORCED=YES,", "de"),
)
"""Name, further attributes and language of each; every second of a film has a cue of its own."""


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
    for number, (name, attributes, language) in enumerate(SUBTITLES):
        _text(_folder(folder, f"t-{number}"), name, duration_s)
        lines.append(
            f'#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="t",NAME="{name}",LANGUAGE="{language}",'
            f'DEFAULT=NO,AUTOSELECT=YES,{attributes}URI="t-{number}/index.m3u8"'
        )
    for width, height in SIZES:
        _picture(_folder(folder, f"v-{height}"), width, height, duration_s)
        lines.append(
            f"#EXT-X-STREAM-INF:BANDWIDTH={width * height * 12},RESOLUTION={width}x{height},"
            f'FRAME-RATE={FRAME_RATE}.000,CODECS="avc1.42c01e,mp4a.40.2",AUDIO="a",SUBTITLES="t"'
        )
        lines.append(f"v-{height}/index.m3u8")
    (folder / "master.m3u8").write_text("\n".join(lines) + "\n")
    _poster(folder / "poster.jpg")
    _storyboard(folder, duration_s)


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


def _text(folder: Path, name: str, duration_s: int) -> None:
    """Write a cue for every second, which names its track and its second, in segments."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", f"#EXT-X-TARGETDURATION:{SEGMENT_S}"]
    lines += ["#EXT-X-PLAYLIST-TYPE:VOD"]
    for number, start_s in enumerate(range(0, duration_s, SEGMENT_S)):
        rows = ["WEBVTT", "X-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000", ""]
        for second in range(start_s, min(duration_s, start_s + SEGMENT_S)):
            place = " line:0" if second % 10 == 9 else ""
            rows.append(f"00:00:{second:02}.000 --> 00:00:{second:02}.990{place}")
            rows += [f"<i>{name}</i> {second}", ""]
        (folder / f"{number}.vtt").write_text("\n".join(rows))
        lines += [f"#EXTINF:{SEGMENT_S}.0,", f"{number}.vtt"]
    (folder / "index.m3u8").write_text("\n".join([*lines, "#EXT-X-ENDLIST", ""]))


def _storyboard(folder: Path, duration_s: int) -> None:
    """A picture every two seconds, ten in a row, all in one sprite."""
    rows = -(-duration_s // 20)
    width, height = TILE
    pictures = f"testsrc2=size={width}x{height}:rate=1/2:duration={duration_s}"
    sprite = _folder(folder, "sb/board") / "0.jpg"
    _jpeg(sprite, f"{pictures},tile=10x{rows}", 10 * width, rows * height)
    board = Storyboard(
        name="board",
        prefix="",
        tile_width=width,
        tile_height=height,
        columns=10,
        rows=rows,
        count=duration_s // 2,
        interval_ms=2000,
        duration_ms=duration_s * 1000,
        largest_sprite_bytes=sprite.stat().st_size,
        sprites_bytes=sprite.stat().st_size,
        tile_bandwidth=1,
        tile_average_bandwidth=1,
    )
    (folder / "storyboard.json").write_bytes(storyboard_json(board))


def _poster(path: Path) -> None:
    _jpeg(path, _test_picture(640, 360, 0.1), 640, 360)


def _jpeg(path: Path, picture: str, width: int, height: int) -> None:
    with (
        av.open(picture, format="lavfi") as source,
        av.open(path, "w", format="image2", options={"update": "1"}) as out,
    ):
        stream = out.add_stream("mjpeg", 1)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuvj420p"
        frame = next(source.decode(video=0)).reformat(format="yuvj420p")
        frame.pts = 0
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))

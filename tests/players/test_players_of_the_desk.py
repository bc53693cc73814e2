"""ffmpeg, mpv, GStreamer and VLC: each plays the whole and from the middle, without a complaint."""

from pathlib import Path

import pytest

from tests.fixtures.players import decode
from tests.players.desk import play_in_gstreamer, play_in_mpv, play_in_vlc
from tests.players.films import FILMS, Shown

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]

PROTOCOLS = ["hls", "dash", "on_demand"]


@pytest.mark.parametrize("name", FILMS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_ffmpeg_gets_every_picture(shown: dict[str, Shown], name: str, protocol: str) -> None:
    pictures = await decode(getattr(shown[name], protocol), "v:0")
    assert len(pictures) == FILMS[name].pictures


# FFmpeg 5.1 reads wrong bytes after a seek in any HLS of fragments, that of its own muxer included.
MPV_WAYS = [("hls", []), ("dash", []), ("dash", ["--start=4"])]


@pytest.mark.parametrize("name", FILMS)
@pytest.mark.parametrize(("protocol", "start"), MPV_WAYS)
async def test_mpv_plays_to_the_end(
    shown: dict[str, Shown], name: str, protocol: str, start: list[str], tmp_path: Path
) -> None:
    sound = "--audio=no" if name == "silent" else "--audio=auto"
    await play_in_mpv(getattr(shown[name], protocol), tmp_path, sound, *start)


@pytest.mark.parametrize("name", FILMS)
@pytest.mark.parametrize("protocol", ["hls", "dash"])
@pytest.mark.parametrize("start_s", [0, 4])
async def test_gstreamer_plays_to_the_end(
    shown: dict[str, Shown], name: str, protocol: str, start_s: int, tmp_path: Path
) -> None:
    await play_in_gstreamer(getattr(shown[name], protocol), tmp_path, start_s=start_s)


# VLC 3 finds the demuxer of a DASH Representation by its codec, and none for VP9 in MP4.
VLC_WAYS = [
    (name, protocol)
    for name in FILMS
    for protocol in ("hls", "dash")
    if (name, protocol) != ("modern", "dash")
]


@pytest.mark.parametrize(("name", "protocol"), VLC_WAYS)
async def test_vlc_plays_to_the_end(
    shown: dict[str, Shown], name: str, protocol: str, tmp_path: Path
) -> None:
    seconds = float(FILMS[name].seconds)
    await play_in_vlc(getattr(shown[name], protocol), tmp_path, seconds=seconds)

"""Codecs that are carried, in folders of `sluice package` that offer no other."""

from pathlib import Path

import pytest

from tests.fixtures.chromium import Chromium
from tests.fixtures.players import decode
from tests.players.desk import play_in_gstreamer, play_in_mpv, play_in_vlc
from tests.players.films import CARRIED
from tests.players.web import opened, play_and_seek

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]

PICTURES, SECONDS = 200, 8.0
MANIFESTS = {"hls": "master.m3u8", "dash": "manifest.mpd"}
BOTH = pytest.mark.parametrize("protocol", MANIFESTS)
EACH = pytest.mark.parametrize("name", CARRIED)
# Chromium of Debian decodes no HEVC, AC-3 or E-AC-3, and no MP3 in MP4 by way of Media Source.
IN_BROWSERS = ["av1-opus", "av1-flac", "vp9-opus", "avc10-heaac"]
# VLC 3 finds the demuxer of a DASH Representation by its codec, and none for VP9 in MP4.
IN_VLC = [
    (name, way) for name in CARRIED for way in MANIFESTS if (name, way) != ("vp9-opus", "dash")
]
WAYS = [("hls.js", "hls"), ("shaka", "hls"), ("shaka", "dash"), ("dash.js", "dash")]


def address(pages: str, name: str, protocol: str) -> str:
    """Where a folder's manifest is."""
    return f"{pages.removesuffix('page')}packaged/{name}/{MANIFESTS[protocol]}"


@EACH
@BOTH
async def test_ffmpeg_gets_every_picture(pages: str, name: str, protocol: str) -> None:
    assert len(await decode(address(pages, name, protocol), "v:0")) == PICTURES
    assert await decode(address(pages, name, protocol), "a:0")


@EACH
@BOTH
async def test_mpv_plays_to_the_end(pages: str, name: str, protocol: str, tmp_path: Path) -> None:
    await play_in_mpv(address(pages, name, protocol), tmp_path)


@EACH
@BOTH
@pytest.mark.parametrize("start_s", [0, 4])
async def test_gstreamer_plays_to_the_end(
    pages: str, name: str, protocol: str, start_s: int, tmp_path: Path
) -> None:
    await play_in_gstreamer(address(pages, name, protocol), tmp_path, start_s=start_s)


@pytest.mark.parametrize(("name", "protocol"), IN_VLC)
async def test_vlc_plays_to_the_end(pages: str, name: str, protocol: str, tmp_path: Path) -> None:
    await play_in_vlc(address(pages, name, protocol), tmp_path, seconds=SECONDS)


@pytest.mark.chromium
@pytest.mark.parametrize("name", IN_BROWSERS)
@pytest.mark.parametrize(("library", "protocol"), WAYS)
async def test_browsers_play_what_they_decode(
    browser: Chromium, pages: str, name: str, library: str, protocol: str
) -> None:
    page = await opened(browser, pages, library, address(pages, name, protocol))
    await play_and_seek(page, SECONDS)

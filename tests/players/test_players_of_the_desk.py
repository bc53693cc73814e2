"""ffmpeg, mpv, GStreamer and VLC: each plays the whole and from the middle, without a complaint."""

import asyncio
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fixtures.players import decode
from tests.players.films import FILMS, Shown

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]

DEADLINE_S = 90.0
# VLC refuses to run as root.
AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] * (os.geteuid() == 0)
PROTOCOLS = ["hls", "dash", "on_demand"]


@dataclass(frozen=True, slots=True)
class Heard:
    """How a program ended, and all that it said."""

    code: int
    said: str


async def run(*words: str, home: Path) -> Heard:
    """Run a player to its end."""
    env = {**os.environ, "LC_ALL": "C.UTF-8", "XDG_RUNTIME_DIR": str(home), "HOME": str(home)}
    process = await asyncio.create_subprocess_exec(
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=env,
    )
    try:
        async with asyncio.timeout(DEADLINE_S):
            said, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        said, _ = await process.communicate()
        raise AssertionError(f"{words[0]} did not end: {said[-3000:].decode()}") from None
    assert process.returncode is not None
    return Heard(process.returncode, said.decode(errors="replace"))


def complaints(heard: Heard, pattern: str) -> list[str]:
    """The lines in which a player complains."""
    lines = heard.said.splitlines()
    return [line for line in lines if re.search(pattern, line, re.IGNORECASE)]


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
    heard = await run(
        os.environ["SLUICE_TEST_MPV"], "--no-config", "--vo=null", "--ao=null", "--untimed",
        "--audio=no" if name == "silent" else "--audio=auto", "--msg-level=all=warn",
        *start, getattr(shown[name], protocol), home=tmp_path,
    )  # fmt: skip
    assert heard.code == 0, heard.said
    assert complaints(heard, "error|fail") == []


@pytest.mark.parametrize("name", FILMS)
@pytest.mark.parametrize("protocol", ["hls", "dash"])
@pytest.mark.parametrize("start_s", [0, 4])
async def test_gstreamer_plays_to_the_end(
    shown: dict[str, Shown], name: str, protocol: str, start_s: int, tmp_path: Path
) -> None:
    heard = await run(
        os.environ["SLUICE_TEST_GST_PLAY"], "--no-interactive", f"--start-position={start_s}",
        "--videosink=fakesink sync=true", "--audiosink=fakesink sync=true",
        getattr(shown[name], protocol), home=tmp_path,
    )  # fmt: skip
    assert heard.code == 0, heard.said
    assert "Reached end of play list" in heard.said
    assert complaints(heard, "error:|warning:") == []


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
    """In the film's own time: whoever gives up is done sooner."""
    tmp_path.chmod(0o777)
    for parent in tmp_path.parents[:3]:
        parent.chmod(parent.stat().st_mode | 0o055)
    begun_s = time.monotonic()
    heard = await run(
        *AS_NOBODY, os.environ["SLUICE_TEST_VLC"], "--intf=dummy", "--vout=dummy", "--aout=dummy",
        "--no-plugins-cache", "--play-and-exit", getattr(shown[name], protocol), "vlc://quit",
        home=tmp_path,
    )  # fmt: skip
    assert heard.code == 0, heard.said
    assert complaints(heard, "(demux|decoder|stream|access) error") == []
    assert time.monotonic() - begun_s > 0.9 * float(FILMS[name].seconds), heard.said

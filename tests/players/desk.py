"""mpv, GStreamer and VLC as programs: each plays an address to its end, without a complaint."""

import asyncio
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

DEADLINE_S = 90.0
# VLC refuses to run as root.
AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] * (os.geteuid() == 0)

# VLC 3 sets decoders up as a manifest names them: that of AC-3 before it knows a sampling rate,
# that of AV1 before it has a clock; and it has no demuxer for the pictures to seek by that an MPD
# tells of. It plays all the same.
OF_VLC = re.compile(
    r"failed to create audio output|no reference clock|Could not convert timestamp"
    r"|Failed to create demuxer \(nil\) Unknown"
)


@dataclass(frozen=True, slots=True)
class Heard:
    """How a program ended, and all that it said."""

    code: int
    said: str

    def complaints(self, pattern: str) -> list[str]:
        """The lines in which a player complains."""
        lines = self.said.splitlines()
        return [line for line in lines if re.search(pattern, line, re.IGNORECASE)]


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


async def play_in_mpv(address: str, home: Path, *words: str) -> None:
    """Play with `words` of mpv's own."""
    heard = await run(
        os.environ["SLUICE_TEST_MPV"], "--no-config", "--vo=null", "--ao=null", "--untimed",
        "--msg-level=all=warn", *words, address, home=home,
    )  # fmt: skip
    assert heard.code == 0, heard.said
    assert heard.complaints("error|fail") == [], heard.said


async def play_in_gstreamer(
    address: str, home: Path, *, start_s: int = 0, seconds: float = 0.0
) -> None:
    """Play from somewhere on, in the film's own time: at least so many seconds."""
    begun_s = time.monotonic()
    heard = await run(
        os.environ["SLUICE_TEST_GST_PLAY"], "--no-interactive", f"--start-position={start_s}",
        "--videosink=fakesink sync=true", "--audiosink=fakesink sync=true",
        address, home=home,
    )  # fmt: skip
    assert heard.code == 0, heard.said
    assert "Reached end of play list" in heard.said
    assert heard.complaints("error:|warning:") == [], heard.said
    assert time.monotonic() - begun_s > 0.9 * seconds, heard.said


async def play_in_vlc(address: str, home: Path, *, seconds: float) -> None:
    """Play in the film's own time, which is that many seconds: whoever gives up is done sooner."""
    home.chmod(0o777)
    for parent in home.parents[:3]:
        parent.chmod(parent.stat().st_mode | 0o055)
    begun_s = time.monotonic()
    heard = await run(
        *AS_NOBODY, os.environ["SLUICE_TEST_VLC"], "--intf=dummy", "--vout=dummy", "--aout=dummy",
        "--no-plugins-cache", "--play-and-exit", address, "vlc://quit", home=home,
    )  # fmt: skip
    assert heard.code == 0, heard.said
    lines = heard.complaints("(demux|decoder|stream|access) error")
    assert [line for line in lines if not OF_VLC.search(line)] == [], heard.said
    assert time.monotonic() - begun_s > 0.9 * seconds, heard.said

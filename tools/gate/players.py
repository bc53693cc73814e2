"""`./sluice test --players`: everything that is published, played by everybody's players.

hls.js, shaka-player and dash.js in Chromium, and ffmpeg, mpv, GStreamer and VLC, play films of a
running product from the beginning and from the middle. What is missing is installed as root.
"""

import os
import subprocess
from collections.abc import Sequence
from typing import Final

from tools.gate import gate
from tools.gate.needs import CHROMIUM, FFMPEG, Need, provide
from tools.gate.steps import pytest
from tools.launcher import apt, node
from tools.launcher.failure import MachineLacks
from tools.launcher.paths import HERE

FOLDER: Final = HERE.root / "tests/players"
SWITCH: Final = "SLUICE_TEST_PLAYERS"
MPV: Final = Need("mpv", ("mpv",), "mpv", "SLUICE_TEST_MPV")
VLC: Final = Need("VLC", ("cvlc", "vlc"), "vlc-bin", "SLUICE_TEST_VLC")
GSTREAMER: Final = Need(
    "GStreamer", ("gst-play-1.0",), "gstreamer1.0-plugins-base-apps", "SLUICE_TEST_GST_PLAY"
)
# Programs alone play nothing: these bring what reads HLS and DASH, and the decoders.
PLUGINS: Final = (
    "gstreamer1.0-plugins-good",
    "gstreamer1.0-plugins-bad",
    "gstreamer1.0-libav",
    "vlc-plugin-base",
)


def run(words: Sequence[str]) -> int:
    """Bring the players, then run their tests; further words go to pytest."""
    env = provide([CHROMIUM, FFMPEG, MPV, VLC, GSTREAMER])
    bring_plugins()
    bring_libraries()
    command = pytest(str(FOLDER), *words)
    return gate.execute(command, {**env, SWITCH: "1"})


def bring_plugins() -> None:
    """Install what the programs load.

    Raises:
        MachineLacks: something is missing and we may not install it.
    """
    missing = [package for package in PLUGINS if not is_installed(package)]
    if not missing:
        return
    if not apt.available():
        raise MachineLacks(f"missing: {', '.join(missing)}; run: {apt.line(missing)}")
    apt.install(missing)


def is_installed(package: str) -> bool:
    """Ask dpkg."""
    words = ["dpkg-query", "--show", "--showformat=${db:Status-Status}", package]
    asked = subprocess.run(words, capture_output=True, text=True, check=False)
    return asked.stdout == "installed"


def bring_libraries() -> None:
    """Install the players of the web as their lock file names them."""
    marker = FOLDER / "node_modules/.package-lock.json"
    lock = FOLDER / "package-lock.json"
    if marker.exists() and marker.stat().st_mtime >= lock.stat().st_mtime:
        return
    found = node.Supply(HERE).get()
    words = [*found.npm, "ci", "--no-audit", "--no-fund"]
    subprocess.run(words, cwd=FOLDER, env={**os.environ, **found.env}, check=True)

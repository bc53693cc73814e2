"""`sluice package`: the work behind the command. It starts no service, and imports none."""

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from cli.package.bar import choose_watcher
from core.errors import InputFault
from core.media.presentation import TrackKind
from origin.static.package import package
from origin.static.request import Packaged, PackageRequest

EXIT_TERMINATED: Final = 128 + signal.SIGTERM
MEGABYTE: Final = 1_000_000


class SameFile(InputFault):
    """A file was named twice."""

    code = "package.same_file"


def run_package(request: PackageRequest, *, as_json: bool) -> None:
    """Write the folder, and say what is in it."""
    _check_distinct(request.files)
    # Unwind, so that nothing half made is left behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_TERMINATED))
    with choose_watcher() as watcher:
        made = package(request, watcher)
    sys.stdout.write((msgspec.json.encode(made).decode() if as_json else _told(made)) + "\n")
    sys.stdout.flush()


def _check_distinct(files: Sequence[Path]) -> None:
    seen: set[Path] = set()
    for path in files:
        if path.resolve() in seen:
            raise SameFile(f"{path} is named twice")
        seen.add(path.resolve())


def _told(made: Packaged) -> str:
    """Say in lines what was made."""
    lines = [f"{made.folder}: {made.size_bytes / MEGABYTE:.1f} MB in {made.took_s:.1f} s"]
    for track in made.tracks:
        how = "encoded" if track.transcoded else "copied"
        if track.kind is TrackKind.TEXT:
            how = "as WebVTT"
        rate = f"{track.average_bandwidth / 1000:.0f} kbit/s"
        lines.append(f"  {track.path}: {track.codec}, {rate}, {track.segments} segments, {how}")
    lines += [f"  left out: {each.kind} of {each.source}: {each.reason}" for each in made.left_out]
    lines.append(f"  HLS   {made.hls}")
    if made.dash is not None:
        lines.append(f"  DASH  {made.dash}")
    if made.storyboard is not None:
        board = made.storyboard
        size = f"{board.tile_width}x{board.tile_height}"
        lines.append(f"  storyboard  {board.vtt}: {board.tiles} pictures of {size}")
    if made.keys_file is not None:
        lines.append(f"  keys  {made.keys_file}")
    return "\n".join(lines)

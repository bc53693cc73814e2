"""`sluice package`: the command. It starts no service, and imports none."""

import signal
import sys
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from cli.package.bar import choose_watcher
from cli.report.sentences import megabytes
from core.errors import InputFault
from core.media.presentation import TrackKind
from origin.static.package import package
from origin.static.request import Arrangement, Packaged, PackageRequest

SEGMENT_S: Final = 4.0
SHORTEST_SEGMENT_S: Final = 1.0
LONGEST_SEGMENT_S: Final = 30.0
EXIT_TERMINATED: Final = 128 + signal.SIGTERM


class SameFile(InputFault):
    """A file was named twice."""

    code = "package.same_file"


def package_command(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="The film; further files are renditions, languages and subtitles of it.",
        ),
    ],
    *,
    folder: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="The folder to make.")
    ],
    segment_s: Annotated[
        float,
        typer.Option(
            "--segment-duration",
            metavar="SECONDS",
            min=SHORTEST_SEGMENT_S,
            max=LONGEST_SEGMENT_S,
            help="How long a segment should be; it ends at the next key picture.",
        ),
    ] = SEGMENT_S,
    single_file: Annotated[
        bool,
        typer.Option("--single-file", help="Write one file for each track, read by byte ranges."),
    ] = False,
    transcode: Annotated[
        bool, typer.Option("--transcode", help="Encode anew what does not play everywhere.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a folder that this command made.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Write what was made as one JSON object.")
    ] = False,
) -> None:
    """Write the folder, and say what is in it."""
    _check_distinct(files)
    # Unwind, so that nothing half made is left behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_TERMINATED))
    request = PackageRequest(
        files=files,
        folder=folder,
        segment_s=segment_s,
        arrangement=Arrangement.SINGLE_FILE if single_file else Arrangement.SEGMENTS,
        may_transcode=transcode,
        may_replace=force,
    )
    with choose_watcher() as watcher:
        made = package(request, watcher)
    typer.echo(msgspec.json.encode(made).decode() if as_json else _told(made))


def _check_distinct(files: list[Path]) -> None:
    seen: set[Path] = set()
    for path in files:
        if path.resolve() in seen:
            raise SameFile(f"{path} is named twice")
        seen.add(path.resolve())


def _told(made: Packaged) -> str:
    """Say in lines what was made."""
    lines = [f"{made.folder}: {megabytes(made.size_bytes)} in {made.took_s:.1f} s"]
    for track in made.tracks:
        how = "encoded" if track.transcoded else "copied"
        if track.kind is TrackKind.TEXT:
            how = "as WebVTT"
        rate = f"{track.average_bandwidth / 1000:.0f} kbit/s"
        lines.append(f"  {track.path}: {track.codec}, {rate}, {track.segments} segments, {how}")
    lines += [f"  left out: {each.kind} of {each.source}: {each.reason}" for each in made.left_out]
    return "\n".join([*lines, f"  HLS   {made.hls}", f"  DASH  {made.dash}"])

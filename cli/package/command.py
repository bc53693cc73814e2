"""`sluice package`: the command as typer reads it; `plain.py` reads its usual words faster."""

from pathlib import Path
from typing import Annotated

import typer

from cli.package.bounds import LONGEST_SEGMENT_S, SEGMENT_S, SHORTEST_SEGMENT_S
from cli.package.protection import chosen_protection
from cli.package.run import run_package
from core.protection.scheme import Scheme
from origin.static.request import Arrangement, PackageRequest


def package_command(  # noqa: PLR0913 - typer makes an option of each
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
    storyboard: Annotated[
        bool,
        typer.Option(
            "--storyboard", help="Make small pictures for the seek bar; this decodes key pictures."
        ),
    ] = False,
    trick_play: Annotated[
        bool,
        typer.Option(
            "--trick-play", help="Write the I-frames once more, as files of their own: for DASH."
        ),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a folder that this command made.")
    ] = False,
    scheme: Annotated[
        Scheme | None,
        typer.Option("--protection", help="Encrypt the segments; aes-128 is for HLS alone."),
    ] = None,
    keys: Annotated[
        list[str] | None,
        typer.Option(
            "--key",
            metavar="KID:KEY",
            help="A key in hexadecimal for everything; a second one is for the sound. Without, "
            "keys are made.",
        ),
    ] = None,
    keys_file: Annotated[
        Path | None,
        typer.Option(
            "--keys-file", metavar="FILE", help="Where keys that are made go; else DIR.keys.json."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Write what was made as one JSON object.")
    ] = False,
) -> None:
    """Write the folder, and say what is in it."""
    run_package(
        PackageRequest(
            files=files,
            folder=folder,
            segment_s=segment_s,
            arrangement=Arrangement.SINGLE_FILE if single_file else Arrangement.SEGMENTS,
            may_transcode=transcode,
            may_replace=force,
            storyboard=storyboard,
            trick_play=trick_play,
            protection=chosen_protection(scheme, keys or (), folder, keys_file),
        ),
        as_json=as_json,
    )

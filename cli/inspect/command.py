"""`sluice inspect`: the command. It needs no server, and imports none."""

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from cli.inspect.text import inspection_text
from core.errors import InputFault
from origin.packaging.inspection import inspect_file
from origin.packaging.limits import Limits

SHORTEST_SEGMENT_S = 1.0
LONGEST_SEGMENT_S = 30.0


class UnreadableFile(InputFault):
    """The file cannot be opened."""

    code = "inspect.unreadable"


def inspect_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to look into.")],
    *,
    segment_s: Annotated[
        float,
        typer.Option(
            min=SHORTEST_SEGMENT_S, max=LONGEST_SEGMENT_S, help="Target length of a segment in s."
        ),
    ] = 4.0,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object.")] = False,
) -> None:
    """Describe FILE; exit code 2 with one sentence where it cannot be played."""
    _check_readable(file)
    inspection = inspect_file(file, segment_s, Limits())
    if as_json:
        sys.stdout.write(msgspec.json.encode(inspection).decode() + "\n")
    else:
        sys.stdout.write(inspection_text(inspection))


def _check_readable(file: Path) -> None:
    if not file.is_file():
        what = "is not a file" if file.exists() else "does not exist"
        raise UnreadableFile(f"{file} {what}")
    try:
        file.open("rb").close()
    except OSError as error:
        raise UnreadableFile(f"cannot read {file}: {error.strerror}") from error

"""The words of `sluice package` as most people write them, read without typer.

Typer and what it needs take longer to load than a film takes to package. Words that are not exactly
of the plain kind are left to it, and so is whatever there is to say about them.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cli.exits import fail
from cli.package.bounds import LONGEST_SEGMENT_S, SEGMENT_S, SHORTEST_SEGMENT_S
from core.errors import Fault

FLAGS: Final = {
    "--single-file": "single_file",
    "--transcode": "transcode",
    "--storyboard": "storyboard",
    "--trick-play": "trick_play",
    "--force": "force",
    "--json": "as_json",
}
FOLDER: Final = ("-o", "--output")
SEGMENT: Final = "--segment-duration"


@dataclass(slots=True)
class PlainWords:
    """What `package_command` takes."""

    files: list[Path] = field(default_factory=list)
    folder: Path | None = None
    segment_s: float = SEGMENT_S
    flags: set[str] = field(default_factory=set)


def plain_words(words: Sequence[str]) -> PlainWords | None:
    """Read the words behind `package`; None where typer has to."""
    found = PlainWords()
    rest = iter(words)
    for word in rest:
        if word in FLAGS:
            found.flags.add(FLAGS[word])
        elif word in FOLDER:
            value = next(rest, "-")
            if value.startswith("-") or not value:
                return None
            found.folder = Path(value)
        elif word == SEGMENT:
            seconds = _seconds(next(rest, ""))
            if seconds is None:
                return None
            found.segment_s = seconds
        elif word.startswith("-") or not word:
            return None
        else:
            found.files.append(Path(word))
    return found if found.files and found.folder is not None else None


def _seconds(text: str) -> float | None:
    """Read a number of the plainest kind within its bounds."""
    if not text.replace(".", "", 1).isdecimal() or not text.isascii():
        return None
    value = float(text)
    return value if SHORTEST_SEGMENT_S <= value <= LONGEST_SEGMENT_S else None


def run_plain(words: Sequence[str]) -> int | None:
    """Package what plain words ask for; gives the exit code, None where typer has to read them."""
    found = plain_words(words)
    if found is None or found.folder is None:
        return None
    from cli.package.run import run_package  # noqa: PLC0415 - not needed where typer reads
    from origin.static.request import Arrangement, PackageRequest  # noqa: PLC0415 - as above

    single = "single_file" in found.flags
    request = PackageRequest(
        files=found.files,
        folder=found.folder,
        segment_s=found.segment_s,
        arrangement=Arrangement.SINGLE_FILE if single else Arrangement.SEGMENTS,
        may_transcode="transcode" in found.flags,
        may_replace="force" in found.flags,
        storyboard="storyboard" in found.flags,
        trick_play="trick_play" in found.flags,
    )
    try:
        run_package(request, as_json="as_json" in found.flags)
    except Fault as fault:
        return fail(fault)
    except BrokenPipeError:
        # Whoever read our output has gone; there is nobody left to tell.
        sys.stderr.close()
        return 1
    return 0

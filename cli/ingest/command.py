"""`sluice ingest`: the command."""

from pathlib import Path
from typing import Annotated

import typer

from cli.exits import EXIT_FAILED
from cli.ingest.ingest import Target, Until, check_files, ingest_files
from cli.report.choice import choose_reporter
from core.errors import InputFault
from runtime.logs import LogFormat
from runtime.process import run_on_uvloop
from runtime.settings.quantities import parse_url

DEFAULT_SERVER = "http://127.0.0.1:8080"


class MalformedServer(InputFault):
    """``--server`` is no URL."""

    code = "ingest.malformed_server"


def ingest_command(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Films to send.")],
    *,
    server: Annotated[str, typer.Option(metavar="URL", help="The server's URL.")] = DEFAULT_SERVER,
    until: Annotated[
        Until, typer.Option(help="How far to follow each film before this command ends.")
    ] = Until.PLAYABLE,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object a line.")] = False,
) -> None:
    """Send the files and follow them; exit code 1 when one of them failed."""
    try:
        base = str(parse_url(server))
    except ValueError as error:
        raise MalformedServer(f"--server is {server!r}: {error}") from error
    check_files(files)
    reporter = choose_reporter(as_json=as_json, log_format=LogFormat.AUTO)
    try:
        went_well = run_on_uvloop(
            ingest_files(Target(base, base), files, reporter.event, until=until)
        )
    finally:
        reporter.close()
    raise typer.Exit(0 if went_well else EXIT_FAILED)

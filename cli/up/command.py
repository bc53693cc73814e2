"""`sluice up`: the command."""

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cli.ingest.ingest import check_files
from cli.report.choice import choose_reporter
from cli.report.events import Stopping
from cli.up.house import House
from runtime.logs import wants_colours
from runtime.process import run_on_uvloop, until_stopped
from runtime.settings.up import UpSettings

# Edge, services and Postgres are stopped one after the other, each with a deadline of its own.
STAGES: Final = 2
POSTGRES_STOP_S: Final = 30.0


def run_up(settings: UpSettings, *, files: Sequence[Path] | None, as_json: bool) -> int:
    """Run everything until a signal ends it; 0 is an orderly end."""
    films = list(files or ())
    check_files(films)
    reporter = choose_reporter(as_json=as_json, log_format=settings.log_format)
    colours = not as_json and wants_colours(sys.stdout)
    house = House(settings, reporter, files=films, colours=colours)

    def on_stop(number: signal.Signals) -> None:
        reporter.close()
        reporter.event(Stopping(signal=number.name))

    deadline_s = STAGES * (settings.stop_deadline_s + 5) + POSTGRES_STOP_S
    try:
        run_on_uvloop(until_stopped(house.run(), stop_deadline_s=deadline_s, on_stop=on_stop))
    finally:
        reporter.close()
    return 0

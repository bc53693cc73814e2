"""Which reporter fits where the output goes."""

import sys

from cli.report.reporter import Heedless, JsonReporter, PlainReporter, Reporter
from runtime.logs import LogFormat


def choose_reporter(*, as_json: bool, log_format: LogFormat) -> Reporter:
    """Give JSON when asked for, the live terminal on a terminal, plain lines elsewhere."""
    return Heedless(_choose(as_json=as_json, json_logs=log_format is LogFormat.JSON))


def _choose(*, as_json: bool, json_logs: bool) -> Reporter:
    if as_json:
        return JsonReporter(json_logs=json_logs)
    if json_logs or not sys.stdout.isatty():
        return PlainReporter(json_logs=json_logs)
    # Imported here: rich costs start-up time that a pipe need not pay.
    from cli.report.terminal import TerminalReporter  # noqa: PLC0415

    return TerminalReporter()

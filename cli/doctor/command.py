"""`sluice doctor` and `sluice build`: the commands."""

import sys

import msgspec
import typer

from cli.doctor.checks import CHECKS, Finding, is_checkout, launcher
from cli.exits import EXIT_FAILED, EXIT_USAGE, explain
from runtime.settings.up import UpSettings


def run_doctor(settings: UpSettings, *, as_json: bool) -> int:
    """Run all checks with the settings `up` would have; 1 when something is missing."""
    findings = [check(settings) for check in CHECKS]
    for finding in findings:
        line = msgspec.json.encode(finding).decode() if as_json else _line(finding)
        sys.stdout.write(f"{line}\n")
    return 0 if all(finding.well for finding in findings) else EXIT_FAILED


def build_command() -> None:
    """Say whose work building is."""
    if is_checkout():
        explain(f"building is the launcher's work: run {launcher()} build")
    else:
        explain("this Sluice was installed as a package, so everything in it is built already")
    raise typer.Exit(EXIT_USAGE)


def _line(finding: Finding) -> str:
    mark = "ok  " if finding.well else "MISS"
    mend = f"\n                to mend it: {finding.mend}" if finding.mend else ""
    return f"{mark}  {finding.name:<10}{finding.found}{mend}"

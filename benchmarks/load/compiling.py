"""Compiles the clients that are written in C, once for each state of their source."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

FLAGS: Final = ("-O2", "-Wall", "-Wextra", "-Werror")


def compiled(source: Path) -> Path:
    """The program of a source: compiled when this text of it has not been compiled before."""
    text = source.read_bytes() + " ".join(FLAGS).encode()
    name = f"{source.stem}-{hashlib.sha256(text).hexdigest()[:16]}"
    program = cache_folder() / name
    if not program.exists():
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            raise SystemExit("bench: needs a C compiler, cc or gcc")
        program.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=program.parent) as scratch:
            fresh = Path(scratch, name)
            subprocess.run([compiler, *FLAGS, "-o", str(fresh), str(source)], check=True)
            fresh.replace(program)
    return program


def cache_folder() -> Path:
    """Where programs compiled for this user are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "sluice" / "bench"

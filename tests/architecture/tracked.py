"""The files that are or will be committed."""

import subprocess
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


@cache
def tracked_files() -> list[Path]:
    """List tracked files and those git would add; the owner of the checkout does not matter."""
    listing = ["git", "-c", "safe.directory=*", "ls-files", "-z", "-co", "--exclude-standard"]
    names = subprocess.run(listing, cwd=REPOSITORY, capture_output=True, check=True).stdout
    paths = (REPOSITORY / name.decode() for name in names.split(b"\0") if name)
    return [path for path in paths if path.is_file()]

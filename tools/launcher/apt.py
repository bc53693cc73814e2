"""Installs Debian packages and leaves no service of theirs running."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tools.launcher.failure import SetupFailed
from tools.launcher.progress import say

POLICY = Path("/usr/sbin/policy-rc.d")
PACKAGE_LISTS = Path("/var/lib/apt/lists")
UNITS = Path("/etc/systemd/system")
LOCK_TIMEOUT_S = 300


def available() -> bool:
    """Say whether this machine installs with apt and we may."""
    return os.geteuid() == 0 and shutil.which("apt-get", path=search_path()) is not None


def line(packages: Sequence[str]) -> str:
    """Write the command that installs packages, for the machine's owner to run."""
    return f"sudo apt-get install -y --no-install-recommends {' '.join(packages)}"


def install(packages: Sequence[str]) -> None:
    """Install packages as root; services they bring are neither started nor left enabled.

    Raises:
        SetupFailed: apt could not.
    """
    say(f"Installing with apt: {' '.join(packages)}")
    # Where systemd itself comes with the packages, what it enables is its own business.
    has_systemd = shutil.which("systemctl", path=search_path()) is not None
    enabled_before = enabled_units()
    with services_held_back():
        if not any(PACKAGE_LISTS.glob("*_Packages*")):
            apt_get("update")
        if apt_get("install", *packages) != 0:
            # The package lists may name versions that are gone: fetch them and try once more.
            apt_get("update")
            if apt_get("install", *packages) != 0:
                raise SetupFailed(f"apt could not install {' '.join(packages)}")
    if has_systemd:
        disable(enabled_units() - enabled_before)


def apt_get(verb: str, *packages: str) -> int:
    """Run apt-get without questions."""
    command = ["apt-get", "-qq", "-o", f"DPkg::Lock::Timeout={LOCK_TIMEOUT_S}"]
    if verb == "install":
        command += ["install", "-y", "--no-install-recommends", *packages]
    else:
        command += [verb]
    return run(command)


def run(command: Sequence[str]) -> int:
    """Run a system command in plain English with the administrator's search path."""
    env = {
        **os.environ,
        "DEBIAN_FRONTEND": "noninteractive",
        "LC_ALL": "C.UTF-8",
        "PATH": search_path(),
    }
    return subprocess.run(
        command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False
    ).returncode


def search_path() -> str:
    """Add the administrator's folders: dpkg looks for ldconfig there."""
    return os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin:/usr/bin:/bin"


@contextmanager
def services_held_back(policy: Path = POLICY) -> Iterator[None]:
    """Forbid package scripts to start services, unless the machine has a policy of its own."""
    if policy.exists():
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n", encoding="utf-8")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink(missing_ok=True)


def enabled_units(units: Path = UNITS) -> set[str]:
    """Name the systemd units that some target wants."""
    return {link.name for link in units.glob("*.wants/*") if link.is_symlink()}


def disable(units: set[str]) -> None:
    """Undo what packages enabled; tests use services of their own."""
    for unit in sorted(units):
        run(["systemctl", "--quiet", "disable", unit])

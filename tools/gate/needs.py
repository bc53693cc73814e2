"""Programs that tests and benchmarks play with and PyPI does not carry."""

import os
import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from tools.launcher import apt
from tools.launcher.failure import MachineLacks


@dataclass(frozen=True, slots=True)
class Need:
    """A program we start: commands that will do, its package, the variable that names it."""

    what: str
    commands: tuple[str, ...]
    package: str
    variable: str


CHROMIUM = Need(
    "Chromium", ("google-chrome", "google-chrome-stable", "chromium"), "chromium", "SLUICE_CHROMIUM"
)
FFMPEG = Need("ffmpeg", ("ffmpeg",), "ffmpeg", "SLUICE_FFMPEG")
NGINX = Need("nginx", ("nginx",), "nginx", "SLUICE_NGINX")
REDIS = Need("Redis", ("redis-server",), "redis-server", "SLUICE_REDIS_SERVER")
VARNISH = Need("Varnish", ("varnishd",), "varnish", "SLUICE_VARNISH")

# What the tests start; a benchmark names its own.
NEEDS = (CHROMIUM, FFMPEG, NGINX, REDIS)


def provide(needs: Sequence[Need] = NEEDS, *, install: bool = True) -> dict[str, str]:
    """Find every program, installing what is missing as root; return where each is, by variable.

    Raises:
        MachineLacks: something is missing and we may not, or cannot, install it.
    """
    if install:
        missing = [need for need in needs if locate(need) is None]
        if missing:
            bring(missing)
    found = ((need.variable, locate(need)) for need in needs)
    return {variable: place for variable, place in found if place is not None}


def locate(need: Need) -> str | None:
    """Find a program: what the variable names, or one on the search path."""
    named = os.environ.get(need.variable)
    if named:
        return named
    # Debian keeps servers in the administrator's folders.
    places = (shutil.which(command, path=apt.search_path()) for command in need.commands)
    return next((place for place in places if place is not None and not is_snap(place)), None)


def is_snap(place: str) -> bool:
    """Recognise Ubuntu's stand-in for a snap, which cannot read a test's temporary folder."""
    return os.path.realpath(place) == "/usr/bin/snap" or place.startswith("/snap/")


def bring(missing: list[Need]) -> None:
    """Install what is missing, or say in one line how to."""
    if is_ubuntu() and CHROMIUM in missing:
        raise MachineLacks(
            "Chromium is needed, which Ubuntu offers only as a snap: install google-chrome, "
            "or name a browser in SLUICE_CHROMIUM"
        )
    packages = [need.package for need in missing]
    if not apt.available():
        names = ", ".join(need.what for need in missing)
        raise MachineLacks(f"missing: {names}; run: {apt.line(packages)}")
    apt.install(packages)
    still = [need.what for need in missing if locate(need) is None]
    if still:
        raise MachineLacks(f"apt installed {' '.join(packages)}, yet {still[0]} is not to be found")


def is_ubuntu() -> bool:
    """Read the machine's name for itself."""
    try:
        return platform.freedesktop_os_release().get("ID") == "ubuntu"
    except OSError:
        return False

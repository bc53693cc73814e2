"""Which Sluice this is."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def sluice_version() -> str:
    """Give the installed version, or ``unknown`` in a checkout that nobody installed."""
    try:
        return version("sluice")
    except PackageNotFoundError:
        return "unknown"

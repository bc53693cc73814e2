"""Which Sluice this is."""

from functools import cache


@cache
def sluice_version() -> str:
    """Give the installed version, or ``unknown`` in a checkout that nobody installed."""
    # Imported here: few commands ask, and it takes longer to import than all else they start with.
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - see above

    try:
        return version("sluice")
    except PackageNotFoundError:
        return "unknown"

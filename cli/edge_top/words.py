"""Numbers as people read them at a glance."""

from typing import Final

_SIZES: Final = ("B", "kB", "MB", "GB", "TB", "PB")


def size(count: float) -> str:
    """Bytes with three digits: `1.23 MB`."""
    place = 0
    while abs(count) >= 999.5 and place < len(_SIZES) - 1:
        count /= 1000
        place += 1
    digits = 0 if place == 0 or count >= 99.95 else 1 if count >= 9.995 else 2
    return f"{count:.{digits}f} {_SIZES[place]}"


def number(count: float) -> str:
    """A rate: `0.3`, `42`, `12,345`."""
    return f"{count:.1f}" if 0 < abs(count) < 9.95 else f"{count:,.0f}"


def share(ratio: float | None) -> str:
    """A ratio in percent; a dash where there is none."""
    return "–" if ratio is None else f"{100 * ratio:.1f} %"


def duration(seconds: float | None) -> str:
    """A latency: `48 µs`, `3.1 ms`, `1.20 s`; a dash where there is none."""
    if seconds is None:
        return "–"
    if seconds < 0.0009995:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 0.9995:
        return f"{seconds * 1e3:.3g} ms"
    return f"{seconds:.3g} s"


def age(seconds: float) -> str:
    """How long something runs: `12 s`, `5 min`, `3 h 12 min`, `2 d 4 h`."""
    minutes = int(seconds // 60)
    if minutes == 0:
        return f"{seconds:.0f} s"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} d {minutes // 60 % 24} h"

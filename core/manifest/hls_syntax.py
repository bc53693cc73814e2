"""How tags of HLS playlists are written (RFC 8216bis §4.1 to §4.3)."""

from collections.abc import Sequence

from core.media.ticks import rescale
from core.media.timeline import Span

MICROSECONDS = 1_000_000


def attributes(tag: str, **values: str | None) -> str:
    """Write a tag with its attribute list; those that are None are left out."""
    listed = ",".join(
        f"{name.replace('_', '-')}={value}" for name, value in values.items() if value is not None
    )
    return f"#{tag}:{listed}"


def quoted(text: str) -> str:
    """Give a quoted-string (§4.2), which has no escapes: what it may not hold is replaced."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return '"' + printable.replace('"', "'") + '"'


def yes(value: bool) -> str:
    """Give YES or NO."""
    return "YES" if value else "NO"


def microseconds(spans: Sequence[Span], timescale: int) -> list[int]:
    """Give durations that add up to the rounded end of the last span, however many there are.

    What starts late has the gap counted into its first span.
    """
    ends = [rescale(span.end, timescale, MICROSECONDS) for span in spans]
    return [stop - start for start, stop in zip((0, *ends), ends, strict=False)]


def extinf_lines(spans: Sequence[Span], timescale: int) -> list[str]:
    """Give EXTINF for every span (§4.4.4.1)."""
    return [
        f"#EXTINF:{duration // MICROSECONDS}.{duration % MICROSECONDS:06},"
        for duration in microseconds(spans, timescale)
    ]


def target_duration(spans: Sequence[Span], timescale: int) -> int:
    """Give seconds that no duration, rounded to the nearest, exceeds (§4.4.3.1)."""
    longest = max(microseconds(spans, timescale))
    return max(1, (2 * longest + MICROSECONDS) // (2 * MICROSECONDS))

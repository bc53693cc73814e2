"""The Accept field (RFC 9110 §12.5.1), as far as choosing between a few types needs it."""

import re
from collections.abc import Sequence

LONGEST_FIELD = 2048

_QUALITY = re.compile(r"[01](?:\.\d{0,3})?")


def preferred(field: str | None, offered: Sequence[str]) -> str:
    """The offered type that the client likes best.

    Of equals the first offered wins, and it is also the answer where none is acceptable: a client
    that asks for something else is served better by our usual answer than by a refusal.
    """
    if field is None or len(field) > LONGEST_FIELD:
        return offered[0]
    ranges = dict(_media_ranges(field))
    best = max(offered, key=lambda each: _quality(each, ranges))
    return best if _quality(best, ranges) > 0 else offered[0]


def _media_ranges(field: str) -> list[tuple[str, float]]:
    ranges = []
    for element in field.split(","):
        name, *parameters = (part.strip().lower() for part in element.split(";"))
        quality = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip() == "q" and _QUALITY.fullmatch(value.strip()):
                quality = min(1.0, float(value))
        ranges.append((name, quality))
    return ranges


def _quality(media_type: str, ranges: dict[str, float]) -> float:
    """The most specific range that covers `media_type` says how much it is liked."""
    for candidate in (media_type, f"{media_type.partition('/')[0]}/*", "*/*"):
        if candidate in ranges:
            return ranges[candidate]
    return 0.0

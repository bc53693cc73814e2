"""Header fields as a tuple of name and value pairs, in the order received."""

from collections.abc import Iterable

Headers = tuple[tuple[str, str], ...]


def values(headers: Headers, name: str) -> list[str]:
    """All values of the field `name` (given in lower case), one for each field line."""
    return [value for key, value in headers if key.lower() == name]


def first(headers: Headers, name: str) -> str | None:
    """The first value of the field `name` (given in lower case); None when it is absent."""
    return next((value for key, value in headers if key.lower() == name), None)


def combined(headers: Headers, name: str) -> str | None:
    """All values of a list field joined by commas (RFC 9110 §5.3); None when it is absent."""
    found = values(headers, name)
    return ", ".join(found) if found else None


def list_members(headers: Headers, name: str) -> list[str]:
    """The non-empty members of a comma-separated field of plain tokens, in lower case."""
    return [
        member
        for value in values(headers, name)
        for written in value.split(",")
        if (member := written.strip(" \t").lower())
    ]


def without(headers: Headers, names: Iterable[str]) -> Headers:
    """The fields whose name (lower case) is not among `names`."""
    dropped = frozenset(names)
    return tuple(field for field in headers if field[0].lower() not in dropped)


def natural(text: str, limit: int) -> int | None:
    """A non-negative decimal integer, clamped to `limit`; None when `text` is anything else.

    The number of digits is bounded before anything is converted.
    """
    if not (text.isascii() and text.isdigit()):
        return None
    return limit if len(text) > 18 else min(int(text), limit)

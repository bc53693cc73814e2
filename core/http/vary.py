"""Vary (RFC 9111 §4.1): which request fields choose between the variants of one resource."""

import re

from core.http.fields import Headers, combined, list_members

VaryNames = tuple[str, ...]
Variant = tuple[str | None, ...]

_COMMA = re.compile(r"[ \t]*,[ \t]*")


def vary_names(headers: Headers) -> VaryNames:
    """The field names a response varies by, in lower case, sorted, each once.

    `*` is among them when the response has it; such a response matches no later request.
    """
    return tuple(sorted(set(list_members(headers, "vary"))))


def variant(names: VaryNames, request: Headers) -> Variant:
    """What a request says in the fields `names`; equal variants choose the same response."""
    return tuple(_normalised(combined(request, name)) for name in names)


def _normalised(value: str | None) -> str | None:
    return None if value is None else _COMMA.sub(",", value.strip(" \t"))

"""Cache-Status (RFC 9211): what each cache on the way did with the request."""

import re
from dataclasses import dataclass
from enum import StrEnum

_TOKEN = re.compile(r"[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*", re.ASCII)
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


class Forward(StrEnum):
    """Why a request went forward (§2.2)."""

    BYPASS = "bypass"
    METHOD = "method"
    URI_MISS = "uri-miss"
    VARY_MISS = "vary-miss"
    REQUEST = "request"
    STALE = "stale"
    PARTIAL = "partial"


@dataclass(frozen=True, slots=True)
class Handling:
    """What this cache did: a hit when `forward` is None, else the reason it went forward.

    An answer that it made up itself, such as a refusal, is `local` and neither. `ttl_s` is the
    freshness left, negative once stale.
    """

    forward: Forward | None = None
    forward_status: int | None = None
    ttl_s: int | None = None
    stored: bool = False
    collapsed: bool = False
    local: bool = False
    detail: str | None = None


def write_handling(name: str, handling: Handling) -> str:
    """The list member that the cache `name` adds."""
    parameters = ["hit"] if handling.forward is None else [f"fwd={handling.forward}"]
    if handling.local:
        parameters = []
    if handling.forward_status is not None:
        parameters.append(f"fwd-status={handling.forward_status}")
    if handling.ttl_s is not None:
        parameters.append(f"ttl={handling.ttl_s}")
    if handling.stored:
        parameters.append("stored")
    if handling.collapsed:
        parameters.append("collapsed")
    if handling.detail is not None:
        parameters.append(f"detail={_item(handling.detail)}")
    return "; ".join([_item(name), *parameters])


def append_handling(received: str | None, name: str, handling: Handling) -> str:
    """The field to send: the caches nearer the origin first, we last (§2)."""
    own = write_handling(name, handling)
    return own if not received else f"{received}, {own}"


def _item(text: str) -> str:
    """A token where the text is one, else a string (RFC 9651 §3.3)."""
    if _TOKEN.fullmatch(text):
        return text
    escaped = _UNPRINTABLE.sub("?", text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

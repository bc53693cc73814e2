"""The request target: where it points, and which spellings of it are refused.

One resource must have one name here, or a cache, a token check and an upstream may each see another
resource in the same bytes. Under `/media/` every ambiguous spelling is therefore refused; elsewhere
a path is handed on as it came, unless it is a disguise of one under `/media/`.
"""

import re
from dataclasses import dataclass
from typing import ClassVar, Final
from urllib.parse import unquote

from core.errors import InputFault

MEDIA_PREFIX: Final = "/media/"
LONGEST_TARGET: Final = 8192
# A client's private remark to us (CTA-5004): in the key it would make every request its own object.
CMCD: Final = "CMCD"

_VISIBLE = re.compile(r"[\x21\x22\x24-\x7e]+", re.ASCII)  # "#" never reaches a server
# An authority without user (RFC 9110 §4.2.4), and a name of plain characters.
_AUTHORITY = r"(?:[\w.~%!$&'()*+;=-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?"
_ABSOLUTE = re.compile(rf"https?://(?P<authority>{_AUTHORITY})(?=[/?]|$)", re.ASCII | re.IGNORECASE)
_TRICK = re.compile(r"%(?:2f|2e|5c|00)|\\|//", re.ASCII | re.IGNORECASE)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})", re.ASCII)
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})", re.ASCII)
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_SLASHES = re.compile(r"[/\\]+")


class RefusedTarget(InputFault):
    """The request target is malformed, or a spelling that could mean two things."""

    code: ClassVar[str] = "target.refused"


@dataclass(frozen=True, slots=True)
class Target:
    """A path and a query, without the question mark; `media` when it lies under `/media/`.

    Under `/media/` both are canonical, so that equal resources have equal targets. Elsewhere an
    empty query is another one than none, as it is to the upstream (RFC 9110 §7.7).
    """

    path: str
    query: str | None
    media: bool

    def __str__(self) -> str:
        return self.path if self.query is None else f"{self.path}?{self.query}"


def read_target(raw: str) -> Target:
    """Read a request target in origin-form or absolute-form (RFC 9112 §3.2), or refuse it."""
    if len(raw) > LONGEST_TARGET or not _VISIBLE.fullmatch(raw):
        raise RefusedTarget(f"the request target {raw[:80]!r} is too long or not printable ASCII")
    relative = _ABSOLUTE.sub("", raw, count=1) if not raw.startswith("/") else raw
    path, asked, query = relative.partition("?")
    path = path or "/"
    if not path.startswith("/"):
        raise RefusedTarget(f"the request target {raw[:80]!r} is no path")
    canonical = _canonical_path(path)
    if canonical.startswith(MEDIA_PREFIX):
        _refuse_tricks(path, canonical)
        return Target(canonical, canonical_query(query) or None, media=True)
    if f"{_resolved(path)}/".startswith(MEDIA_PREFIX) and path != MEDIA_PREFIX[:-1]:
        raise RefusedTarget(f"the path {path[:80]!r} is another spelling of one under /media/")
    return Target(path, query if asked else None, media=False)


def authority_of(raw: str) -> str | None:
    """The authority that a request target in absolute-form names; None in any other form."""
    match = _ABSOLUTE.match(raw)
    return None if match is None else match["authority"]


def _refuse_tricks(path: str, canonical: str) -> None:
    if _TRICK.search(path) or _BAD_ESCAPE.search(path):
        raise RefusedTarget(f"the path {path[:80]!r} has a slash, dot or escape that is refused")
    if not {".", ".."}.isdisjoint(canonical.split("/")):
        raise RefusedTarget(f"the path {path[:80]!r} has a dot segment")


def _canonical_path(path: str) -> str:
    """Escapes of unreserved characters undone, the others in upper case (RFC 3986 §6.2.2)."""

    def rewrite(match: re.Match[str]) -> str:
        character = chr(int(match[1], 16))
        return character if character in _UNRESERVED else match[0].upper()

    return _ESCAPE.sub(rewrite, path)


def _resolved(path: str) -> str:
    """The path as the most lenient server would read it."""
    kept: list[str] = []
    for segment in _SLASHES.split(unquote(path)):
        if segment == "..":
            del kept[-1:]
        elif segment not in {"", "."}:
            kept.append(segment)
    return "/" + "/".join(kept)


def canonical_query(query: str) -> str:
    """The query without `CMCD`, its arguments sorted by name; equal names keep their order."""
    arguments = [argument for argument in query.split("&") if argument]
    named = [(unquote(argument.partition("=")[0]), argument) for argument in arguments]
    kept = sorted((pair for pair in named if pair[0] != CMCD), key=lambda pair: pair[0])
    return "&".join(argument for _, argument in kept)

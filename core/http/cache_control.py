"""Cache directives: Cache-Control (RFC 9111 §5.2) and CDN-Cache-Control (RFC 9213)."""

import re
from collections.abc import Mapping
from typing import Final

from core.http.fields import Headers, combined, natural

Directives = Mapping[str, str | None]

LONGEST_FIELD: Final = 8192
# Our target list (RFC 9213 §2.1): what an origin says to the serving of its own process, which is
# never sent on, and what every edge on the way is told.
TARGETS: Final = ("sluice-origin-cache-control", "cdn-cache-control")
LONGEST_DELTA_S: Final = 2**31  # RFC 9111 §1.2.2: what a larger number is taken for

_NAME_CHARACTERS = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# A quote that is never closed runs to the end, so that no input makes the reading go back.
_MEMBER_TEXT = re.compile(r"(?:[^,\"]|\"(?:[^\"\\]|\\.?)*(?:\"|$))+", re.DOTALL)
_NAME = re.compile(_NAME_CHARACTERS, re.ASCII)
_ARGUMENT = re.compile(
    rf"=(?:\"(?P<quoted>(?:[^\"\\]|\\.)*)\"|(?P<token>{_NAME_CHARACTERS}))", re.ASCII
)
_UNREADABLE: Final = "?"
# A member of a structured dictionary (RFC 9651 §3.2): a key, an item, parameters. Inner lists and
# byte sequences mean nothing in a cache directive, so they are not read.
_STRING = r"\"(?:[ !#-\[\]-~]|\\[\"\\])*\""
_NUMBER = r"-?\d{1,15}(?:\.\d{1,3})?"
_WORD = r"[A-Za-z*][\w!#$%&'*+.^`|~:/-]*"
_ITEM = rf"(?:{_NUMBER}|{_STRING}|{_WORD}|\?[01])"
_KEY = r"[a-z*][a-z0-9_.*-]*"
_PARAMETERS = rf"(?:;[ ]*{_KEY}(?:={_ITEM})?)*"
_MEMBER = re.compile(rf"(?P<key>{_KEY})(?:=(?P<item>{_ITEM}))?{_PARAMETERS}", re.ASCII)
_COMMA = re.compile(r"[ \t]*,[ \t]*")


def parse_cache_control(value: str) -> dict[str, str | None]:
    """Read Cache-Control: names in lower case, None for a directive without an argument.

    Of a directive given twice the first counts (RFC 9111 §4.2.1). What cannot be read is skipped.
    """
    directives: dict[str, str | None] = {}
    for member in _MEMBER_TEXT.findall(value[:LONGEST_FIELD]):
        text = member.strip(" \t")
        if name := _NAME.match(text):
            directives.setdefault(name[0].lower(), _argument(text[name.end() :]))
    return directives


def _argument(text: str) -> str | None:
    """The argument behind a directive's name; None when nothing follows the name."""
    if not text:
        return None
    match = _ARGUMENT.fullmatch(text)
    if match is None:
        return _UNREADABLE
    if match["quoted"] is None:
        return match["token"]
    return re.sub(r"\\(.)", r"\1", match["quoted"])


def parse_targeted(value: str) -> dict[str, str | None] | None:
    """Read a targeted field such as CDN-Cache-Control, a structured dictionary (RFC 9213 §2.1).

    None when it is not one, or empty: the field is then ignored as a whole. Of a key given twice
    the last counts, and `?0` means that the directive is absent.
    """
    text = value.strip(" ")
    if not text or len(text) > LONGEST_FIELD:
        return None
    directives: dict[str, str | None] = {}
    at = 0
    while match := _MEMBER.match(text, at):
        directives.pop(match["key"], None)
        if match["item"] != "?0":
            directives[match["key"]] = None if match["item"] == "?1" else match["item"]
        if match.end() == len(text):
            return directives
        comma = _COMMA.match(text, match.end())
        if comma is None:
            return None
        at = comma.end()
    return None


def response_directives(headers: Headers) -> tuple[Directives, bool]:
    """The directives a response has for us, and whether they came from the targeted field.

    A valid one replaces Cache-Control and Expires altogether (RFC 9213 §2.2).
    """
    for target in TARGETS:
        targeted = combined(headers, target)
        if targeted is not None and (directives := parse_targeted(targeted)):
            return directives, True
    return parse_cache_control(combined(headers, "cache-control") or ""), False


def delta_seconds(directives: Directives, name: str) -> int | None:
    """The seconds that directive `name` gives; None when it is absent.

    An argument that is no number counts as 0: stale is the safe reading (RFC 9111 §4.2.1).
    """
    if name not in directives:
        return None
    return natural(directives[name] or "", LONGEST_DELTA_S) or 0

"""Conditional requests (RFC 9110 §13): preconditions against the validators of a representation."""

import re
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Final

from core.errors import StateFault
from core.http.dates import parse_http_date

LONGEST_FIELD: Final = 8192

_TAG = re.compile(r'[ \t]*(?P<tag>(?:W/)?"[\x21\x23-\x7e\x80-\U0010ffff]*")[ \t]*(?:,|$)')
_GAP = re.compile(r"[ \t]*,")


class FailedPrecondition(StateFault):
    """If-Match or If-Unmodified-Since does not hold for the current representation."""

    status: ClassVar[int] = 412
    code: ClassVar[str] = "precondition.failed"


@dataclass(frozen=True, slots=True)
class Preconditions:
    """The conditional fields of a request, as received; None where the request has none."""

    if_match: str | None = None
    if_unmodified_since: str | None = None
    if_none_match: str | None = None
    if_modified_since: str | None = None


@dataclass(frozen=True, slots=True)
class Validators:
    """What a representation is compared by: its entity tag, quotes kept, and its date.

    The date is weak where the representation may have changed again within that second.
    """

    etag: str | None = None
    last_modified_s: int | None = None
    weak_date: bool = False


class Evaluation(Enum):
    """What the preconditions come to."""

    PROCEED = "proceed"
    NOT_MODIFIED = "not modified"
    FAILED = "failed"


def evaluate(method: str, request: Preconditions, current: Validators) -> Evaluation:
    """Evaluate the preconditions in the order of RFC 9110 §13.2.2.

    If-Range comes afterwards, with the range.
    """
    if not _may_act(request, current):
        return Evaluation.FAILED
    safe = method in {"GET", "HEAD"}
    if request.if_none_match is not None:
        if not _none_match(request.if_none_match, current.etag):
            return Evaluation.NOT_MODIFIED if safe else Evaluation.FAILED
    elif safe and _unmodified(request.if_modified_since, current.last_modified_s):
        return Evaluation.NOT_MODIFIED
    return Evaluation.PROCEED


def _may_act(request: Preconditions, current: Validators) -> bool:
    """Whether If-Match, or without it If-Unmodified-Since, lets the request through."""
    if request.if_match is not None:
        return _match(request.if_match, current.etag)
    if request.if_unmodified_since is None or current.last_modified_s is None:
        return True
    limit_s = parse_http_date(request.if_unmodified_since)
    return limit_s is None or current.last_modified_s <= limit_s


def _match(field: str, etag: str | None) -> bool:
    """If-Match (§13.1.1): strong comparison, so a weak tag never matches."""
    if field.strip(" \t") == "*":
        return True
    return etag is not None and not is_weak(etag) and etag in parse_etags(field)


def _none_match(field: str, etag: str | None) -> bool:
    """If-None-Match (§13.1.2): weak comparison; true when no listed tag is the current one."""
    if field.strip(" \t") == "*":
        return False
    return etag is None or opaque(etag) not in map(opaque, parse_etags(field))


def _unmodified(field: str | None, last_modified_s: int | None) -> bool:
    if field is None or last_modified_s is None:
        return False
    since_s = parse_http_date(field)
    return since_s is not None and last_modified_s <= since_s


def if_range_holds(field: str, current: Validators) -> bool:
    """Whether an If-Range lets the Range field count (§13.1.5): a strong tag or a strong date."""
    value = field.strip(" \t")
    if value.startswith(('"', "W/")):
        return current.etag is not None and not is_weak(value) and value == current.etag
    date_s = parse_http_date(value)
    return date_s is not None and date_s == current.last_modified_s and not current.weak_date


def parse_etags(field: str) -> tuple[str, ...]:
    """The entity tags of a list field, quotes and `W/` kept.

    Reading stops at the first thing that is no tag.
    """
    if len(field) > LONGEST_FIELD:
        return ()
    tags: list[str] = []
    at = 0
    while at < len(field):
        if match := _TAG.match(field, at):
            tags.append(match["tag"])
        elif not (match := _GAP.match(field, at)):
            break
        at = match.end()
    return tuple(tags)


def is_weak(etag: str) -> bool:
    """Whether the tag is a weak validator."""
    return etag.startswith("W/")


def opaque(etag: str) -> str:
    """The tag without its weakness, which weak comparison ignores (§8.8.3.2)."""
    return etag.removeprefix("W/")

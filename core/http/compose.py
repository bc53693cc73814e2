"""The fields of an answer to a client, from a stored or arriving head and the plan for its body."""

from collections.abc import Iterable
from typing import Final

from core.http.cors import MEDIA_CORS
from core.http.fields import Headers, without
from core.http.plan_response import ResponsePlan

# What a 304 repeats of the 200 it stands for (RFC 9110 §15.4.5).
ON_304: Final = frozenset(
    {"cache-control", "content-location", "date", "etag", "expires", "last-modified", "vary"}
)
# What an error of our own keeps of the head: nothing that describes the representation.
ON_ERROR: Final = frozenset({"date", "vary"})


def representation_fields(sent: Headers, plan: ResponsePlan) -> Headers:
    """The head's fields as this plan leaves them, then the plan's own."""
    match plan.status:
        case 304:
            kept = _only(sent, ON_304)
        case 412 | 416:
            kept = _only(sent, ON_ERROR)
        case _:
            kept = sent
    return (*without(kept, (name.lower() for name, _ in plan.headers)), *plan.headers)


def own_fields(
    *, age_s: float | None, cache_status: str | None, request_id: str, media: bool
) -> Headers:
    """The fields that every answer of the edge ends with."""
    fields = [("X-Request-Id", request_id)]
    if age_s is not None:
        fields.append(("Age", str(int(age_s))))
    if cache_status is not None:
        fields.append(("Cache-Status", cache_status))
    return (*fields, *(MEDIA_CORS if media else ()))


def _only(headers: Headers, names: Iterable[str]) -> Headers:
    wanted = frozenset(names)
    return tuple(field for field in headers if field[0].lower() in wanted)

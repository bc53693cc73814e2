"""Problem documents (RFC 9457): the body of every error that Sluice explains."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

from core.errors import Fault

PROBLEM_TYPE: Final = "application/problem+json"


def problem_document(
    fault: Fault,
    *,
    instance: str,
    request_id: str,
    errors: Sequence[Mapping[str, str]] = (),
) -> dict[str, object]:
    """Describe a fault to whoever asked.

    `instance` is the path of the request. `code` is what programs match on; `type` stays
    `about:blank`, which by §4.2.1 makes `title` the phrase of the status. `errors` are `{"pointer",
    "detail"}` pairs, one for each bad field.
    """
    document: dict[str, object] = {
        "type": "about:blank",
        "title": _phrase(fault.status),
        "status": fault.status,
        "detail": fault.message,
        "instance": instance,
        "code": fault.code,
        "request_id": request_id,
    }
    if errors:
        document["errors"] = [dict(error) for error in errors]
    return document


def problem_body(fault: Fault, *, instance: str, request_id: str) -> bytes:
    """The document as the bytes of an `application/problem+json` body."""
    document = problem_document(fault, instance=instance, request_id=request_id)
    return json.dumps(document, ensure_ascii=True).encode("ascii")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"

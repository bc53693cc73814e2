"""Heads of answers as bytes, and the answers that never change (RFC 9112 §4)."""

from http import HTTPStatus
from typing import Final

from core.errors import Fault, InputFault
from core.http.byterange import UnsatisfiableRange
from core.http.cache_status import Handling, write_handling
from core.http.conditional import FailedPrecondition
from core.http.cors import ALLOWED_METHODS, MEDIA_CORS, PREFLIGHT
from core.http.fields import Headers, first
from core.http.media_token import NO_KEYS, KeyRing, MediaKey, TokenRefused, sign, verify
from core.http.problem import PROBLEM_TYPE, problem_body
from core.http.target import MEDIA_PREFIX
from edge.client import SERVER

# What the data plane refuses by itself, in the order in which it names them.
REFUSALS: Final = (
    (400, "request.malformed", "the request is no HTTP that this server accepts"),
    (408, "request.timeout", "the head of the request did not come in time"),
    (413, "request.too_large", "the body of the request is too large"),
    (414, "target.too_long", "the request target is too long"),
    (431, "request.fields_too_large", "the head of the request is too large"),
    (501, "request.not_implemented", "the method or the transfer coding is not known here"),
    (505, "request.version", "only HTTP/1.1 and HTTP/1.0 are spoken here"),
    (503, "server.busy", "the server has no room for another connection"),
)
_INSTANCE: Final = "@instance@"
_REQUEST_ID: Final = "@request-id@"
_LENGTH: Final = 987_654_321_987_654_321
# A playback id, a key's name, and a time long ago, for a token that is to be refused.
_NAME: Final = "s_sentinel"
_ENDED_S: Final = 123_456_789


def status_line(status: int) -> bytes:
    """The status and its phrase, as they follow the version."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f" {status} {phrase}\r\n".encode("ascii")


def field_lines(fields: Headers) -> bytes:
    """Field lines, each with its end."""
    text = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return text.encode("utf-8", "surrogateescape")


def served(fields: Headers) -> Headers:
    """The fields with a Server, ours when there is none."""
    return fields if first(fields, "server") is not None else (*fields, ("Server", SERVER))


def preflight_text() -> bytes:
    """The answer to OPTIONS under `/media/`, but for its Date, its id and its end."""
    return status_line(204) + field_lines(served((("Allow", ALLOWED_METHODS), *PREFLIGHT)))


def refusal_texts() -> list[bytes]:
    """The refusals whole, but for version and Date; any page may read them."""
    return [_refusal_text(*refusal) for refusal in REFUSALS]


def _refusal_text(status: int, code: str, message: str) -> bytes:
    fault = type("Refused", (InputFault,), {"status": status, "code": code})(message)
    body = problem_body(fault, instance="", request_id="")
    fields = (
        ("Content-Type", PROBLEM_TYPE),
        ("Cache-Control", "no-store"),
        ("Content-Length", str(len(body))),
        ("Connection", "close"),
        *MEDIA_CORS,
    )
    return status_line(status) + field_lines(served(fields)) + b"\r\n" + body


def problem_texts() -> list[tuple[bytes | None, ...]]:
    """For 412 and 416: the status, and the document around length, path and request id."""
    refused = FailedPrecondition("the representation is not the one the request names")
    return [_around(refused), _around(UnsatisfiableRange(_LENGTH))]


def token_texts(edge: str) -> list[tuple[bytes, ...]]:
    """For each way to have no good token: status and fields, and the document around three names.

    The faults come from where they are raised, so that there is one place that words them. `edge`
    is the name in Cache-Status.
    """
    keys = KeyRing((MediaKey(_NAME, bytes(32)),))
    ended = sign(_NAME, session_id="x", expires_s=_ENDED_S, keys=keys)
    mac, _, rest = ended.partition(".")
    return [
        _around_name(edge, f"{MEDIA_PREFIX}{_NAME}/x", keys, _NAME),
        _around_name(edge, f"{MEDIA_PREFIX}~{'A' * len(mac)}.{rest}/{_NAME}/x", keys, _NAME),
        _around_name(edge, f"{MEDIA_PREFIX}~{ended}/x/x", NO_KEYS, _NAME),
        _around_name(edge, f"{MEDIA_PREFIX}~{ended}/{_NAME}/x", keys, str(_ENDED_S)),
    ]


def _around_name(edge: str, path: str, keys: KeyRing, name: str) -> tuple[bytes, ...]:
    try:
        verify(path, keys, _ENDED_S)
    except TokenRefused as fault:
        document = problem_body(fault, instance=_INSTANCE, request_id=_REQUEST_ID)
        status = write_handling(edge, Handling(local=True, detail=fault.code))
        fields = (
            ("Content-Type", PROBLEM_TYPE),
            ("Cache-Control", "no-store"),
            ("Cache-Status", status),
            *MEDIA_CORS,
        )
        before, _, after = document.partition(name.encode())
        between, _, after = after.partition(_INSTANCE.encode())
        middle, _, end = after.partition(_REQUEST_ID.encode())
        return status_line(fault.status) + field_lines(served(fields)), before, between, middle, end
    raise AssertionError(f"{path} was let through")


def _around(fault: Fault) -> tuple[bytes | None, ...]:
    document = problem_body(fault, instance=_INSTANCE, request_id=_REQUEST_ID)
    before, _, after = document.partition(_INSTANCE.encode())
    between, _, end = after.partition(_REQUEST_ID.encode())
    start, found, rest = before.partition(str(_LENGTH).encode())
    return status_line(fault.status), start, rest if found else None, between, end

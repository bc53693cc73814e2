"""Faults as answers: the aiohttp door through which every error leaves, as an RFC 9457 problem.

A handler raises; it never builds an error answer. `install_problems` turns what it raised into
`application/problem+json`, gives each request an id, and writes that id on every answer, so that a
person can find the line in the log that belongs to what they saw.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from core.errors import Fault, InputFault, InternalFault
from core.http.problem import PROBLEM_TYPE, problem_document
from runtime.logs import get_logger

REQUEST_ID: Final = web.RequestKey("request_id", str)
_STARTED: Final = web.RequestKey("answer_started", bool)

# What we take over from a caller, so that one id goes through all proxies, and nothing else.
_ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")

log = get_logger(__name__)


class RequestFault(InputFault):
    """A request that is wrong as HTTP or against the API's description.

    `errors` names the places, each as `{"in", "pointer", "detail"}`; `headers` go on the answer.
    """

    code = "request.malformed"

    def __init__(
        self,
        message: str,
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.errors = tuple(errors)
        self.headers = dict(headers or {})


class RouteUnknown(RequestFault):
    """Nothing answers at this path."""

    status = 404
    code = "route.unknown"


class MethodNotAllowed(RequestFault):
    """The path is right, the method is not; the Allow field lists those that are."""

    status = 405
    code = "method.not_allowed"


class BodyTooLarge(RequestFault):
    """The body is longer than this route takes."""

    status = 413
    code = "request.too_large"


class ExpectationFailed(RequestFault):
    """The Expect field asks for something other than 100-continue."""

    status = 417
    code = "request.expectation"


def install_problems(app: web.Application) -> None:
    """Give `app` request ids and problem documents; the first middleware to be installed."""
    app.middlewares.append(_answer_faults)
    app.on_response_prepare.append(_mark_answer)


def request_id(request: web.Request) -> str:
    """The id of this request; the caller's own where it sent a sound one."""
    if REQUEST_ID in request:
        return request[REQUEST_ID]
    offered = request.headers.get("X-Request-Id", "")
    chosen = offered if _ACCEPTABLE_ID.fullmatch(offered) else secrets.token_hex(8)
    request[REQUEST_ID] = chosen
    return chosen


def problem_response(fault: Fault, request: web.Request) -> web.Response:
    """The answer that explains `fault`."""
    errors = fault.errors if isinstance(fault, RequestFault) else ()
    document = problem_document(
        fault, instance=request.rel_url.raw_path, request_id=request_id(request), errors=errors
    )
    headers = {"Content-Type": PROBLEM_TYPE, "Cache-Control": "no-store"}
    if fault.retry_after_s is not None:
        headers["Retry-After"] = str(fault.retry_after_s)
    if isinstance(fault, RequestFault):
        headers |= fault.headers
    return web.Response(status=fault.status, body=msgspec.json.encode(document), headers=headers)


@web.middleware
async def _answer_faults(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as answer:
        fault = _fault_of(answer, request)
        if fault is None:
            raise  # a redirect, or an answer that a handler chose
    except Fault as raised:
        fault = raised
        if fault.status >= 500:
            _report(fault, request)
    except Exception:  # the last door: whatever comes here is a bug, and is logged whole
        log.exception("request.crashed", path=request.path, request_id=request_id(request))
        fault = InternalFault("the server made a mistake; its log has the details")
    if request.get(_STARTED, False):
        # Half an answer is out: the only honest end is a broken connection.
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=fault.status)
    return problem_response(fault, request)


async def _mark_answer(request: web.Request, response: web.StreamResponse) -> None:
    request[_STARTED] = True
    response.headers.setdefault("X-Request-Id", request_id(request))
    response.headers["Server"] = "sluice"  # and not which versions of what it is made of


def _fault_of(answer: web.HTTPException, request: web.Request) -> Fault | None:
    match answer:
        case web.HTTPNotFound():
            return RouteUnknown(f"there is nothing at {request.path!r}")
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(answer.allowed_methods))
            return MethodNotAllowed(
                f"{request.method} is not possible at {request.path!r}; {allowed} is",
                headers={"Allow": allowed},
            )
        case web.HTTPRequestEntityTooLarge():
            return BodyTooLarge("the body is longer than this route takes")
        case web.HTTPExpectationFailed():
            expected = request.headers.get("Expect", "")
            return ExpectationFailed(f"Expect: {expected!r} cannot be met, only 100-continue can")
        case _:
            return None


def _report(fault: Fault, request: web.Request) -> None:
    log.warning(
        "request.failed",
        code=fault.code,
        reason=fault.message,
        cause=repr(fault.__cause__) if fault.__cause__ else None,
        method=request.method,
        path=request.path,
        request_id=request_id(request),
    )

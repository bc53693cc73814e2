"""`@endpoint`: one coroutine of the API, validated, documented and answered by its own types.

The parameters of the coroutine say what it takes: `call`, the variables of the path by their names,
and `query` and `body` as msgspec structs. The request is checked against them before the coroutine
runs; the OpenAPI document is made from the same structs, and from the docstring.
"""

import asyncio
import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, get_type_hints

import msgspec
from aiohttp import web
from multidict import MultiMapping

from core.errors import Fault
from runtime.problems import ExpectationFailed, RouteUnknown, problem_response
from server.faults import (
    InvalidBody,
    InvalidParameter,
    MalformedBody,
    UnsupportedMediaType,
    UploadBroken,
    UploadStalled,
)
from server.services import SERVICES, Services

JSON: Final = "application/json"
BODY_DEADLINE_S: Final = 30.0

_PLACE = re.compile(r"(?P<detail>.*?) - at `\$(?P<path>.*)`", re.DOTALL)
_PATTERN = re.compile(r"Expected `str` matching regex '.*?'(?=$| - at )", re.DOTALL)
_PATH_VARIABLE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Call:
    """What every endpoint is given beside its arguments."""

    request: web.Request
    services: Services


@dataclass(frozen=True, slots=True)
class Reply:
    """What an endpoint answers: a value that becomes JSON, or nothing."""

    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    status: HTTPStatus | None = None  # where it is not the endpoint's usual one


@dataclass(frozen=True, slots=True)
class Answer:
    """What the document says of a successful answer.

    `body` is a type, or None where there is no body; `headers` and `also`, other successful
    statuses, come with their prose.
    """

    body: Any = None
    status: HTTPStatus = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)
    also: Mapping[HTTPStatus, str] = field(default_factory=dict)


Handler = Callable[..., Awaitable[Reply]]
Admission = Callable[[Call], None]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path, with all that the OpenAPI document says about it."""

    method: str
    path: str
    handler: Handler
    tag: str
    answer: Answer
    faults: tuple[type[Fault], ...]
    path_types: Mapping[str, Any]
    query_type: type[msgspec.Struct] | None
    body_types: Mapping[str, Any]
    headers: Mapping[str, str]
    admission: Admission | None

    @property
    def name(self) -> str:
        """The operation's id."""
        return self.handler.__name__

    @property
    def prose(self) -> str:
        """The docstring of the coroutine."""
        return inspect.getdoc(self.handler) or ""

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """Check the request, run the coroutine and encode what it answers."""
        arguments = self._path_arguments(request)
        self.admit(request)
        if self.query_type is not None:
            arguments["query"] = convert_query(request.query, self.query_type)
        else:
            refuse_parameters(request.query)
        if "body" in inspect.signature(self.handler).parameters:
            arguments["body"] = await read_body(request, self.body_types[JSON])
        reply = await self.handler(_call(request), **arguments)
        return encode_reply(reply, self.answer.status)

    def admit(self, request: web.Request) -> None:
        """Raise the fault that the head of the request alone deserves, before its body is sent."""
        if self.body_types:
            check_media_type(request, self.body_types)
            check_content_coding(request)
        if self.admission is not None:
            self.admission(_call(request))

    async def expect(self, request: web.Request) -> web.Response | None:
        """Answer `Expect: 100-continue` (RFC 9110 §10.1.1); stands outside of the middlewares."""
        try:
            if request.headers["Expect"].lower() != "100-continue":
                raise ExpectationFailed("only 100-continue can be expected here")
            self.admit(request)
        except Fault as fault:
            refusal = problem_response(fault, request)
            refusal.force_close()  # the client may send its body or not: nobody can tell
            return refusal
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # what is counted is the answer
        return None

    def _path_arguments(self, request: web.Request) -> dict[str, Any]:
        arguments: dict[str, Any] = {}
        for name, kind in self.path_types.items():
            value = request.match_info[name]
            try:
                arguments[name] = msgspec.convert(value, kind)
            except msgspec.ValidationError as error:
                raise RouteUnknown(f"{value!r} is no {name}") from error
        return arguments


def endpoint(
    method: str,
    path: str,
    *,
    tag: str,
    answer: Answer,
    faults: tuple[type[Fault], ...] = (),
    reads: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    admission: Admission | None = None,
) -> Callable[[Handler], Endpoint]:
    """Make an `Endpoint` of a coroutine.

    `faults` are those that are particular to this endpoint; `reads` are body types by media type,
    for a coroutine that reads the request itself; `headers` are request fields with their prose;
    `admission` may refuse a request before its body is read.
    """

    def decorate(handler: Handler) -> Endpoint:
        hints = get_type_hints(handler, include_extras=True)
        body_types = dict(reads or {})
        if "body" in hints:
            body_types[JSON] = hints["body"]
        return Endpoint(
            method=method,
            path=path,
            handler=handler,
            tag=tag,
            answer=answer,
            faults=faults,
            path_types={name: hints[name] for name in _PATH_VARIABLE.findall(path)},
            query_type=hints.get("query"),
            body_types=body_types,
            headers=dict(headers or {}),
            admission=admission,
        )

    return decorate


def _call(request: web.Request) -> Call:
    return Call(request, request.app[SERVICES])


def convert_query(query: MultiMapping[str], kind: type[msgspec.Struct]) -> msgspec.Struct:
    """The query parameters as a struct. Raises `InvalidParameter` naming the one that is wrong."""
    known = {each.encode_name for each in msgspec.structs.fields(kind)}
    values: dict[str, str] = {}
    for name, value in query.items():
        if name not in known:
            raise _bad_parameter(name, f"it is none of {', '.join(sorted(known))}")
        if name in values:
            raise _bad_parameter(name, "it is given twice")
        values[name] = value
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        pointer, detail = explain(error)
        raise _bad_parameter(pointer.removeprefix("/"), detail) from error


def refuse_parameters(query: MultiMapping[str]) -> None:
    """Raise `InvalidParameter` if there is any, for an endpoint that takes none."""
    for name in query:
        raise _bad_parameter(name, "this call takes no query parameters")


def _bad_parameter(name: str, detail: str) -> InvalidParameter:
    return InvalidParameter(
        f"query parameter {name!r}: {detail}",
        errors=[{"in": "query", "pointer": f"/{name}", "detail": detail}],
    )


def check_media_type(request: web.Request, readable: Mapping[str, Any]) -> None:
    """Raise `UnsupportedMediaType` unless the body is of a type in `readable`."""
    given = request.headers.get("Content-Type")
    if given is not None and request.content_type in readable:
        return
    wanted = " or ".join(readable)
    said = f"Content-Type {given!r} cannot be read here" if given else "Content-Type is missing"
    raise UnsupportedMediaType(f"{said}; send {wanted}", headers={"Accept": ", ".join(readable)})


def check_content_coding(request: web.Request) -> None:
    """Raise `UnsupportedMediaType` where the body is compressed (RFC 9110 §12.5.3, §15.5.16)."""
    coding = request.headers.get("Content-Encoding", "")
    if coding.strip().lower() not in {"", "identity"}:
        raise UnsupportedMediaType(
            f"Content-Encoding {coding!r} cannot be read here; send the body as it is",
            headers={"Accept-Encoding": "identity"},
        )


async def read_body(request: web.Request, kind: Any) -> Any:
    """The JSON body as `kind`.

    Raises `MalformedBody` where it is no JSON, `InvalidBody` where it is not what it should be,
    `UploadStalled` and `UploadBroken` where it does not come whole.
    """
    try:
        async with asyncio.timeout(BODY_DEADLINE_S):
            raw = await request.read()
    except TimeoutError as error:
        raise UploadStalled(f"the body did not arrive within {BODY_DEADLINE_S:g} s") from error
    except (web.RequestPayloadError, ConnectionError) as error:
        raise UploadBroken(f"the body did not come whole: {error}") from error
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        pointer, detail = explain(error)
        raise InvalidBody(
            f"{pointer or 'the body'}: {detail}",
            errors=[{"in": "body", "pointer": pointer, "detail": detail}],
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedBody(f"the body is not JSON: {error}") from error


def explain(error: msgspec.ValidationError) -> tuple[str, str]:
    """What msgspec objects to: a JSON pointer (RFC 6901) to the value, and the objection.

    >>> explain(msgspec.ValidationError("Expected `int` >= 0 - at `$[3].position_ms`"))
    ('/3/position_ms', 'Expected `int` >= 0')
    """
    message = _PATTERN.sub("it has characters that are not allowed here", str(error))
    found = _PLACE.fullmatch(message)
    if found is None:
        return "", message
    named = found["path"].partition("[...]")[
        0
    ]  # inside of an object with any keys, nobody says which
    pointer = re.sub(r"\[(\d+)\]", r"/\1", named).replace(".", "/")
    return pointer, found["detail"]


def encode_reply(reply: Reply, usual: HTTPStatus) -> web.Response:
    """The answer on the wire; never stored by a cache unless the endpoint says otherwise."""
    headers = {"Cache-Control": "private, no-cache"} | dict(reply.headers)
    status = reply.status or usual
    if reply.body is None:
        return web.Response(status=status, headers=headers)
    headers.setdefault("Content-Type", JSON)
    body = reply.body if isinstance(reply.body, bytes) else msgspec.json.encode(reply.body)
    return web.Response(status=status, body=body, headers=headers)

"""Carries out a response plan: conditions, ranges and HEAD are decided in core, bytes move here."""

import asyncio
from typing import Final

from aiohttp import web

from core.http.byterange import ByteSpan
from core.http.cors import MEDIA_CORS
from core.http.plan_response import RepresentationFacts, RequestFacts, ResponsePlan, plan_response
from origin.delivery.reading import FileReader
from origin.delivery.representation import Representation
from runtime.problems import problem_response

WRITE_DEADLINE_S: Final = 30.0


class Responder:
    """Answers requests for representations."""

    def __init__(self, reader: FileReader) -> None:
        self._reader = reader

    async def answer(
        self, request: web.Request, representation: Representation
    ) -> web.StreamResponse:
        """Answer a GET or HEAD of `representation` as its conditions and ranges ask."""
        plan = plan_response(_request_facts(request), _facts(representation))
        fields = (
            *plan.headers,
            ("Cache-Control", representation.cache.value),
            ("Surrogate-Key", " ".join(representation.surrogate_keys)),
        )
        if plan.fault is not None:
            refusal = problem_response(plan.fault, request)
            refusal.headers.update(plan.headers)
            return refusal
        response = web.StreamResponse(status=plan.status)
        response.headers.extend(fields)
        if plan.content_length is not None:
            response.content_length = plan.content_length
        await response.prepare(request)
        await self._send(request, response, plan, representation)
        return response

    async def _send(
        self,
        request: web.Request,
        response: web.StreamResponse,
        plan: ResponsePlan,
        representation: Representation,
    ) -> None:
        try:
            for piece in plan.pieces():
                if isinstance(piece, ByteSpan):
                    await self._send_span(response, representation, piece)
                else:
                    await _write(response, piece)
            async with asyncio.timeout(WRITE_DEADLINE_S):
                await response.write_eof()
        except (ConnectionError, TimeoutError):
            # The client went away, or has not read for a long time: nobody is left to tell.
            if request.transport is not None:
                request.transport.abort()

    async def _send_span(
        self, response: web.StreamResponse, representation: Representation, span: ByteSpan
    ) -> None:
        head, part = representation.cut(span)
        if part is None:
            await _write(response, head)
            return
        async for chunk in self._reader.read(part):
            # The generated head and the first bytes of the file leave in one packet.
            await _write(response, head + chunk if head else chunk)
            head = b""


def media_fields(response: web.StreamResponse) -> None:
    """Put on `response` what stands on every answer under `/media/`, errors included."""
    for name, value in MEDIA_CORS:
        response.headers.setdefault(name, value)


async def _write(response: web.StreamResponse, data: bytes | memoryview) -> None:
    async with asyncio.timeout(WRITE_DEADLINE_S):
        await response.write(data)


def _request_facts(request: web.Request) -> RequestFacts:
    field = request.headers.get
    return RequestFacts(
        method=request.method,
        range=field("Range"),
        if_range=field("If-Range"),
        if_match=field("If-Match"),
        if_none_match=field("If-None-Match"),
        if_modified_since=field("If-Modified-Since"),
        if_unmodified_since=field("If-Unmodified-Since"),
    )


def _facts(representation: Representation) -> RepresentationFacts:
    return RepresentationFacts(
        length=representation.length,
        etag=representation.etag,
        content_type=representation.content_type,
    )

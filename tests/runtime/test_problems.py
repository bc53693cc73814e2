"""Faults as answers, on an application of the test's own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from core.errors import InputFault, UpstreamFault
from runtime.listen import HostPort, bind, local_address
from runtime.problems import RequestFault, install_problems
from tests.fixtures.server import Answered


class Teapot(InputFault):
    """It is a teapot."""

    status = 418
    code = "kitchen.teapot"


class Busy(UpstreamFault):
    """Come back later."""

    status = 503
    code = "kitchen.busy"
    retry_after_s = 7


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    app = web.Application(client_max_size=100)
    install_problems(app)
    app.router.add_route("GET", "/", handler)
    app.router.add_route("POST", "/", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    listener = bind(HostPort("127.0.0.1", 0))
    await web.SockSite(runner, listener).start()
    try:
        yield local_address(listener).url()
    finally:
        await runner.cleanup()


def raising(error: BaseException) -> Handler:
    async def handle(_request: web.Request) -> web.StreamResponse:
        raise error

    return handle


async def ask(handler: Handler, method: str = "GET", **how: Any) -> Answered:
    """What an application with this one handler answers."""
    async with (
        serving(handler) as url,
        aiohttp.ClientSession() as client,
        client.request(method, url, allow_redirects=False, **how) as answer,
    ):
        return Answered(answer.status, answer.headers, await answer.read())


async def test_a_fault_becomes_a_problem_document() -> None:
    answer = await ask(raising(Teapot("short and stout")))
    assert answer.status == 418
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json == {
        "type": "about:blank",
        "title": "I'm a Teapot",
        "status": 418,
        "detail": "short and stout",
        "instance": "/",
        "code": "kitchen.teapot",
        "request_id": answer.headers["X-Request-Id"],
    }


async def test_a_fault_that_passes_says_when() -> None:
    answer = await ask(raising(Busy("no hands")))
    assert (answer.status, answer.headers["Retry-After"]) == (503, "7")


async def test_a_request_fault_points_at_the_places_and_adds_its_headers() -> None:
    places = [{"in": "body", "pointer": "/a", "detail": "wrong"}]
    answer = await ask(raising(RequestFault("wrong", errors=places, headers={"X-Why": "so"})))
    assert answer.json["errors"] == places
    assert answer.headers["X-Why"] == "so"


async def test_a_bug_is_not_shown_to_the_client(capsys: pytest.CaptureFixture[str]) -> None:
    answer = await ask(raising(ZeroDivisionError("secret")))
    assert (answer.status, answer.code) == (500, "internal")
    assert b"secret" not in answer.body
    captured = capsys.readouterr()
    assert "ZeroDivisionError" in captured.out + captured.err


async def test_a_redirect_passes() -> None:
    answer = await ask(raising(web.HTTPFound("/there")))
    assert (answer.status, answer.headers["Location"]) == (302, "/there")


async def test_a_body_beyond_the_applications_limit_is_a_problem() -> None:
    async def read(request: web.Request) -> web.StreamResponse:
        return web.Response(body=await request.read())

    answer = await ask(read, "POST", data=b"x" * 200)
    assert (answer.status, answer.code) == (413, "request.too_large")


async def test_an_expectation_that_cannot_be_met_is_refused() -> None:
    async def fine(_request: web.Request) -> web.StreamResponse:
        return web.Response()

    assert (await ask(fine, headers={"Expect": "miracles"})).status == 417


async def test_a_fault_in_the_middle_of_an_answer_breaks_the_connection() -> None:
    async def half(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"half")
        raise Teapot("too late")

    with pytest.raises(aiohttp.ClientError):
        async with asyncio.timeout(30):
            await ask(half)


@pytest.mark.parametrize("sent", ["a-sound-id_1.2", "x" * 64])
async def test_a_streamed_answer_carries_the_id_too(sent: str) -> None:
    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write_eof()
        return response

    answer = await ask(stream, headers={"X-Request-Id": sent})
    assert answer.headers["X-Request-Id"] == sent

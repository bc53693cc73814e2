import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from core.errors import UpstreamFault
from runtime.health import Health


async def well() -> None:
    return


async def away() -> None:
    raise UpstreamFault("Postgres is away")


async def refused() -> None:
    raise ConnectionRefusedError(111, "Connection refused")


async def never() -> None:
    await asyncio.Event().wait()


async def ask(path: str, checks: dict[str, Callable[[], Awaitable[None]]]) -> tuple[int, Any]:
    app = web.Application()
    app.router.add_routes(Health("server", checks, deadline_s=0.5).routes())
    async with TestClient(TestServer(app)) as client:
        response = await client.get(path)
        return response.status, await response.json()


async def test_a_process_that_runs_is_healthy_whatever_it_needs() -> None:
    status, body = await ask("/healthz", {"postgres": away})
    assert status == 200
    assert body["status"] == "ok"
    assert body["process"] == "server"
    assert body["native"]


async def test_a_process_that_has_all_it_needs_is_ready() -> None:
    status, body = await ask("/readyz", {"postgres": well, "storage": well})
    assert (status, body["status"]) == (200, "ready")
    assert body["checks"] == {"postgres": "ok", "storage": "ok"}


@pytest.mark.parametrize(
    ("check", "problem"),
    [
        (away, "Postgres is away"),
        (refused, "[Errno 111] Connection refused"),
        (never, "no answer within 0.5 s"),
    ],
)
async def test_a_check_that_fails_is_named_with_its_problem(
    check: Callable[[], Awaitable[None]], problem: str
) -> None:
    status, body = await ask("/readyz", {"postgres": check, "storage": well})
    assert status == 503
    assert body["checks"] == {"postgres": problem, "storage": "ok"}


@pytest.mark.parametrize(("note", "shown"), [(None, "ok"), ("Redis is away", "Redis is away")])
async def test_a_note_is_shown_and_changes_nothing(note: str | None, shown: str) -> None:
    app = web.Application()
    app.router.add_routes(
        Health("edge", {"upstream": well}, notes={"redis": lambda: note}).routes()
    )
    async with TestClient(TestServer(app)) as client:
        response = await client.get("/readyz")
        assert response.status == 200
        assert (await response.json())["checks"] == {"upstream": "ok", "redis": shown}

"""What a viewer sees of an upstream that fails, lies or stalls."""

import asyncio
import json
import socket

import pytest

from tests.fixtures.edge import RunningEdge, StartEdge
from tests.fixtures.upstream import CHUNKED, UNFRAMED, Break, Reply, ScriptedUpstream

FILM = "/media/p_1/v/720p/abc/0.m4s"
FRESH = {"Cache-Control": "max-age=60"}
BODY = bytes(range(250)) * 40


async def test_an_upstream_that_is_not_there_is_a_502_any_page_may_read(
    start_edge: StartEdge,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
        taken.close()
        async with start_edge(nobody) as edge:
            answer = await edge.get(FILM)
    assert answer.status == 502
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer["Timing-Allow-Origin"] == "*"
    assert answer["Cache-Control"] == "no-store"
    problem = json.loads(answer.body)
    assert problem["code"] == "upstream.unreachable"
    assert problem["instance"] == FILM
    assert problem["request_id"] == answer["X-Request-Id"]


async def test_an_upstream_that_does_not_answer_in_time_is_a_504(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    never = asyncio.Event()
    upstream.on(FILM, Reply(200, FRESH, BODY, before=never))
    async with start_edge(upstream.url, first_byte_timeout_s=0.1) as edge:
        answer = await edge.get(FILM)
        never.set()
    assert answer.status == 504
    assert json.loads(answer.body)["code"] == "upstream.timeout"


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 banana\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"HTTP/1.1 200 OK\r\nbroken header\r\n\r\n",
    ],
)
async def test_an_answer_that_is_no_http_is_a_502(
    edge: RunningEdge, upstream: ScriptedUpstream, raw: bytes
) -> None:
    upstream.on(FILM, Reply(raw=raw))
    assert (await edge.get(FILM)).status == 502


@pytest.mark.parametrize("how", [Break.CLOSE, Break.RESET])
@pytest.mark.parametrize("length", [len(BODY), CHUNKED], ids=["length", "chunked"])
async def test_a_body_cut_short_ends_without_a_clean_end_and_is_not_stored(
    edge: RunningEdge, upstream: ScriptedUpstream, how: Break, length: int
) -> None:
    upstream.on(FILM, Reply(200, FRESH, [BODY[:4000], how], length))
    cut = await edge.get(FILM)
    assert not cut.whole
    assert BODY.startswith(cut.body)
    assert await edge.metric("sluice_edge_stored_objects") == 0
    upstream.on(FILM, Reply(200, FRESH, BODY))
    assert (await edge.get(FILM)).body == BODY


async def test_a_body_that_stalls_ends_without_a_clean_end(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    never = asyncio.Event()
    upstream.on(FILM, Reply(200, FRESH, [BODY[:4000], never], len(BODY)))
    async with start_edge(upstream.url, stall_timeout_s=0.5) as edge:
        cut = await edge.get(FILM)
        assert (cut.whole, cut.body) == (False, BODY[:4000])
        assert await edge.metric("sluice_edge_stored_objects") == 0
        never.set()


async def test_all_waiters_of_a_body_cut_short_learn_of_it(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    fail = asyncio.Event()
    upstream.on(FILM, Reply(200, FRESH, [BODY[:4000], fail, Break.CLOSE], len(BODY)))
    everyone = [asyncio.create_task(edge.get(FILM)) for _ in range(10)]
    await edge.until_metric("sluice_edge_active_requests", 10)
    fail.set()
    answers = [await task for task in everyone]
    assert not any(answer.whole for answer in answers)
    assert upstream.count(FILM) == 1


async def test_an_upstream_that_claims_less_than_it_sends_never_gives_more(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, BODY, length=4000))
    answer = await edge.get(FILM)
    assert answer.status == 502 or answer.body == BODY[:4000]
    assert await edge.metric("sluice_edge_stored_bytes") < len(BODY)


async def test_an_unmarked_end_passes_to_the_client_as_it_came(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, BODY, UNFRAMED))
    assert (await edge.get(FILM)).body == BODY


async def test_a_range_is_cut_short_like_the_whole(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, [BODY[:4000], Break.CLOSE], len(BODY)))
    cut = await edge.get(FILM, {"Range": "bytes=3000-4999"})
    assert not cut.whole
    assert BODY[3000:5000].startswith(cut.body)


async def test_errors_of_the_upstream_pass_through_with_cors(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(503, {"Retry-After": "7"}, b"busy"))
    answer = await edge.get(FILM)
    assert (answer.status, answer.body, answer["Retry-After"]) == (503, b"busy", "7")
    assert answer["Access-Control-Allow-Origin"] == "*"


async def test_the_edge_works_again_when_the_upstream_does(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(break_before=Break.RESET))
    assert (await edge.get(FILM)).status == 502
    upstream.on(FILM, Reply(200, FRESH, BODY))
    assert (await edge.get(FILM)).body == BODY


async def test_a_client_that_takes_nothing_is_dropped(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, bytes(32 * 2**20)))
    async with start_edge(upstream.url, client_timeout_s=0.3) as edge, edge.connect() as client:
        await client.send(FILM)
        await edge.until_metric("sluice_edge_requests_total", 1, result="aborted")

"""The way to the upstream, byte for byte: what it may send, and how it may fail."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.fixtures.certificates import issue
from tests.fixtures.edge import StartEdge
from tests.fixtures.raw_upstream import raw_upstream
from tests.fixtures.upstream import Break, Step

PAGE = "/page"
FRESH = b"Cache-Control: max-age=60\r\n"
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n" + FRESH + b"\r\nhello"
STALE_FIELDS = b'Cache-Control: max-age=1, stale-if-error=600\r\nAge: 5\r\nETag: "1"\r\n'
STALE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n" + STALE_FIELDS + b"\r\nhello"


def uncached(body: bytes) -> bytes:
    length = str(len(body)).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: " + length + b"\r\n\r\n" + body


# A kept connection


async def test_a_connection_that_was_closed_while_it_was_kept_is_not_used_again(
    start_edge: StartEdge,
) -> None:
    closed = asyncio.Event()
    async with raw_upstream([uncached(b"one"), closed, Break.CLOSE], [HELLO]) as upstream:
        async with start_edge(upstream.url) as edge:
            assert (await edge.get("/one")).body == b"one"
            closed.set()
            assert (await edge.get(PAGE)).body == b"hello"
        assert upstream.connections == 2


@pytest.mark.parametrize("how", [Break.CLOSE, Break.RESET])
async def test_a_request_that_met_the_close_of_a_kept_connection_is_sent_again(
    start_edge: StartEdge, how: Break
) -> None:
    async with raw_upstream([uncached(b"one")], [how], [HELLO]) as upstream:
        async with start_edge(upstream.url) as edge:
            await edge.get("/one")
            assert (await edge.get(PAGE)).body == b"hello"
            assert await edge.metric("sluice_edge_upstream_retries_total") == 1
        assert upstream.connections == 2


async def test_it_is_sent_again_once(start_edge: StartEdge) -> None:
    async with raw_upstream([Break.CLOSE]) as upstream:
        async with start_edge(upstream.url) as edge:
            assert (await edge.get(PAGE)).status == 502
        assert len(upstream.heads) == 2


async def test_nothing_is_sent_again_once_the_answer_has_begun(start_edge: StartEdge) -> None:
    async with raw_upstream([b"HTTP/1.1 2", Break.CLOSE]) as upstream:
        async with start_edge(upstream.url) as edge:
            assert (await edge.get(PAGE)).status == 502
        assert len(upstream.heads) == 1


async def test_what_may_not_be_sent_twice_goes_by_a_connection_of_its_own(
    start_edge: StartEdge,
) -> None:
    async with raw_upstream([uncached(b"one")], [Break.CLOSE]) as upstream:
        async with start_edge(upstream.url) as edge:
            await edge.get("/one")
            assert (await edge.get(PAGE, method="POST")).status == 502
        assert (upstream.connections, len(upstream.heads)) == (2, 2)


@pytest.mark.parametrize(
    "first",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\none",
        b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\none",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nKeep-Alive: timeout=1\r\n\r\none",
    ],
)
async def test_a_connection_is_kept_no_longer_than_the_upstream_says(
    start_edge: StartEdge, first: bytes
) -> None:
    async with raw_upstream([first], [HELLO]) as upstream:
        async with start_edge(upstream.url) as edge:
            await edge.get("/one")
            assert (await edge.get(PAGE)).body == b"hello"
        assert upstream.connections == 2


# What is no answer


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nA: " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 300 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * 30,
        b"\x00\x01\x02\x03\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: \x00\r\n\r\n",
    ],
)
async def test_what_is_no_answer_is_a_502_and_costs_the_connection(
    start_edge: StartEdge, raw: bytes
) -> None:
    async with raw_upstream([raw], [HELLO]) as upstream:
        async with start_edge(upstream.url) as edge:
            refused = await edge.get(PAGE)
            assert refused.status == 502
            assert json.loads(refused.body)["code"] == "upstream.malformed"
            assert (await edge.get(PAGE)).body == b"hello"
        assert upstream.connections == 2


async def test_interim_answers_are_passed_over(start_edge: StartEdge) -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    async with raw_upstream([interim + HELLO]) as upstream, start_edge(upstream.url) as edge:
        answer = await edge.get(PAGE)
        assert (answer.status, answer.body) == (200, b"hello")


async def test_an_answer_that_comes_byte_by_byte_is_the_same(start_edge: StartEdge) -> None:
    coded = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
    script = [coded[at : at + 1] for at in range(len(coded))]
    async with raw_upstream(script) as upstream, start_edge(upstream.url) as edge:
        assert (await edge.get(PAGE)).body == b"hello"


async def test_more_bytes_than_were_announced_reach_nobody(start_edge: StartEdge) -> None:
    more = HELLO + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    async with raw_upstream([more], [uncached(b"good")]) as upstream:
        async with start_edge(upstream.url) as edge:
            assert (await edge.get(PAGE)).body == b"hello"
            assert (await edge.get("/other")).body == b"good"
        assert upstream.connections == 2


@pytest.mark.parametrize(
    "coded",
    [b"5\r\nhello\r\nx\r\n", b"5\r\nhello!\r\n0\r\n\r\n", b"5\nhello\n0\n\n"],
)
async def test_chunks_that_are_none_end_the_answer_without_a_clean_end(
    start_edge: StartEdge, coded: bytes
) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + FRESH + b"\r\n"
    async with raw_upstream([head + coded]) as upstream, start_edge(upstream.url) as edge:
        answer = await edge.get(PAGE)
        assert answer.status == 502 or not answer.whole
        assert await edge.metric("sluice_edge_stored_objects") == 0


# Stalls

STALLS: list[list[Step]] = [[], [b"HTTP/1.1 200 OK\r\nContent-"]]


@pytest.mark.parametrize("begun", STALLS, ids=["nothing", "half a head"])
async def test_a_head_that_does_not_come_in_time_is_a_504(
    start_edge: StartEdge, begun: list[Step]
) -> None:
    async with (
        raw_upstream([*begun, asyncio.Event()]) as upstream,
        start_edge(upstream.url, first_byte_timeout_s=0.1) as edge,
    ):
        answer = await edge.get(PAGE)
    assert answer.status == 504
    assert json.loads(answer.body)["code"] == "upstream.timeout"


async def test_the_time_for_the_head_begins_when_the_body_was_sent(start_edge: StartEdge) -> None:
    async with (
        raw_upstream([uncached(b"took it")]) as upstream,
        start_edge(upstream.url, first_byte_timeout_s=1) as edge,
        edge.connect() as client,
    ):
        client.writer.write(b"PUT /page HTTP/1.1\r\nHost: e\r\nContent-Length: 4\r\n\r\n")
        for byte in (b"f", b"i", b"l", b"m"):
            await asyncio.sleep(0.3)
            client.writer.write(byte)
        answer = await client.body(await client.head())
    assert (answer.status, answer.body) == (200, b"took it")


async def test_an_answer_may_come_before_all_of_the_request_was_read(start_edge: StartEdge) -> None:
    refusal = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig"
    async with (
        raw_upstream([refusal, asyncio.Event()]) as upstream,
        start_edge(upstream.url) as edge,
        edge.connect() as client,
    ):
        client.writer.write(b"PUT /page HTTP/1.1\r\nHost: e\r\nContent-Length: 9999\r\n\r\nfilm")
        answer = await client.body(await client.head())
    assert (answer.status, answer.body) == (413, b"big")


async def test_an_upstream_with_all_its_connections_busy_is_a_503(start_edge: StartEdge) -> None:
    never = asyncio.Event()
    async with raw_upstream([never]) as upstream:
        settings = {"max_upstream_connections": 1, "connect_timeout_s": 0.1}
        async with start_edge(upstream.url, **settings) as edge:
            waiting = asyncio.create_task(edge.get("/slow"))
            await edge.until_metric("sluice_edge_fetches_in_flight", 1)
            answer = await edge.get(PAGE)
            waiting.cancel()
    assert (answer.status, answer["Retry-After"]) == (503, "1")
    assert json.loads(answer.body)["code"] == "upstream.busy"


# The breaker


async def test_an_upstream_that_keeps_failing_is_left_alone_and_tried_again(
    start_edge: StartEdge,
) -> None:
    bad = [Break.CLOSE]
    async with (
        raw_upstream(bad, bad, bad, bad, [HELLO]) as upstream,
        start_edge(upstream.url, breaker_failures=2, breaker_open_s=1.5) as edge,
    ):
        assert [(await edge.get(f"/{each}")).status for each in range(2)] == [502, 502]
        resting = await edge.get(PAGE)
        assert (resting.status, resting["Retry-After"]) in {(503, "1"), (503, "2")}
        assert json.loads(resting.body)["code"] == "upstream.resting"
        assert len(upstream.heads) == 4, "two requests, each sent twice"
        assert await edge.metric("sluice_edge_upstream_circuit_open") == 1
        await asyncio.sleep(1.6)
        assert (await edge.get(PAGE)).body == b"hello"
        assert await edge.metric("sluice_edge_upstream_circuit_open") == 0
        for state in ("open", "half-open", "closed"):
            changes = "sluice_edge_upstream_circuit_changes_total"
            assert await edge.metric(changes, state=state) == 1


async def test_while_it_is_left_alone_stale_responses_stand_in(start_edge: StartEdge) -> None:
    async with raw_upstream([STALE], [Break.CLOSE]) as upstream:
        async with start_edge(upstream.url, breaker_failures=1, breaker_open_s=60) as edge:
            await edge.get(PAGE)
            await edge.get("/other")
            covered = await edge.get(PAGE)
            assert (covered.status, covered.body) == (200, b"hello")
            assert "detail=stale-if-error" in covered["Cache-Status"]
        assert len(upstream.heads) == 3


async def test_errors_that_the_upstream_answers_leave_the_breaker_closed(
    start_edge: StartEdge,
) -> None:
    busy = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy"
    async with (
        raw_upstream([busy]) as upstream,
        start_edge(upstream.url, breaker_failures=1) as edge,
    ):
        assert [(await edge.get(PAGE)).body for _ in range(3)] == [b"busy"] * 3


# TLS


def https(port: int, host: str = "127.0.0.1") -> str:
    return f"https://{host}:{port}"


async def test_an_upstream_may_speak_tls(start_edge: StartEdge, tmp_path: Path) -> None:
    issued = issue(tmp_path, "127.0.0.1")
    async with raw_upstream([HELLO], tls=issued.server) as upstream:
        trusted = str(issued.authority_file)
        async with start_edge(https(upstream.port), upstream_ca_file=trusted) as edge:
            assert (await edge.get(PAGE)).body == b"hello"
            assert (await edge.admin("/readyz")).status == 200


async def test_a_certificate_of_nobody_known_is_refused(
    start_edge: StartEdge, tmp_path: Path
) -> None:
    issued = issue(tmp_path, "127.0.0.1")
    async with raw_upstream([HELLO], tls=issued.server) as upstream:
        async with start_edge(https(upstream.port)) as edge:
            refused = await edge.get(PAGE)
            assert refused.status == 502
            assert "certificate" in json.loads(refused.body)["detail"]
        assert not upstream.heads


async def test_a_certificate_for_another_name_is_refused(
    start_edge: StartEdge, tmp_path: Path
) -> None:
    issued = issue(tmp_path, "other.example")
    async with raw_upstream([HELLO], tls=issued.server) as upstream:
        trusted = str(issued.authority_file)
        async with start_edge(https(upstream.port), upstream_ca_file=trusted) as edge:
            assert (await edge.get(PAGE)).status == 502
        assert not upstream.heads


async def test_an_upstream_that_speaks_no_tls_is_a_502(start_edge: StartEdge) -> None:
    def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ready\r\n")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server, start_edge(https(server.sockets[0].getsockname()[1])) as edge:
        refused = await edge.get(PAGE)
    assert refused.status == 502
    assert "TLS" in json.loads(refused.body)["detail"]

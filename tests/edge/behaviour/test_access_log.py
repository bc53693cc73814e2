"""The access log: one line for each answer, whatever the edge is made of, and nobody waits for it.

That every other test of this folder leaves as many lines as requests is checked where edges are
started, in `conftest.py`.
"""

import asyncio
import json
import os
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from core.http.media_token import KeyRing, MediaKey, sign
from tests.fixtures.edge import RunningEdge, StartEdge
from tests.fixtures.upstream import CHUNKED, Break, Reply, ScriptedUpstream

FILM = "/media/p_1/0.m4s"
FRESH = {"Cache-Control": "max-age=60", "ETag": '"v1"'}
LARGE = bytes(8 << 20)
RING = KeyRing((MediaKey("k1", bytes(32)),))


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def until(path: Path, count: int) -> list[dict[str, Any]]:
    """The lines, once there are so many; in the order in which the requests came."""
    async with asyncio.timeout(60):
        while path.read_bytes().count(b"\n") < count:  # noqa: ASYNC110 - a file tells nobody
            await asyncio.sleep(0.01)
    lines = read(path)
    assert len(lines) == count
    return sorted(lines, key=lambda line: line["time"])


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "access.log"


async def test_each_kind_of_answer_has_its_line(
    start_edge: StartEdge, upstream: ScriptedUpstream, log: Path
) -> None:
    upstream.on(FILM, Reply(200, FRESH, bytes(1000)))
    upstream.on("/media/p_1/chunked", Reply(200, {"Cache-Control": "no-store"}, b"abc", CHUNKED))
    upstream.on("/form", Reply(201, {}, b"made"))
    token = sign("s_1", session_id="x", expires_s=4_000_000_000, keys=RING)
    signed = f"/media/~{token}/s_1/0.m4s"
    asked: list[tuple[str, str, dict[str, str], int, str, str]] = [
        ("GET", FILM, {}, 200, "miss", FILM),
        ("GET", FILM, {"User-Agent": 'p"1'}, 200, "hit", FILM),
        ("HEAD", FILM, {}, 200, "hit", FILM),
        ("GET", FILM, {"Range": "bytes=0-9"}, 206, "hit", FILM),
        ("GET", FILM, {"Range": "bytes=0-9,20-29"}, 206, "hit", FILM),
        ("GET", FILM, {"Range": "bytes=5000-"}, 416, "hit", FILM),
        ("GET", FILM, {"If-None-Match": '"v1"'}, 304, "hit", FILM),
        ("GET", FILM, {"If-Match": '"v2"'}, 412, "hit", FILM),
        ("GET", "/media/p_1/none", {}, 404, "pass", "/media/p_1/none"),
        ("GET", "/media/p_1/chunked", {}, 200, "pass", "/media/p_1/chunked"),
        ("POST", "/form?a=b", {}, 404, "pass", "/form?a=b"),
        ("POST", "/form", {"Referer": "http://a/"}, 201, "pass", "/form"),
        ("OPTIONS", FILM, {}, 204, "local", FILM),
        ("DELETE", FILM, {}, 405, "local", FILM),
        ("GET", "/media/s_1/0.m4s", {}, 403, "local", "/media/s_1/0.m4s"),
        ("GET", signed, {}, 404, "pass", "/media/~***/s_1/0.m4s"),
        ("GET", signed[:-5].replace("~", "%7E"), {}, 404, "pass", "/media/~***/s_1/"),
        ("GET", "/media/p_1/x?" + "y" * 600, {}, 404, "pass", f"/media/p_1/x?{'y' * 499}…"),
    ]
    async with start_edge(upstream.url, log=log, media_keys=RING) as edge:
        for number, (method, target, fields, status, result, path) in enumerate(asked, 1):
            answer = await edge.get(target, fields, method=method)
            line = (await until(log, number))[-1]
            assert answer.status == status
            found = [line[name] for name in ("method", "path", "status", "result")]
            assert found == [method, path, status, result]
            assert line["client"] == "127.0.0.1"
            assert line["request_id"] == answer["X-Request-Id"]
            assert line["aborted_bytes"] == 0
            assert line["sent_bytes"] > len(answer.body)
            assert line["reused"] is False
            assert line.get("range") == fields.get("Range")
            assert line.get("user_agent") == fields.get("User-Agent")
            assert line.get("referer") == fields.get("Referer")
            assert "forwarded_for" not in line


async def test_bytes_sent_are_those_of_the_answer_its_head_included(
    start_edge: StartEdge, upstream: ScriptedUpstream, log: Path
) -> None:
    upstream.on(FILM, Reply(200, FRESH, LARGE))
    async with start_edge(upstream.url, log=log) as edge:
        whole = b""
        for _ in range(2):
            async with edge.connect() as client:
                await client.send(FILM, {"Connection": "close"})
                whole = await client.reader.read()
        miss, hit = await until(log, 2)
    assert hit["sent_bytes"] == len(whole)
    assert len(LARGE) < miss["sent_bytes"] < len(LARGE) + 1000


async def test_a_client_that_leaves_is_seen(
    start_edge: StartEdge, upstream: ScriptedUpstream, log: Path
) -> None:
    upstream.on(FILM, Reply(200, FRESH, LARGE * 8))
    rest = asyncio.Event()
    upstream.on("/media/p_1/1.m4s", Reply(200, FRESH, [b"fi", rest], 100))
    async with start_edge(
        upstream.url, log=log, memory_bytes=1 << 28, max_object_bytes=1 << 27
    ) as edge:
        await edge.get(FILM)
        for target in (FILM, "/media/p_1/1.m4s"):
            async with edge.connect() as client:
                await client.send(target)
                await client.exactly(100)
                client.writer.transport.abort()
        _, hit, miss = sorted(await until(log, 3), key=lambda line: line["path"])
        rest.set()
    assert hit["aborted_bytes"] > 0
    assert miss["result"] == "aborted"
    assert miss["status"] == 200
    assert miss["aborted_bytes"] > 0


async def test_an_answer_that_the_upstream_breaks_off_is_an_error(
    start_edge: StartEdge, upstream: ScriptedUpstream, log: Path
) -> None:
    upstream.on(FILM, Reply(200, FRESH, [b"half", Break.CLOSE], 1000))
    upstream.on("/media/p_1/1.m4s", Reply(break_before=Break.CLOSE))
    async with start_edge(upstream.url, log=log) as edge:
        assert not (await edge.get(FILM)).whole
        assert (await edge.get("/media/p_1/1.m4s")).status == 502
        half, none = await until(log, 2)
    assert (half["status"], half["result"], half["aborted_bytes"]) == (200, "error", 996)
    assert (none["status"], none["result"], none["aborted_bytes"]) == (502, "error", 0)


async def test_answers_on_one_connection_have_a_line_each(
    start_edge: StartEdge, upstream: ScriptedUpstream, log: Path
) -> None:
    upstream.on(FILM, Reply(200, FRESH, b"film"))
    count = 500
    async with start_edge(upstream.url, log=log) as edge:
        await edge.get(FILM)
        async with edge.connect() as client:
            client.writer.write(f"GET {FILM} HTTP/1.1\r\nHost: a\r\n\r\n".encode() * count)
            answers = [await client.body(await client.head()) for _ in range(count)]
        lines = await until(log, count + 1)
    assert {line["request_id"] for line in lines} >= {each["X-Request-Id"] for each in answers}
    assert [line["reused"] for line in lines].count(True) == count - 1


async def test_what_is_no_request_has_a_line(
    start_edge: StartEdge, upstream: ScriptedUpstream, log: Path
) -> None:
    async with start_edge(upstream.url, log=log) as edge:
        async with edge.connect() as client:
            client.writer.write(b"nonsense\r\n\r\n")
            assert (await client.head()).status == 400
        (line,) = await until(log, 1)
    assert (line["status"], line["result"]) == (400, "local")
    assert "path" not in line


async def test_behind_a_proxy_that_is_trusted_the_viewer_is_named(
    start_edge: StartEdge, upstream: ScriptedUpstream, log: Path
) -> None:
    fields = {"X-Forwarded-For": "192.0.2.7", "X-Request-Id": "from-the-proxy"}
    upstream.on(FILM, Reply(200, FRESH, b"film"))
    trusted = (ip_network("127.0.0.0/8"),)
    async with start_edge(upstream.url, log=log, trusted_proxies=trusted) as edge:
        await edge.get(FILM, fields)
        await edge.get(FILM, fields)
        lines = await until(log, 2)
    assert {line["forwarded_for"] for line in lines} == {"192.0.2.7"}
    assert {line["request_id"] for line in lines} == {"from-the-proxy"}


async def test_a_log_that_nobody_reads_loses_lines_and_holds_nobody_up(
    start_edge: StartEdge, upstream: ScriptedUpstream, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.access_log.MOST_WAITING", 512)
    monkeypatch.setattr("edge.access_log.CLOSE_S", 0.1)
    upstream.on(FILM, Reply(200, FRESH, b"film"))
    os.mkfifo(log)
    reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    burst = f"GET {FILM} HTTP/1.1\r\nHost: a\r\n\r\n".encode() * 250
    try:
        async with start_edge(upstream.url, log=log) as edge:
            await edge.get(FILM)
            async with asyncio.timeout(120), edge.connect() as client:
                while await edge.metric("sluice_edge_access_log_dropped_total") == 0:
                    for _ in range(4):
                        client.writer.write(burst)
                        for _ in range(250):
                            assert (await client.body(await client.head())).body == b"film"
            async with asyncio.timeout(30):
                assert (await edge.get(FILM)).body == b"film"
    finally:
        os.close(reader)


async def test_a_pipe_without_a_reader_stops_nobody(
    start_edge: StartEdge, upstream: ScriptedUpstream, log: Path
) -> None:
    upstream.on(FILM, Reply(200, FRESH, b"film"))
    os.mkfifo(log)
    async with start_edge(upstream.url, log=log) as edge:
        for _ in range(3):
            assert (await edge.get(FILM)).body == b"film"
        await edge.until_metric("sluice_edge_access_log_dropped_total", 3, reason="write")
        reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
        await edge.get(FILM)
        await edge.until_metric("sluice_edge_access_log_lines_total", 1)
        assert json.loads(os.read(reader, 1 << 16))["result"] == "hit"
        os.close(reader)


async def test_without_the_setting_nothing_is_logged(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, b"film"))
    await edge.get(FILM)
    assert await edge.metric("sluice_edge_access_log_dropped_total") == 0

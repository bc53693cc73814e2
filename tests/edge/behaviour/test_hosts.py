"""Whose name the upstream is asked under, and whose answers are stored apart."""

import json

import pytest

from tests.fixtures.edge import RunningEdge, StartEdge
from tests.fixtures.upstream import Reply, ScriptedUpstream

PAGE = "/page"
FRESH = {"Cache-Control": "max-age=60"}
ONE, TWO = {"Host": "one.example"}, {"Host": "two.example:8080"}


async def test_the_upstream_is_asked_under_its_own_name_and_all_hosts_share_what_is_stored(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(PAGE, Reply(200, FRESH, b"page"))
    for host in (ONE, TWO):
        assert (await edge.get(PAGE, host)).body == b"page"
    assert upstream.last(PAGE).headers["host"] == f"127.0.0.1:{upstream.port}"
    assert upstream.count(PAGE) == 1


@pytest.mark.parametrize("path", [PAGE, "/media/p_1/x"])
async def test_each_host_has_its_own_where_it_is_passed_on(
    start_edge: StartEdge, upstream: ScriptedUpstream, path: str
) -> None:
    upstream.on(path, Reply(200, FRESH, b"one"), Reply(200, FRESH, b"two"))
    async with start_edge(upstream.url, pass_host=True) as edge:
        for _ in range(2):
            assert (await edge.get(path, ONE)).body == b"one"
            assert (await edge.get(path, TWO)).body == b"two"
    assert upstream.count(path) == 2
    assert upstream.last(path).headers["host"] == "two.example:8080"


async def test_a_client_that_names_no_host_takes_nothing_from_those_who_do(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(PAGE, Reply(200, FRESH, b"one"), Reply(200, FRESH, b"none"))
    async with start_edge(upstream.url, pass_host=True) as edge:
        await edge.get(PAGE, ONE)
        async with edge.connect() as client:
            client.writer.write(b"GET /page HTTP/1.0\r\n\r\n")
            assert (await client.body(await client.head())).body == b"none"
        assert "; hit" in (await edge.get(PAGE, ONE))["Cache-Status"]
    assert upstream.last(PAGE).headers["host"] == f"127.0.0.1:{upstream.port}"


async def test_a_304_leaves_hosts_and_variants_apart(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    stale = {**FRESH, "Age": "70", "ETag": '"1"', "Vary": "X-Kind"}
    upstream.on(
        PAGE,
        Reply(200, stale, b"one"),
        Reply(304, {**FRESH, "ETag": '"1"'}),
        Reply(200, {**FRESH, "Vary": "X-Kind"}, b"two"),
    )
    async with start_edge(upstream.url, pass_host=True) as edge:
        for _ in range(3):
            assert (await edge.get(PAGE, ONE)).body == b"one"
        assert upstream.count(PAGE) == 2
        assert (await edge.get(PAGE, TWO)).body == b"two"
        assert (await edge.get(PAGE, {**ONE, "X-Kind": "a"})).body == b"two"
    assert upstream.count(PAGE) == 4


async def test_a_purge_by_url_takes_the_answers_of_all_hosts(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(PAGE, Reply(200, FRESH, b"page"))
    async with start_edge(upstream.url, pass_host=True) as edge:
        for host in (ONE, TWO):
            await edge.get(PAGE, host)
        await edge.purge(urls=["http://one.example/page"])
        for host in (ONE, TWO):
            assert "; hit" not in (await edge.get(PAGE, host))["Cache-Status"]


async def test_a_target_that_names_a_host_is_believed_before_the_field(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(PAGE, Reply(200, FRESH, b"page"))
    async with start_edge(upstream.url, pass_host=True) as edge:
        await edge.get("http://two.example:8080/page", ONE)
        assert upstream.last(PAGE).headers["host"] == "two.example:8080"
        assert "; hit" in (await edge.get(PAGE, TWO))["Cache-Status"]


@pytest.mark.parametrize("authority", ["a@b", "", "a b", "a,b", "[::1", "a:b:c"])
async def test_a_target_under_no_host_is_refused(
    start_edge: StartEdge, upstream: ScriptedUpstream, authority: str
) -> None:
    async with start_edge(upstream.url, pass_host=True) as edge:
        answer = await edge.get(f"http://{authority}/page")
    assert answer.status == 400
    assert "json" not in answer.headers.get("content-type", "") or json.loads(answer.body)
    assert not upstream.requests

"""An edge behind another one: what was purged below does not come back from above.

Each of the two may hear of a purge first. Here the upper one hears of it late, or never.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest

from core.http.audience import Audience
from tests.fixtures.edge import RunningEdge, StartEdge
from tests.fixtures.upstream import Reply, ScriptedUpstream

LIST = "/media/p_1/master.m3u8"
PAGE = "/page"
FRESH = {"Cache-Control": "max-age=600", "ETag": '"v1"', "Surrogate-Key": "video:1"}
CHANGED = FRESH | {"ETag": '"v2"'}


@pytest.fixture
async def upper(start_edge: StartEdge, upstream: ScriptedUpstream) -> AsyncIterator[RunningEdge]:
    async with start_edge(upstream.url, name="upper", audience=Audience.EDGES) as running:
        yield running


@pytest.fixture
async def lower(start_edge: StartEdge, upper: RunningEdge) -> AsyncIterator[RunningEdge]:
    async with start_edge(f"http://127.0.0.1:{upper.port}", name="lower") as running:
        yield running


@pytest.mark.parametrize("target", [LIST, PAGE])
@pytest.mark.parametrize("by", ["url", "key"])
@pytest.mark.parametrize("evicted", [False, True])
async def test_who_is_purged_first_does_not_refill_from_who_is_not_purged_yet(
    lower: RunningEdge, upper: RunningEdge, upstream: ScriptedUpstream,
    target: str, by: str, evicted: bool,
) -> None:  # fmt: skip
    upstream.on(target, Reply(200, FRESH, b"one"), Reply(200, CHANGED, b"two"))
    asked = upper if evicted else lower  # the lower one never had it, or had it as well
    assert (await asked.get(target)).body == b"one"
    await lower.purge(**({"urls": [target]} if by == "url" else {"keys": ["video:1"]}))
    assert (await lower.get(target)).body == b"two"
    assert "lower; hit" in (await lower.get(target))["Cache-Status"]
    assert (await upper.get(target)).body == b"two"
    assert upstream.count(target) == 2


async def test_a_soft_purge_is_not_undone_by_who_confirms_what_it_has(
    lower: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(LIST, Reply(200, FRESH, b"one"), Reply(200, CHANGED, b"two"))
    await lower.get(LIST)
    await lower.purge(keys=["video:1"], soft=True)
    assert (await lower.get(LIST)).body == b"two"
    assert upstream.count(LIST) == 2


async def test_what_has_not_changed_is_confirmed_all_the_way(
    lower: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(LIST, Reply(200, FRESH, b"one"), Reply(304, FRESH))
    await lower.get(LIST)
    await lower.purge(keys=["video:1"])
    assert (await lower.get(LIST)).body == b"one"
    assert upstream.last(LIST).headers["if-none-match"] == '"v1"'
    assert "lower; hit" in (await lower.get(LIST))["Cache-Status"]


async def test_a_fetch_that_the_upper_edge_began_before_is_not_taken(
    lower: RunningEdge, upper: RunningEdge, upstream: ScriptedUpstream
) -> None:
    hold = asyncio.Event()
    upstream.on(LIST, Reply(200, FRESH, b"one", before=hold), Reply(200, CHANGED, b"two"))
    early = asyncio.create_task(upper.get(LIST))
    await upstream.until_asked(LIST)
    await lower.purge(keys=["video:1"])
    late = asyncio.create_task(lower.get(LIST))
    await upper.until_metric("sluice_edge_active_requests", 2)
    hold.set()
    assert (await early).body == b"one"
    assert (await late).body == b"two"
    assert (await lower.get(LIST)).body == b"two"


async def test_an_upper_cache_that_does_not_listen_is_answered_from_but_not_believed(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    old = FRESH | {"Age": "60"}
    upstream.on(LIST, Reply(200, old, b"one"))
    async with start_edge(upstream.url) as edge:
        await edge.purge(keys=["video:1"])
        for _ in range(2):
            assert (await edge.get(LIST)).body == b"one"
        assert await edge.metric("sluice_edge_stored_objects") == 0
        assert upstream.last(LIST).headers["cache-control"] == "no-cache"
        assert upstream.count(LIST) == 4


async def test_without_a_purge_what_is_old_is_stored_as_it_comes(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(LIST, Reply(200, FRESH | {"Age": "60"}, b"one"))
    async with start_edge(upstream.url) as edge:
        await edge.purge(keys=["video:2"])
        for _ in range(2):
            await edge.get(LIST)
        assert upstream.count(LIST) == 1

"""Hits of resources with variants, which the threads answer by themselves."""

import pytest

from tests.fixtures.edge import RunningEdge, StartEdge
from tests.fixtures.upstream import Reply, ScriptedUpstream

LIST = "/media/p_1/master.m3u8"
GZIP, PLAIN, BR = ({"Accept-Encoding": name} for name in ("gzip, br", "identity", "br"))


def varied(*, tag: str = "one", names: str = "Accept-Encoding") -> dict[str, str]:
    return {"Cache-Control": "max-age=60", "Vary": names, "Surrogate-Key": tag}


async def crossed(edge: RunningEdge) -> float:
    """How many requests Python has answered."""
    return await edge.metric("sluice_edge_crossed_requests_total")


@pytest.fixture(autouse=True)
async def stored(edge: RunningEdge, upstream: ScriptedUpstream) -> None:
    upstream.on(LIST, Reply(200, varied(), b"zipped"), Reply(200, varied(), b"plain"))
    assert (await edge.get(LIST, GZIP)).body == b"zipped"
    assert (await edge.get(LIST, PLAIN)).body == b"plain"


async def test_the_variants_are_answered_without_python(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    before = await crossed(edge)
    for wanted, body in ((GZIP, b"zipped"), (PLAIN, b"plain")):
        answer = await edge.get(LIST, wanted)
        assert answer.body == body
        assert "; hit" in answer["Cache-Status"]
        assert answer["Vary"] == "Accept-Encoding"
        assert (await edge.get(LIST, {**wanted, "Range": "bytes=1-2"})).body == body[1:3]
    assert await crossed(edge) == before
    assert upstream.count(LIST) == 2


async def test_another_variant_is_a_miss(edge: RunningEdge, upstream: ScriptedUpstream) -> None:
    upstream.on(LIST, Reply(200, varied(), b"brotli"))
    assert "fwd=vary-miss" in (await edge.get(LIST, BR))["Cache-Status"]
    assert (await edge.get(LIST, BR)).body == b"brotli"
    assert upstream.count(LIST) == 3


async def test_a_purge_takes_all_variants(edge: RunningEdge, upstream: ScriptedUpstream) -> None:
    upstream.on(LIST, Reply(200, varied(), b"new"))
    await edge.purge(urls=[LIST])
    assert "fwd=uri-miss" in (await edge.get(LIST, GZIP))["Cache-Status"]
    assert "fwd=vary-miss" in (await edge.get(LIST, PLAIN))["Cache-Status"]


async def test_a_purge_of_one_variant_leaves_the_other(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(LIST, Reply(200, varied(tag="two"), b"brotli"))
    await edge.get(LIST, BR)
    await edge.purge(keys=["two"])
    assert "fwd=vary-miss" in (await edge.get(LIST, BR))["Cache-Status"]
    assert "; hit" in (await edge.get(LIST, GZIP))["Cache-Status"]


async def test_a_resource_may_begin_to_vary_by_something_else(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(
        LIST,
        Reply(200, varied(names="Accept-Language"), b"hallo"),
        Reply(200, varied(names="Accept-Language"), b"hello"),
    )
    german, english = ({**BR, "Accept-Language": name} for name in ("de", "en"))
    assert (await edge.get(LIST, german)).body == b"hallo"
    assert (await edge.get(LIST, english)).body == b"hello"
    before = await crossed(edge)
    assert (await edge.get(LIST, {**GZIP, "Accept-Language": "de"})).body == b"hallo"
    assert (await edge.get(LIST, {**PLAIN, "Accept-Language": "en"})).body == b"hello"
    assert await crossed(edge) == before


async def test_a_resource_may_stop_varying(edge: RunningEdge, upstream: ScriptedUpstream) -> None:
    upstream.on(LIST, Reply(200, {"Cache-Control": "max-age=60"}, b"for all"))
    await edge.get(LIST, BR)
    before = await crossed(edge)
    for wanted in (GZIP, PLAIN, BR):
        assert (await edge.get(LIST, wanted)).body == b"for all"
    assert await crossed(edge) == before
    assert upstream.count(LIST) == 3


async def test_what_was_evicted_is_chosen_no_more(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(LIST, Reply(200, varied(), bytes(100_000)))
    settings = {"memory_bytes": 320_000, "max_object_bytes": 200_000}
    async with start_edge(upstream.url, **settings) as edge:
        for number in range(12):
            await edge.get(LIST, {"Accept-Encoding": f"x-{number}"})
        asked = upstream.count(LIST)
        for number in range(12):
            answer = await edge.get(LIST, {"Accept-Encoding": f"x-{number}"})
            assert answer.body == bytes(100_000)
        assert upstream.count(LIST) > asked

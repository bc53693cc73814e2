"""An edge whose audience is edges: no tokens, a fill key for everything, surrogate keys."""

import json

from core.http.audience import Audience
from tests.fixtures.edge import StartEdge
from tests.fixtures.upstream import Reply, ScriptedUpstream

FILE = "/media/s_1/v/file.m4s"
KEYS = "video:1 playback:s_1"
CACHED = {"Cache-Control": "max-age=60", "ETag": '"v1"', "Surrogate-Key": KEYS}


async def test_every_answer_with_a_body_names_its_surrogate_keys(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILE, Reply(200, CACHED, b"film"))
    async with start_edge(upstream.url, audience=Audience.EDGES) as edge:
        missed = await edge.get(FILE)
        assert (missed.status, missed.get("surrogate-key")) == (200, KEYS)
        for fields, status in (
            ({}, 200),
            ({"Range": "bytes=1-2"}, 206),
            ({"Range": "bytes=0-0,2-2"}, 206),
        ):
            hit = await edge.get(FILE, fields)
            assert (hit.status, hit.get("surrogate-key")) == (status, KEYS)
    assert upstream.count(FILE) == 1


async def test_the_keys_are_still_named_after_a_revalidation(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    stale = {**CACHED, "Cache-Control": "no-cache"}
    upstream.on(FILE, Reply(200, stale, b"film"), Reply(304, {"ETag": '"v1"'}))
    async with start_edge(upstream.url, audience=Audience.EDGES) as edge:
        for _ in range(2):
            answer = await edge.get(FILE)
            assert (answer.body, answer.get("surrogate-key")) == (b"film", KEYS)


async def test_an_edge_below_purges_by_the_keys_it_was_told(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    target = "/media/p_1/file.m4s"
    upstream.on(target, Reply(200, CACHED, b"film"))
    async with (
        start_edge(upstream.url, audience=Audience.EDGES) as upper,
        start_edge(f"http://127.0.0.1:{upper.port}") as lower,
    ):
        answer = await lower.get(target)
        assert (answer.body, answer.get("surrogate-key")) == (b"film", None)
        await lower.purge(keys=["video:1"])
        assert await lower.metric("sluice_edge_stored_objects") == 0
        assert await upper.metric("sluice_edge_stored_objects") == 1


async def test_signed_media_take_no_token(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    """The edge that asks has looked at it and taken it off."""
    upstream.on(FILE, Reply(200, CACHED, b"film"))
    async with start_edge(upstream.url, audience=Audience.EDGES) as edge:
        for _ in range(2):
            assert (await edge.get(FILE)).body == b"film"


async def test_with_a_fill_key_only_those_who_show_it_are_served_cached_or_not(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    public = "/media/p_1/file.m4s"
    for target in (FILE, public):
        upstream.on(target, Reply(200, CACHED, b"film"))
    async with start_edge(upstream.url, audience=Audience.EDGES, fill_key="sesame") as edge:
        for _ in range(2):
            for target in (FILE, public):
                for shown in ({}, {"Sluice-Fill-Key": "sesam"}, {"Sluice-Fill-Key": "sesame2"}):
                    refused = await edge.get(target, shown)
                    assert refused.status == 403
                    assert json.loads(refused.body)["code"] == "origin.fill_key"
                    assert refused.get("access-control-allow-origin") == "*"
                assert (await edge.get(target, {"Sluice-Fill-Key": "sesame"})).body == b"film"
    assert upstream.count(FILE) == upstream.count(public) == 1


async def test_what_is_said_to_caches_alone_reaches_the_edge_below(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    said = {"Cache-Control": "max-age=600", "CDN-Cache-Control": "no-store"}
    upstream.on("/page", Reply(200, said, b"page"))
    async with (
        start_edge(upstream.url, audience=Audience.EDGES) as upper,
        start_edge(f"http://127.0.0.1:{upper.port}") as lower,
    ):
        answer = await lower.get("/page")
        assert (answer.body, answer.get("cdn-cache-control")) == (b"page", None)
        assert await lower.metric("sluice_edge_stored_objects") == 0

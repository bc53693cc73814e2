"""Signed media: answered to who has a token, whatever is cached, and one object for all of them."""

import asyncio
import json
import time
from collections.abc import AsyncIterator

import pytest

from core.http.media_token import KeyRing, MediaKey, sign
from tests.fixtures.edge import RunningEdge, StartEdge
from tests.fixtures.upstream import Reply, ScriptedUpstream

KEY = MediaKey("now", bytes(range(32)))
FORMER = MediaKey("before", bytes(range(64)))
FOREIGN = MediaKey("now", b"\x01" * 32)
RING = KeyRing((KEY, FORMER))
CACHED = {"Cache-Control": "max-age=60"}
FILM, FILE = "s_film", "/media/s_film/v/0.m4s"


def signed(
    playback_id: str = FILM,
    *,
    key: MediaKey = KEY,
    session: str = "abc",
    lasts_s: int = 60,
    rest: str = "v/0.m4s",
) -> str:
    expires_s = int(time.time()) + lasts_s
    token = sign(playback_id, session_id=session, expires_s=expires_s, keys=KeyRing((key,)))
    return f"/media/~{token}/{playback_id}/{rest}"


@pytest.fixture
async def guarded(start_edge: StartEdge, upstream: ScriptedUpstream) -> AsyncIterator[RunningEdge]:
    """An edge with keys, in front of a signed film."""
    upstream.on(FILE, Reply(200, CACHED, b"film"))
    async with start_edge(upstream.url, media_keys=RING) as running:
        yield running


async def test_a_token_opens_the_film_and_the_upstream_never_sees_it(
    guarded: RunningEdge, upstream: ScriptedUpstream
) -> None:
    answer = await guarded.get(signed())
    assert (answer.status, answer.body) == (200, b"film")
    assert [seen.target for seen in upstream.requests] == [FILE]


async def test_one_object_serves_all_viewers(
    guarded: RunningEdge, upstream: ScriptedUpstream
) -> None:
    await guarded.get(signed(session="one"))
    for path in (signed(session="two"), signed(key=FORMER), f"{signed()}?CMCD=bl%3D1"):
        answer = await guarded.get(path)
        assert (answer.status, answer.body) == (200, b"film")
        assert "hit" in answer["Cache-Status"]
    assert upstream.count(FILE) == 1


async def test_head_and_ranges_work_behind_a_token(guarded: RunningEdge) -> None:
    await guarded.get(signed())
    head = await guarded.get(signed(), method="HEAD")
    assert (head.status, head["Content-Length"]) == (200, "4")
    part = await guarded.get(signed(), {"Range": "bytes=1-2"})
    assert (part.status, part.body) == (206, b"il")


@pytest.mark.parametrize("cached", [False, True], ids=["uncached", "cached"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_without_a_token_there_is_nothing_whatever_is_cached(
    guarded: RunningEdge, upstream: ScriptedUpstream, method: str, cached: bool
) -> None:
    if cached:
        assert (await guarded.get(signed())).status == 200
    for target in (FILE, f"{FILE}?a=1", "/media/%73%5ffilm/v/0.m4s", "/media/s_film"):
        answer = await guarded.get(target, method=method)
        assert answer.status == 403
    assert upstream.count(FILE) == int(cached)
    assert len(upstream.requests) == int(cached)


REFUSALS = [
    (FILE, "token.missing"),
    ("/media/~nonsense/s_film/v/0.m4s", "token.malformed"),
    (signed(key=MediaKey("gone", KEY.secret)), "token.unknown_key"),
    (signed(key=FOREIGN), "token.forged"),
    (signed("s_other").replace("/s_other/", "/s_film/"), "token.forged"),
    (signed("p_film").replace("/p_film/", "/s_film/"), "token.forged"),
    (signed(lasts_s=-1), "token.expired"),
]


@pytest.mark.parametrize(("target", "code"), REFUSALS, ids=[code for _, code in REFUSALS])
async def test_a_refusal_says_why_to_every_page(
    guarded: RunningEdge, upstream: ScriptedUpstream, target: str, code: str
) -> None:
    await guarded.get(signed())
    answer = await guarded.get(target)
    assert answer.status == 403
    assert answer["Content-Type"] == "application/problem+json"
    assert json.loads(answer.body)["code"] == code
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer["Timing-Allow-Origin"] == "*"
    assert answer["Cache-Control"] == "no-store"
    assert upstream.count(FILE) == len(upstream.requests) == 1


async def test_a_token_that_has_opened_something_ends_all_the_same(
    guarded: RunningEdge,
) -> None:
    target = signed(lasts_s=3)
    assert (await guarded.get(target)).status == 200
    expires_s = int(target.split(".")[2])
    while time.time() < expires_s:  # the edge reads the same clock
        await guarded.get(signed())
        await asyncio.sleep(0.02)
    answer = await guarded.get(target)
    assert (answer.status, json.loads(answer.body)["code"]) == (403, "token.expired")


async def test_a_connection_that_had_a_token_needs_one_for_each_request(
    guarded: RunningEdge,
) -> None:
    async with guarded.connect() as client:
        statuses = [(await client.get(each)).status for each in (signed(), FILE, signed(), FILE)]
    assert statuses == [200, 403, 200, 403]


async def test_public_media_need_no_token_and_may_have_one(
    guarded: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on("/media/p_1/0.m4s", Reply(200, CACHED, b"open"))
    for target in ("/media/p_1/0.m4s", signed("p_1", rest="0.m4s")):
        assert (await guarded.get(target)).body == b"open"
    assert upstream.count("/media/p_1/0.m4s") == 1
    wrong = await guarded.get(signed("p_1", key=FOREIGN, rest="0.m4s"))
    assert wrong.status == 403


TRICKS = ["../s_film/v/0.m4s", "s_film/../s_film/0.m4s", "s_film//0.m4s", "s_film%2f0.m4s"]


@pytest.mark.parametrize("trick", TRICKS)
@pytest.mark.parametrize("opens", [True, False], ids=["good", "forged"])
async def test_tricks_are_refused_before_the_token_is_looked_at(
    guarded: RunningEdge, upstream: ScriptedUpstream, trick: str, opens: bool
) -> None:
    folder = signed(key=KEY if opens else FOREIGN, rest="").removesuffix("s_film/")
    answer = await guarded.get(folder + trick)
    assert answer.status == 400
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert upstream.requests == []


async def test_a_preflight_needs_no_token(guarded: RunningEdge) -> None:
    assert (await guarded.get(FILE, method="OPTIONS")).status == 204


async def test_other_methods_are_refused_as_such(guarded: RunningEdge) -> None:
    for target in (FILE, signed()):
        assert (await guarded.get(target, method="POST")).status == 405


async def test_a_purge_by_a_signed_url_means_the_object(
    guarded: RunningEdge, upstream: ScriptedUpstream
) -> None:
    await guarded.get(signed())
    assert (await guarded.purge(urls=[signed(session="operator")])).status == 202
    await guarded.get(signed())
    assert upstream.count(FILE) == 2


async def test_an_edge_without_keys_answers_no_signed_media(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILE, Reply(200, CACHED, b"film"))
    assert (await edge.get(FILE)).status == 403
    assert (await edge.get(signed())).status == 403
    assert upstream.requests == []


async def test_an_edge_below_has_looked_already(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    """It shows the fill key; whoever shows another one is a viewer."""
    upstream.on(FILE, Reply(200, CACHED, b"film"))
    async with (
        start_edge(upstream.url, fill_key="secret") as upper,
        start_edge(f"http://127.0.0.1:{upper.port}", fill_key="secret", media_keys=RING) as lower,
    ):
        assert (await lower.get(signed())).body == b"film"
        assert (await lower.get(FILE)).status == 403
        for shown in ("", "secre", "secret2"):
            assert (await upper.get(FILE, {"Sluice-Fill-Key": shown})).status == 403
        assert (await upper.get(FILE, {"Sluice-Fill-Key": "secret"})).body == b"film"

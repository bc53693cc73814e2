"""Samples of keys: every hit is counted, whatever is passed over, and the ring never grows."""

import msgspec
import pytest

from core.cache.snapshot import Snapshot
from tests.fixtures.edge import RunningEdge
from tests.fixtures.upstream import Reply, ScriptedUpstream

FILM = "/media/p_1/0.m4s"


async def test_more_hits_than_the_rings_hold_still_add_up(
    edge: RunningEdge, upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.hot_keys.WATCHED_FOR_S", 600.0)
    monkeypatch.setattr("edge.hot_keys.HALF_LIFE_S", 600.0)
    upstream.on(FILM, Reply(200, {"Cache-Control": "max-age=600"}, b"film"))
    await edge.get(FILM)
    await edge.admin("/top")
    burst = f"GET {FILM} HTTP/1.1\r\nHost: a\r\n\r\n".encode() * 500
    async with edge.connect() as client:
        for _ in range(20):
            client.writer.write(burst)
            for _ in range(500):
                assert (await client.body(await client.head())).body == b"film"
    found = msgspec.json.decode((await edge.admin("/top")).body, type=Snapshot)
    (hot,) = found.hot
    assert hot.key == FILM
    # At most what the last sample was to stand for is still to come.
    assert hot.rate * (found.up_s + 1) > 9_000

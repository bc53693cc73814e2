"""Purging ten thousand stored objects by one surrogate key, among as many others."""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from core.cache.purging import EVERYTHING, Purge
from core.cache.stored import Arrival, stored_head
from core.http.cache_key import CacheKey
from edge.store import Entry, MemoryStore, new_version

OBJECTS = 10_000
KEY = "video:1"
NOW_S = 1_700_000_000.0

PURGES = {
    "hard": Purge(frozenset({KEY})),
    "soft": Purge(frozenset({KEY}), soft=True),
    "urls": Purge(resources=frozenset(f"/media/p_1/{number}.m4s" for number in range(OBJECTS))),
    "all": EVERYTHING,
}


def entry(number: int, film: int) -> Entry:
    headers = (
        ("Cache-Control", "public, max-age=31536000, immutable"),
        ("Content-Type", "video/iso.segment"),
        ("ETag", f'"{number}"'),
        ("Surrogate-Key", f"video:{film} playback:p_{film}"),
    )
    head = stored_head(200, headers, Arrival(NOW_S, NOW_S), media=True)
    key = CacheKey(f"/media/p_{film}/{number}.m4s")
    return Entry(key, head, new_version(), 0)


ENTRIES = [entry(number, film) for number in range(OBJECTS) for film in (1, 2)]


def full_store() -> MemoryStore:
    store = MemoryStore(2**40)
    for each in ENTRIES:
        store.put_slice(each, 0, b"")
    return store


@pytest.mark.benchmark(group="purge 10,000 objects of 20,000")
@pytest.mark.parametrize("kind", list(PURGES))
def bench_purge(benchmark: BenchmarkFixture, kind: str) -> None:
    purge = PURGES[kind]

    def once(store: MemoryStore) -> int:
        return store.purge(purge, NOW_S)

    count = benchmark.pedantic(  # type: ignore[no-untyped-call]  # the plugin left it without
        once, setup=lambda: ((full_store(),), {}), rounds=5
    )
    assert count == (2 * OBJECTS if purge.everything else OBJECTS)

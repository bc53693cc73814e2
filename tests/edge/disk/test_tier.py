"""What is put on the disk is found again, by this process and by the next."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.cache.purge_stream import Position, StreamId
from core.cache.purging import EVERYTHING, Purge
from core.http.cache_key import CacheKey
from edge.disk.faults import CacheInUse
from edge.disk.tier import DiskTier
from tests.edge.disk.conftest import Opens
from tests.fixtures.disk import NOW_S, Opened, body, head, put
from tests.fixtures.processes import until


def files(folder: Path) -> list[Path]:
    return [path for path in (folder / "bodies").rglob("*") if path.is_file()]


async def test_a_slice_is_there_at_once_and_after_it_is_written(opened: Opened) -> None:
    key = put(opened.tier, "/media/x", slices=3)
    assert opened.tier.holds("/media/x")
    expected = {key: {number: body("/media/x", 1, number) for number in range(3)}}
    assert await opened.bodies("/media/x") == expected
    await opened.settled()
    assert await opened.bodies("/media/x") == expected
    assert opened.count("writes_total") == 3


async def test_a_restart_finds_everything_again(opens: Opens) -> None:
    async with opens() as opened:
        keys = [put(opened.tier, "/media/x", says=says, tags="t1 t2") for says in ("de", "en")]
        found = await opened.tier.recall("/media/x")
    async with opens() as opened:
        again = await opened.tier.recall("/media/x")
        assert sorted(again, key=lambda o: str(o.key)) == sorted(found, key=lambda o: str(o.key))
        assert {each.key for each in again} == set(keys)
        assert await opened.bodies("/media/x") == {key: {0: body("/media/x", 1, 0)} for key in keys}
        assert opened.count("hits_total") == 2
        assert await opened.tier.purge(Purge(frozenset({"t2"})), NOW_S) == 2


async def test_an_object_is_kept_over_a_restart_once_its_length_is_known(opens: Opens) -> None:
    async with opens() as opened:
        for resource, length in (("/a", None), ("/b", 20_000)):
            key = CacheKey(resource)
            opened.tier.write(key, head(), 1, None, 0, body(resource, 1, 0))
            assert await opened.tier.recall(resource) == []
            opened.tier.write(key, head(), 1, length, 1, body(resource, 1, 1))
    async with opens() as opened:
        assert not opened.tier.holds("/a")
        assert [each.length for each in await opened.tier.recall("/b")] == [20_000]


async def test_an_empty_body_is_an_empty_slice(opens: Opens) -> None:
    async with opens() as opened:
        opened.tier.write(CacheKey("/a"), head(), 1, 0, 0, b"")
    async with opens() as opened:
        assert await opened.bodies("/a") == {CacheKey("/a"): {0: b""}}


async def test_another_version_takes_the_place_of_the_one_before(
    opens: Opens, folder: Path
) -> None:
    async with opens() as opened:
        put(opened.tier, "/a", slices=2)
        await opened.settled()
        key = put(opened.tier, "/a", version=2)
        assert not opened.tier.has(key, 1)
        assert await opened.tier.read(key, 1, 0) is None
        await opened.settled()
    async with opens() as opened:
        assert await opened.bodies("/a") == {key: {0: body("/a", 2, 0)}}
    assert len(files(folder)) == 1


async def test_a_renewed_head_is_the_one_that_is_found(opens: Opens) -> None:
    async with opens() as opened:
        key = put(opened.tier, "/a", tags="old")
        await opened.settled()
        opened.tier.renew(key, 1, head(tags="new", Age="7"))
        opened.tier.renew(key, 2, head(tags="of another version"))
        assert [each.head.tags for each in await opened.tier.recall("/a")] == [{"new"}]
    async with opens() as opened:
        assert [each.head for each in await opened.tier.recall("/a")] == [head(tags="new", Age="7")]
        assert await opened.tier.purge(Purge(frozenset({"old"})), NOW_S) == 0
        assert await opened.tier.purge(Purge(frozenset({"new"})), NOW_S) == 1


async def test_what_is_forgotten_stays_forgotten(opens: Opens, folder: Path) -> None:
    async with opens() as opened:
        written = put(opened.tier, "/a")
        await opened.settled()
        opened.tier.forget(written)
        opened.tier.forget(put(opened.tier, "/b"))
        assert not opened.tier.holds("/a")
        assert not opened.tier.holds("/b")
    async with opens() as opened:
        assert len(opened.tier) == 0
    assert files(folder) == []


@pytest.mark.parametrize(
    ("purge", "left"),
    [
        (Purge(tags=frozenset({"t1"})), {"/b", "/c"}),
        (Purge(resources=frozenset({"/b"})), {"/a", "/c"}),
        (Purge(frozenset({"t1"}), frozenset({"/c"})), {"/b"}),
        (EVERYTHING, set()),
    ],
)
@pytest.mark.parametrize("settled", [True, False])
async def test_a_hard_purge_drops_what_it_covers(
    opens: Opens, folder: Path, purge: Purge, left: set[str], settled: bool
) -> None:
    async with opens() as opened:
        for resource, tags in (("/a", "t1"), ("/b", "t2"), ("/c", "")):
            put(opened.tier, resource, tags=tags)
        if settled:
            await opened.settled()
        assert await opened.tier.purge(purge, NOW_S) == 3 - len(left)
        assert {name for name in ("/a", "/b", "/c") if opened.tier.holds(name)} == left
    async with opens() as opened:
        assert {name for name in ("/a", "/b", "/c") if opened.tier.holds(name)} == left
    assert len(files(folder)) == len(left)


@pytest.mark.parametrize("settled", [True, False])
async def test_a_soft_purge_marks_stale_until_the_head_is_renewed(
    opens: Opens, settled: bool
) -> None:
    purge = Purge(tags=frozenset({"t1"}), soft=True)
    async with opens() as opened:
        key = put(opened.tier, "/a", tags="t1")
        if settled:
            await opened.settled()
        assert await opened.tier.purge(purge, NOW_S + 5) == 1
        await opened.tier.purge(purge, NOW_S + 9)
        await opened.settled()
    async with opens() as opened:
        (found,) = await opened.tier.recall("/a")
        assert found.head == replace(head(tags="t1"), purged_s=NOW_S + 5)
        assert found.slices == {0}
        opened.tier.renew(key, 1, head(tags="t1"))
    async with opens() as opened:
        (found,) = await opened.tier.recall("/a")
        assert found.head == head(tags="t1")


async def test_the_position_in_the_stream_is_kept(opens: Opens) -> None:
    position = Position("an epoch", StreamId(1700000000000, 3))
    async with opens() as opened:
        assert opened.tier.load() is None
        opened.tier.save(position)
        assert opened.tier.load() == position
    async with opens() as opened:
        assert opened.tier.load() == position


async def test_the_budget_holds_and_what_was_used_twice_stays(opens: Opens) -> None:
    async with opens(limit_bytes=400_000) as opened:
        favourite = put(opened.tier, "/favourite")
        for _ in range(2):
            assert await opened.tier.read(favourite, 1, 0) is not None
        for number in range(100):
            put(opened.tier, f"/{number}")
            assert opened.tier.used_bytes <= 400_000
        assert opened.tier.holds("/favourite")
        assert opened.count("evictions_total") == 101 - len(opened.tier)
    # And the order of eviction survives, too.
    async with opens(limit_bytes=400_000) as opened:
        for number in range(100, 140):
            put(opened.tier, f"/{number}")
        assert opened.tier.holds("/favourite")


async def test_a_use_elsewhere_counts(opens: Opens) -> None:
    async with opens(limit_bytes=400_000) as opened:
        put(opened.tier, "/favourite", version=7)
        for _ in range(2):
            opened.tier.touch(7, 0)
        opened.tier.touch(8, 0)
        opened.tier.touch(7, 1)
        for number in range(100):
            put(opened.tier, f"/{number}", version=number + 10)
        assert opened.tier.holds("/favourite")


async def test_a_smaller_budget_is_kept_from_the_start(opens: Opens, folder: Path) -> None:
    async with opens() as opened:
        for number in range(50):
            put(opened.tier, f"/{number}")
    async with opens(limit_bytes=100_000) as opened:
        assert 0 < len(opened.tier) < 10
        kept = len(opened.tier)
        await opened.settled()
    async with opens(limit_bytes=100_000) as opened:
        assert len(opened.tier) == kept
        # What a busy disk had not deleted when the tier was closed is swept now.
        await until(lambda: len(files(folder)) == kept)


async def test_what_is_larger_than_the_budget_is_not_kept(opens: Opens) -> None:
    async with opens(limit_bytes=50_000) as opened:
        put(opened.tier, "/a", size=60_000)
        assert not opened.tier.holds("/a")
        assert opened.count("dropped_total", reason="full") == 1


async def test_more_than_the_queue_takes_is_dropped_and_counted(
    tier: DiskTier, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.disk.holdings.MOST_QUEUED_BYTES", 25_000)
    put(tier, "/a", slices=4)
    assert opened.count("dropped_total", reason="busy") == 2
    (found,) = await tier.recall("/a")
    assert found.slices == {0, 1}


async def test_two_edges_on_one_folder_are_refused(opens: Opens, opened: Opened) -> None:
    with pytest.raises(CacheInUse, match=r"in use by another edge.*--cache-dir"):
        async with opens():
            pass


async def test_an_edge_that_was_away_for_too_long_forgets(opens: Opens, folder: Path) -> None:
    async with opens() as opened:
        put(opened.tier, "/a")
    async with opens(away_limit_s=60.0) as opened:
        assert opened.tier.holds("/a")
    async with opens(away_limit_s=-1.0) as opened:
        assert not opened.tier.holds("/a")

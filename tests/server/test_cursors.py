import asyncio
import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.postgres import Connection, Pool, close_pool, connection, open_pool
from server.cursor import CursorKey
from server.documents import VideoSort
from server.faults import InvalidCursor
from server.repository import Repository
from tests.fixtures.server import Api

KEY = CursorKey(b"k" * 32)
ADD = """
INSERT INTO videos
    (id, playback_id, title, status, upload_key, source_filename, source_bytes, created_at)
VALUES ($1, 'p_' || $1, $2, 'ready', $1, 'a.mp4', 1, to_timestamp($3))
"""


@given(scope=st.text(), key=st.text(), item=st.text())
def test_a_cursor_gives_back_what_was_sealed(scope: str, key: str, item: str) -> None:
    try:
        f"{scope}{key}{item}".encode()
    except UnicodeEncodeError:
        return  # a lone surrogate never gets as far as here
    assert KEY.open(scope, KEY.seal(scope, (key, item))) == (key, item)


@given(at=st.integers(0, 200), to=st.sampled_from(string.ascii_letters + string.digits + "-_"))
def test_a_cursor_with_a_changed_character_is_refused(at: int, to: str) -> None:
    cursor = KEY.seal("/videos", ("2026-01-01T00:00:00+00:00", "abc"))
    at %= len(cursor) - 1  # the last character may carry unused bits
    changed = cursor[:at] + to + cursor[at + 1 :]
    if changed != cursor:
        with pytest.raises(InvalidCursor):
            KEY.open("/videos", changed)


@given(st.text())
def test_any_text_is_a_cursor_of_ours_or_refused(text: str) -> None:
    with pytest.raises(InvalidCursor):
        KEY.open("/videos", text)


def test_a_cursor_belongs_to_its_scope_and_its_key() -> None:
    cursor = KEY.seal("/videos?sort=title", ("a", "b"))
    with pytest.raises(InvalidCursor, match="does not belong"):
        KEY.open("/videos?sort=-title", cursor)
    with pytest.raises(InvalidCursor, match="does not belong"):
        CursorKey(b"l" * 32).open("/videos?sort=title", cursor)


@pytest.mark.postgres
@pytest.mark.parametrize(
    "change", [{"sort": "title"}, {"q": "film"}, {"cursor": "abc"}, {"cursor": "%"}]
)
async def test_a_cursor_of_another_listing_is_refused(api: Api, change: dict[str, str]) -> None:
    for _ in range(3):
        await api.upload()
    cursor = (await api.get("/videos", params={"limit": "2"})).json["next_cursor"]
    answer = await api.get("/videos", params={"cursor": cursor, **change})
    assert (answer.status, answer.code) == (400, "invalid_cursor")


@pytest.mark.postgres
async def test_the_next_page_is_linked(api: Api) -> None:
    for _ in range(3):
        await api.upload(title="100% film")
    first = await api.get("/videos", params={"limit": "2", "q": "0% f"})
    assert first.json["has_more"] is True
    target, _, relation = first.headers["Link"].partition(">; ")
    assert relation == 'rel="next"'
    second = await api.get(target.removeprefix("<"))
    assert (len(second.json["data"]), second.json["has_more"]) == (1, False)
    assert "Link" not in second.headers


# A few titles and moments only, so that many are equal and only the id tells them apart.
items = st.lists(st.tuples(st.sampled_from("aAbBß"), st.integers(0, 4)), min_size=1, max_size=25)


@pytest.mark.postgres
@pytest.mark.parametrize("sort", list(VideoSort))
def test_a_walk_meets_everything_once_whatever_is_added_and_deleted_meanwhile(
    database_url: str, sort: VideoSort
) -> None:
    with asyncio.Runner() as runner:
        pool = runner.run(open_pool(database_url, max_size=2))

        @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(
            there=items, added=items, deleted=st.sets(st.integers(0, 24)), limit=st.integers(1, 7)
        )
        def walk(
            there: list[tuple[str, int]],
            added: list[tuple[str, int]],
            deleted: set[int],
            limit: int,
        ) -> None:
            runner.run(fill(pool, there))
            met = runner.run(walk_changing(pool, sort, added, deleted, limit))
            stayed = {f"there{n:02}" for n in range(len(there)) if n not in deleted}
            assert len(met) == len(set(met))
            assert stayed <= set(met)

        walk()
        runner.run(close_pool(pool))


async def fill(pool: Pool, there: list[tuple[str, int]]) -> None:
    async with connection(pool) as session:
        await session.execute("TRUNCATE videos CASCADE")
        await add(session, "there", there)


async def walk_changing(
    pool: Pool, sort: VideoSort, added: list[tuple[str, int]], deleted: set[int], limit: int
) -> list[str]:
    """Walk through all pages; after the first, add and delete."""
    repository = Repository(pool)
    met: list[str] = []
    after: tuple[str, str] | None = None
    for page in range(1000):
        found = await repository.list_videos(sort, after=after, q=None, limit=limit)
        met += [video.id for video in found.videos]
        if page == 0:
            async with connection(pool) as session:
                await add(session, "added", added)
                gone = [f"there{n:02}" for n in deleted]
                await session.execute("DELETE FROM videos WHERE id = ANY ($1)", gone)
        if found.last is None:
            return met
        after = found.last
    raise AssertionError("the walk has no end")


async def add(session: Connection, kind: str, those: list[tuple[str, int]]) -> None:
    rows = [(f"{kind}{n:02}", title, float(second)) for n, (title, second) in enumerate(those)]
    await session.executemany(ADD, rows)

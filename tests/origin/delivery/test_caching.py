"""What an origin answers from memory, and how soon that is forgotten."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator

import pytest

from runtime.listen import HostPort
from runtime.postgres import connect
from runtime.settings import OriginSettings
from tests.fixtures.catalogue import playback_id_of
from tests.fixtures.eventually import until
from tests.fixtures.origin import Delivery, Prepared, running_origin
from tests.fixtures.postgres import PostgresServer

pytestmark = pytest.mark.postgres


@pytest.fixture
def database_url(prepared: Prepared, postgres_server: PostgresServer) -> Iterator[str]:
    """A copy of the prepared catalogue, to be changed."""
    name = postgres_server.create(
        template=prepared.database_url.partition("?")[0].rpartition("/")[2]
    )
    yield postgres_server.url(name)
    postgres_server.drop(name)


@pytest.fixture
async def origin(prepared: Prepared, database_url: str, on_plane: bool) -> AsyncIterator[Delivery]:
    settings = OriginSettings(
        database_url=database_url, data=prepared.data, listen=HostPort("127.0.0.1", 0)
    )
    async with running_origin(settings, on_plane=on_plane) as delivery:
        await until_listening(delivery)
        yield delivery


@pytest.fixture
async def segment(prepared: Prepared, origin: Delivery) -> str:
    """The URL of a segment that nobody has asked for."""
    master = (await origin.get(prepared.video_id, "master.m3u8")).decode()
    folder = re.findall(r"(v/[^/\s\"]+/[0-9a-f]+)/index\.m3u8", master)[0]
    return origin.media(prepared.video_id, f"{folder}/0.m4s")


async def made(origin: Delivery) -> float:
    """How many answers the pipeline has made with status 200."""
    async with origin.client.get(f"{origin.url}/metrics") as answer:
        page = await answer.text()
    found = re.search(r'^sluice_origin_answers_total\{status="200"\} (\S+)$', page, re.MULTILINE)
    return float(found[1]) if found else 0.0


async def until_listening(origin: Delivery) -> None:
    async def listening() -> bool:
        async with origin.client.get(f"{origin.url}/metrics") as answer:
            return "sluice_origin_listening 1.0" in await answer.text()

    await until(listening, "the origin hears of changes")


async def delete(database_url: str, video_id: str) -> None:
    async with connect(database_url) as session:
        await session.execute("DELETE FROM videos WHERE id = $1", video_id)


async def status_of(origin: Delivery, url: str) -> int:
    async with origin.client.get(url) as answer:
        await answer.read()
        return answer.status


async def bytes_of(origin: Delivery, url: str) -> bytes:
    async with origin.client.get(url) as answer:
        assert answer.status == 200
        return await answer.read()


async def asked_anew(origin: Delivery, url: str) -> bytes:
    """What the pipeline answers, whatever is known: a query names another resource of it."""
    before = await made(origin)
    body = await bytes_of(origin, f"{url}?anew")
    assert await made(origin) == before + 1
    return body


async def test_a_segment_is_made_once_and_then_answered_from_memory(
    origin: Delivery, segment: str
) -> None:
    before = await made(origin)
    async with origin.client.get(segment) as first:
        body = await first.read()
        assert first.headers["Cache-Status"].startswith("origin; fwd=uri-miss")
    for _ in range(3):
        async with origin.client.get(segment) as hit:
            assert await hit.read() == body
            assert re.fullmatch(r"origin; hit; ttl=\d+", hit.headers["Cache-Status"])
            assert int(hit.headers["Age"]) >= 0
            assert hit.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert hit.headers["Surrogate-Key"] == first.headers["Surrogate-Key"]
            assert "Sluice-Origin-Cache-Control" not in hit.headers
    assert await made(origin) == before + 1


async def test_what_is_large_is_kept_when_it_is_asked_for_again(
    prepared: Prepared, origin: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for segments that the data plane makes itself: an init segment here."""
    master = (await origin.get(prepared.video_id, "master.m3u8")).decode()
    folder = re.findall(r"(v/[^/\s\"]+/[0-9a-f]+)/index\.m3u8", master)[0]
    segment = origin.media(prepared.video_id, f"{folder}/init.mp4")
    monkeypatch.setattr("origin.delivery.pipeline.SMALL_BYTES", 0)
    before = await made(origin)
    did = []
    for _ in range(4):
        async with origin.client.get(segment) as answer:
            await answer.read()
            did.append(answer.headers["Cache-Status"])
    assert "stored" not in did[0]
    assert did[1].endswith("; stored")
    assert all(each.startswith("origin; hit") for each in did[2:])
    assert await made(origin) == before + 2


async def test_one_segment_is_asked_of_the_pipeline_and_its_track_is_known(
    origin: Delivery, segment: str, on_plane: bool
) -> None:
    """The data plane makes the others from the track's files; who has none asks each time."""
    before = await made(origin)
    first = await bytes_of(origin, segment)
    second = await bytes_of(origin, segment.replace("/0.m4s", "/1.m4s"))
    assert await made(origin) == before + (1 if on_plane else 2)
    assert first != second
    assert second == await asked_anew(origin, segment.replace("/0.m4s", "/1.m4s"))
    assert await status_of(origin, segment.replace("/0.m4s", "/999.m4s")) == 404


async def test_a_deleted_video_has_none_of_the_segments_that_nobody_asked_for(
    prepared: Prepared, database_url: str, origin: Delivery, segment: str
) -> None:
    other = segment.replace("/0.m4s", "/1.m4s")
    assert await status_of(origin, segment) == 200
    await delete(database_url, prepared.video_id)

    async def gone() -> bool:
        return await status_of(origin, other) == 404

    await until(gone, "the other segment is gone", deadline_s=20)
    assert await status_of(origin, segment) == 404


async def test_a_part_of_what_is_large_is_right_whether_it_is_kept_or_not(
    origin: Delivery, segment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("origin.delivery.pipeline.SMALL_BYTES", 0)
    async with origin.client.get(segment) as answer:
        whole = await answer.read()
    for _ in range(3):
        async with origin.client.get(segment, headers={"Range": "bytes=100-1000"}) as part:
            assert part.status == 206
            assert await part.read() == whole[100:1001]


async def test_many_who_ask_for_the_same_segment_at_once_share_one(
    origin: Delivery, segment: str
) -> None:
    before = await made(origin)
    async with asyncio.TaskGroup() as group:
        for _ in range(40):
            group.create_task(status_of(origin, segment))
    assert await made(origin) == before + 1


async def test_a_manifest_is_asked_about_each_time(prepared: Prepared, origin: Delivery) -> None:
    url = origin.media(prepared.video_id, "master.m3u8")
    for _ in range(3):
        async with origin.client.get(url) as answer:
            assert answer.status == 200
            assert "hit" not in answer.headers["Cache-Status"]
            assert answer.headers.get("Age", "0") == "0"


async def test_a_deleted_video_is_gone_from_memory_at_once(
    prepared: Prepared, database_url: str, origin: Delivery, segment: str
) -> None:
    assert await status_of(origin, segment) == 200
    await delete(database_url, prepared.video_id)

    async def gone() -> bool:
        return await status_of(origin, segment) == 404

    await until(gone, "the segment is gone", deadline_s=20)
    async with origin.client.get(f"{origin.url}/metrics") as answer:
        assert "sluice_edge_stored_objects 0.0" in await answer.text()


async def test_a_video_deleted_while_nobody_listened_is_gone_after_all(
    prepared: Prepared, database_url: str, origin: Delivery, segment: str
) -> None:
    assert await status_of(origin, segment) == 200
    async with connect(database_url) as session:
        await session.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = $1",
            "sluice origin announcements",
        )
        await session.execute("DELETE FROM videos WHERE id = $1", prepared.video_id)

    async def gone() -> bool:
        return await status_of(origin, segment) == 404

    await until(gone, "the segment is gone", deadline_s=25)


async def test_a_change_of_one_title_leaves_the_others_in_memory(
    prepared: Prepared, database_url: str, origin: Delivery, segment: str
) -> None:
    assert await status_of(origin, segment) == 200
    before = await made(origin)
    async with connect(database_url) as session:
        await session.execute("SELECT pg_notify('sluice_published', $1)", "p_another")
        await session.execute("SELECT 1")
    assert await status_of(origin, segment) == 200
    assert await made(origin) == before


async def test_signed_media_are_answered_to_edges_without_a_token_and_never_with_one(
    prepared: Prepared, database_url: str, origin: Delivery, segment: str
) -> None:
    """The edge has looked at the token and taken it off."""
    signed = f"s_{prepared.video_id}"
    async with connect(database_url) as session:
        await session.execute(
            "UPDATE videos SET playback_id = $2 WHERE id = $1", prepared.video_id, signed
        )
    url = segment.replace(playback_id_of(prepared.video_id), signed)
    token = f"~{'A' * 43}.k1.4000000000.viewer.0"
    for _ in range(2):
        assert await status_of(origin, url) == 200
        assert await status_of(origin, url.replace("/media/", f"/media/{token}/")) == 404

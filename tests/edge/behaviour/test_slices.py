"""Films of many slices: what is stored of them, what is asked for, and how they are served."""

import asyncio
import re

import pytest

from core.cache.policies import CachePolicy
from tests.fixtures.edge import RunningEdge, StartEdge
from tests.fixtures.film_upstream import FILM, MIB, film_bytes, film_upstream
from tests.fixtures.raw_client import Answer, RawClient

LENGTH = 5 * MIB + 1000


async def check_film(client: RawClient, start: int, stop: int, salt: int = 0) -> None:
    """Read so much of an answer, and compare it piece by piece."""
    for at in range(start, stop, MIB):
        end = min(at + MIB, stop)
        assert await client.exactly(end - at) == film_bytes(at, end, salt)


def of_film(answer: Answer, start: int, stop: int) -> bool:
    return answer.whole and answer.body == film_bytes(start, stop)


async def test_a_film_is_stored_by_slices_and_served_from_them(start_edge: StartEdge) -> None:
    async with film_upstream(LENGTH) as upstream, start_edge(upstream.url) as edge:
        assert of_film(await edge.get(FILM), 0, LENGTH)
        again = await edge.get(FILM)
        assert of_film(again, 0, LENGTH)
        assert "; hit; " in again["Cache-Status"]
        for start, stop in [(0, 1), (MIB - 1, MIB + 1), (MIB, 3 * MIB), (LENGTH - 5, LENGTH)]:
            part = await edge.get(FILM, {"Range": f"bytes={start}-{stop - 1}"})
            assert part.status == 206
            assert of_film(part, start, stop)
            assert "; hit; " in part["Cache-Status"]
        assert upstream.ranges == [None]
        assert await edge.metric("sluice_edge_stored_objects") == 1


async def test_several_ranges_across_slices_are_put_together(start_edge: StartEdge) -> None:
    async with film_upstream(LENGTH) as upstream, start_edge(upstream.url) as edge:
        await edge.get(FILM)
        spans = [(4 * MIB - 2, 4 * MIB + 2), (0, 10), (MIB - 1, 2 * MIB + 1)]
        field = ",".join(f"{start}-{stop - 1}" for start, stop in spans)
        answers = [await edge.get(FILM, {"Range": f"bytes={field}"}) for _ in range(2)]
        for answer in answers:
            assert answer.status == 206
            assert [body for _, body in parts(answer)] == [film_bytes(*span) for span in spans]
        assert len(upstream.asked) == 1


def parts(answer: Answer) -> list[tuple[str, bytes]]:
    boundary = answer["Content-Type"].partition("boundary=")[2].encode()
    found = []
    for piece in answer.body.split(b"--" + boundary)[1:-1]:
        head, _, body = piece.partition(b"\r\n\r\n")
        match = re.search(rb"Content-Range: (.*)", head)
        assert match is not None
        found.append((match[1].decode().strip(), body.removesuffix(b"\r\n")))
    return found


async def test_a_range_of_what_nobody_asked_for_yet_asks_for_its_slices_alone(
    start_edge: StartEdge,
) -> None:
    async with film_upstream(LENGTH) as upstream, start_edge(upstream.url) as edge:
        part = await edge.get(FILM, {"Range": "bytes=2500000-2500009"})
        assert part.status == 206
        assert of_film(part, 2500000, 2500010)
        assert part["Content-Range"] == f"bytes 2500000-2500009/{LENGTH}"
        assert upstream.ranges == [f"bytes={2 * MIB}-{3 * MIB - 1}"]
        assert "fwd=uri-miss; fwd-status=206; ttl=" in part["Cache-Status"]
        assert "; stored" in part["Cache-Status"]
        # What has come is there for others, and what is missing is asked for with If-Range.
        hit = await edge.get(FILM, {"Range": "bytes=3000000-3000009"})
        assert "; hit; " in hit["Cache-Status"]
        more = await edge.get(FILM, {"Range": f"bytes=3000000-{4 * MIB}"})
        assert of_film(more, 3000000, 4 * MIB + 1)
        assert "fwd=partial; fwd-status=206" in more["Cache-Status"]
        assert upstream.ranges[1:] == [f"bytes={3 * MIB}-{5 * MIB - 1}"]
        assert upstream.asked[1].if_range == '"v1"'
        whole = await edge.get(FILM)
        assert of_film(whole, 0, LENGTH)
        assert upstream.ranges[2:] == [f"bytes=0-{2 * MIB - 1}", f"bytes={5 * MIB}-{LENGTH - 1}"]
        assert "; hit; " in (await edge.get(FILM))["Cache-Status"]


@pytest.mark.parametrize("field", ["bytes=-10", f"bytes=-{LENGTH + 5}"])
async def test_a_range_from_the_end_learns_first_where_that_is(
    start_edge: StartEdge, field: str
) -> None:
    async with film_upstream(LENGTH) as upstream, start_edge(upstream.url) as edge:
        part = await edge.get(FILM, {"Range": field})
        assert part.status == 206
        assert of_film(part, max(0, LENGTH - int(field[7:])), LENGTH)
        assert upstream.ranges[0] == f"bytes=0-{MIB - 1}"


async def test_a_range_beyond_the_end_is_told_so(start_edge: StartEdge) -> None:
    async with film_upstream(LENGTH) as upstream, start_edge(upstream.url) as edge:
        answer = await edge.get(FILM, {"Range": f"bytes={LENGTH}-"})
        assert answer.status == 416
        assert answer["Content-Range"] == f"bytes */{LENGTH}"


async def test_an_open_range_of_a_long_film_is_asked_for_a_piece_at_a_time(
    start_edge: StartEdge,
) -> None:
    length = 40 * MIB
    async with film_upstream(length) as upstream, start_edge(upstream.url) as edge:
        async with edge.connect() as client:
            await client.send(FILM, {"Range": "bytes=0-"})
            assert (await client.head()).status == 206
            await check_film(client, 0, length)
        assert upstream.ranges == [
            f"bytes=0-{16 * MIB - 1}",
            f"bytes={16 * MIB}-{32 * MIB - 1}",
            f"bytes={32 * MIB}-{length - 1}",
        ]


async def test_head_and_preconditions_need_no_slices(start_edge: StartEdge) -> None:
    async with film_upstream(LENGTH) as upstream, start_edge(upstream.url) as edge:
        await edge.get(FILM, {"Range": "bytes=0-0"})
        head = await edge.get(FILM, method="HEAD")
        assert (head.status, head["Content-Length"]) == (200, str(LENGTH))
        assert (await edge.get(FILM, {"If-None-Match": '"v1"'})).status == 304
        assert len(upstream.asked) == 1


async def test_what_only_wants_what_is_cached_is_not_completed(start_edge: StartEdge) -> None:
    async with film_upstream(LENGTH) as upstream, start_edge(upstream.url) as edge:
        await edge.get(FILM, {"Range": "bytes=0-0"})
        wish = {"Cache-Control": "only-if-cached"}
        assert (await edge.get(FILM, wish)).status == 504
        assert (await edge.get(FILM, {**wish, "Range": "bytes=0-99"})).status == 206
        assert len(upstream.asked) == 1


async def test_a_slice_that_has_come_is_served_while_the_rest_is_coming(
    start_edge: StartEdge,
) -> None:
    gate = asyncio.Event()
    async with (
        film_upstream(LENGTH, gate=gate, gate_bytes=3 * MIB + 7) as upstream,
        start_edge(upstream.url) as edge,
        edge.connect() as first,
    ):
        await first.send(FILM)
        await first.head()
        await check_film(first, 0, 3 * MIB)
        part = await edge.get(FILM, {"Range": f"bytes=10-{2 * MIB}"})
        assert "; hit; " in part["Cache-Status"]
        assert of_film(part, 10, 2 * MIB + 1)
        async with edge.connect() as second:
            await second.send(FILM)
            head = await second.head()
            assert "collapsed" in head["Cache-Status"]
            await check_film(second, 0, 3 * MIB)
            gate.set()
            await check_film(second, 3 * MIB, LENGTH)
        await check_film(first, 3 * MIB, LENGTH)
        assert upstream.ranges == [None]


async def test_a_thousand_ranges_of_one_slice_are_one_upstream_request(
    start_edge: StartEdge,
) -> None:
    before = asyncio.Event()
    async with film_upstream(LENGTH, before=before) as upstream, start_edge(upstream.url) as edge:
        ranges = [{"Range": f"bytes={2 * MIB + n}-{2 * MIB + n + 9}"} for n in range(1000)]
        everyone = asyncio.gather(*(edge.get(FILM, fields) for fields in ranges))
        await edge.until_metric("sluice_edge_active_requests", 1000)
        before.set()
        for number, answer in enumerate(await everyone):
            assert of_film(answer, 2 * MIB + number, 2 * MIB + number + 10)
        assert len(upstream.asked) == 1


async def test_ranges_that_miss_the_same_slice_share_its_fetch(start_edge: StartEdge) -> None:
    async with film_upstream(LENGTH) as upstream, start_edge(upstream.url) as edge:
        await edge.get(FILM, {"Range": "bytes=0-0"})
        upstream.before = asyncio.Event()
        one = {"Range": f"bytes={3 * MIB}-{3 * MIB + 9}"}
        everyone = asyncio.gather(*(edge.get(FILM, one) for _ in range(50)))
        await edge.until_metric("sluice_edge_active_requests", 50)
        upstream.before.set()
        assert all(of_film(answer, 3 * MIB, 3 * MIB + 10) for answer in await everyone)
        assert len(upstream.asked) == 2


async def test_a_waiter_for_a_slice_is_promoted_when_the_leader_fails_before_its_head(
    start_edge: StartEdge,
) -> None:
    async with film_upstream(LENGTH) as upstream, start_edge(upstream.url) as edge:
        await edge.get(FILM, {"Range": "bytes=0-0"})
        upstream.before, upstream.status = asyncio.Event(), 503
        one = {"Range": f"bytes={3 * MIB}-{3 * MIB + 9}"}
        everyone = asyncio.gather(*(edge.get(FILM, one) for _ in range(10)))
        await edge.until_metric("sluice_edge_active_requests", 10)
        before = upstream.before
        upstream.before = None
        before.set()
        await upstream.until_asked(3)
        statuses = [answer.status for answer in await everyone]
        assert set(statuses) == {502}
        assert len(upstream.asked) == 3
        upstream.status = 200
        assert (await edge.get(FILM, one)).status == 206


async def test_a_broken_fetch_goes_on_where_it_broke(start_edge: StartEdge) -> None:
    async with (
        film_upstream(LENGTH, dies_after=[2 * MIB + 5000]) as upstream,
        start_edge(upstream.url) as edge,
    ):
        assert of_film(await edge.get(FILM), 0, LENGTH)
        assert upstream.ranges == [None, f"bytes={2 * MIB}-{LENGTH - 1}"]
        assert upstream.asked[1].if_range == '"v1"'
        assert "; hit; " in (await edge.get(FILM))["Cache-Status"]


async def test_a_fetch_that_breaks_again_and_again_is_given_up(start_edge: StartEdge) -> None:
    async with (
        film_upstream(LENGTH, dies_after=[2 * MIB + 5000, *[70_000] * 20]) as upstream,
        start_edge(upstream.url) as edge,
    ):
        cut = await edge.get(FILM)
        assert not cut.whole
        assert film_bytes(0, LENGTH).startswith(cut.body)
        assert 2 <= len(upstream.asked) <= 4
        # Slices of a body with a strong tag are good by themselves.
        hit = await edge.get(FILM, {"Range": f"bytes=0-{2 * MIB - 1}"})
        assert "; hit; " in hit["Cache-Status"]


@pytest.mark.parametrize("etag", [None, 'W/"v1"'])
async def test_without_a_strong_tag_a_broken_fetch_is_the_end_and_nothing_is_whole(
    start_edge: StartEdge, etag: str | None
) -> None:
    async with (
        film_upstream(LENGTH, etag=etag, dies_after=[2 * MIB + 5000]) as upstream,
        start_edge(upstream.url) as edge,
    ):
        cut = await edge.get(FILM)
        assert not cut.whole
        assert len(upstream.asked) == 1
        assert of_film(await edge.get(FILM), 0, LENGTH)
        assert upstream.ranges == [None, None]


async def test_a_film_that_changes_while_it_is_completed_is_cut_off_for_who_had_some_of_it(
    start_edge: StartEdge,
) -> None:
    async with film_upstream(LENGTH) as upstream, start_edge(upstream.url) as edge:
        await edge.get(FILM, {"Range": "bytes=0-0"})
        upstream.etag, upstream.salt = '"v2"', 77
        cut = await edge.get(FILM)
        assert not cut.whole
        assert cut.body == film_bytes(0, MIB)
        now = await edge.get(FILM)
        assert now.whole
        assert now.body == film_bytes(0, LENGTH, 77)
        assert now["ETag"] == '"v2"'


async def test_a_film_that_changed_before_the_first_byte_is_fetched_anew(
    start_edge: StartEdge,
) -> None:
    async with film_upstream(LENGTH) as upstream, start_edge(upstream.url) as edge:
        await edge.get(FILM, {"Range": "bytes=0-0"})
        upstream.etag, upstream.salt = '"v2"', 77
        part = await edge.get(FILM, {"Range": f"bytes={3 * MIB}-{3 * MIB + 9}"})
        assert part.status == 206
        assert part.body == film_bytes(3 * MIB, 3 * MIB + 10, 77)
        first = await edge.get(FILM, {"Range": "bytes=0-9"})
        assert first.body == film_bytes(0, 10, 77)


async def test_a_part_of_another_film_is_never_mixed_in(start_edge: StartEdge) -> None:
    """An upstream that ignores If-Range, and answers with a part of what it has now."""
    async with (
        film_upstream(LENGTH, heeds_if_range=False) as upstream,
        start_edge(upstream.url) as edge,
    ):
        await edge.get(FILM, {"Range": "bytes=0-0"})
        upstream.etag, upstream.salt = '"v2"', 77
        cut = await edge.get(FILM)
        assert not cut.whole
        assert cut.body == film_bytes(0, MIB)
        assert (await edge.get(FILM)).body == film_bytes(0, LENGTH, 77)


async def test_a_part_that_says_another_total_is_not_used(start_edge: StartEdge) -> None:
    async with film_upstream(LENGTH) as upstream, start_edge(upstream.url) as edge:
        await edge.get(FILM, {"Range": "bytes=0-0"})
        upstream.says_total = LENGTH + 1
        cut = await edge.get(FILM)
        assert not cut.whole
        assert cut.body == film_bytes(0, MIB)


async def test_an_upstream_without_ranges_is_asked_for_the_whole_once(
    start_edge: StartEdge,
) -> None:
    async with (
        film_upstream(LENGTH, knows_ranges=False) as upstream,
        start_edge(upstream.url) as edge,
    ):
        part = await edge.get(FILM, {"Range": "bytes=2500000-2500009"})
        assert part.status == 206
        assert of_film(part, 2500000, 2500010)
        await edge.until_metric("sluice_edge_fetches_in_flight", 0)
        assert of_film(await edge.get(FILM), 0, LENGTH)
        assert len(upstream.asked) == 1


@pytest.mark.parametrize("etag", [None, 'W/"v1"'])
async def test_an_upstream_without_strong_tags_is_asked_for_the_whole(
    start_edge: StartEdge, etag: str | None
) -> None:
    async with film_upstream(LENGTH, etag=etag) as upstream, start_edge(upstream.url) as edge:
        part = await edge.get(FILM, {"Range": "bytes=2500000-2500009"})
        assert part.status == 206
        assert of_film(part, 2500000, 2500010)
        await edge.until_metric("sluice_edge_fetches_in_flight", 0)
        assert upstream.ranges == [f"bytes={2 * MIB}-{3 * MIB - 1}", None]
        assert "; hit; " in (await edge.get(FILM))["Cache-Status"]


async def test_a_range_of_what_may_not_be_stored_is_passed_on_as_it_is(
    start_edge: StartEdge,
) -> None:
    async with (
        film_upstream(LENGTH, cache_control="no-store") as upstream,
        start_edge(upstream.url) as edge,
    ):
        for _ in range(2):
            part = await edge.get(FILM, {"Range": "bytes=2500000-2500009"})
            assert part.status == 206
            assert of_film(part, 2500000, 2500010)
        assert upstream.ranges[1:] == ["bytes=2500000-2500009"] * 2
        assert await edge.metric("sluice_edge_stored_objects") == 0


async def test_a_film_larger_than_the_budget_streams_through(start_edge: StartEdge) -> None:
    length = 24 * MIB
    async with (
        film_upstream(length) as upstream,
        start_edge(upstream.url, memory_bytes=8 * MIB) as edge,
        edge.connect() as client,
    ):
        await client.send(FILM)
        head = await client.head()
        assert "detail=too-large" in head["Cache-Status"]
        await check_film(client, 0, length)
        assert await edge.metric("sluice_edge_stored_bytes") == 0
        # Ranges of it are stored by slices all the same.
        wanted = {"Range": f"bytes={20 * MIB}-{20 * MIB + 9}"}
        parts = [await edge.get(FILM, wanted) for _ in range(2)]
        assert all(of_film(part, 20 * MIB, 20 * MIB + 10) for part in parts)
        assert "; hit; " in parts[1]["Cache-Status"]


async def test_ranges_of_a_film_of_8_gib_cost_what_they_are(start_edge: StartEdge) -> None:
    length = 2**33
    async with (
        film_upstream(length) as upstream,
        start_edge(upstream.url, memory_bytes=64 * MIB) as edge,
    ):
        for start in (0, 2**32 - 5, length - 10):
            part = await edge.get(FILM, {"Range": f"bytes={start}-{start + 9}"})
            assert part["Content-Range"] == f"bytes {start}-{start + 9}/{length}"
            assert of_film(part, start, start + 10)
        last = await edge.get(FILM, {"Range": "bytes=-7"})
        assert of_film(last, length - 7, length)
        await edge.until_metric("sluice_edge_fetches_in_flight", 0)
        assert await edge.metric("sluice_edge_stored_bytes") < 5 * MIB
        assert upstream.sent_bytes < 6 * MIB


async def test_a_slow_reader_goes_on_with_slices_that_were_stored_or_are_asked_for_again(
    start_edge: StartEdge,
) -> None:
    """Behind it others read other films, which take the place of the slices it needs."""
    length = 15 * MIB
    async with (
        film_upstream(length) as upstream,
        start_edge(upstream.url, memory_bytes=16 * MIB, cache_policy=CachePolicy.LRU) as edge,
        edge.connect() as slow,
    ):
        await slow.send(FILM)
        await slow.head()
        await check_film(slow, 0, MIB)
        await edge.until_metric("sluice_edge_fetches_in_flight", 0)
        for number in range(3):
            assert of_film(await edge.get(f"/media/p_2/{number}.mp4"), 0, length)
        await check_film(slow, MIB, length)
        assert upstream.ranges.count(None) == 4
        assert any(asked.if_range == '"v1"' for asked in upstream.asked)


async def test_a_slow_reader_of_a_film_without_a_tag_gets_it_whole(start_edge: StartEdge) -> None:
    length = 15 * MIB
    async with (
        film_upstream(length, etag=None) as upstream,
        start_edge(upstream.url, memory_bytes=16 * MIB, cache_policy=CachePolicy.LRU) as edge,
        edge.connect() as slow,
    ):
        await slow.send(FILM)
        await slow.head()
        await check_film(slow, 0, MIB)
        await edge.until_metric("sluice_edge_fetches_in_flight", 0)
        for number in range(3):
            assert of_film(await edge.get(f"/media/p_2/{number}.mp4"), 0, length)
        await check_film(slow, MIB, length)
        assert upstream.ranges == [None] * 4


async def test_what_is_incomplete_and_cannot_be_completed_is_fetched_whole(
    start_edge: StartEdge,
) -> None:
    length = 6 * MIB
    async with (
        film_upstream(length, etag=None) as upstream,
        start_edge(upstream.url, memory_bytes=8 * MIB, cache_policy=CachePolicy.LRU) as edge,
    ):
        for name in (FILM, "/media/p_2/x.mp4", FILM):
            assert of_film(await edge.get(name), 0, length)
        assert upstream.ranges == [None] * 3


async def test_a_film_of_unknown_length_is_stored_at_its_end(start_edge: StartEdge) -> None:
    async with film_upstream(LENGTH, chunked=True) as upstream, start_edge(upstream.url) as edge:
        assert of_film(await edge.get(FILM), 0, LENGTH)
        part = await edge.get(FILM, {"Range": f"bytes={MIB - 5}-{MIB + 4}"})
        assert of_film(part, MIB - 5, MIB + 5)
        assert "; hit; " in part["Cache-Status"]
        assert len(upstream.asked) == 1


async def test_a_purge_while_a_film_is_coming_delivers_it_and_stores_nothing(
    start_edge: StartEdge,
) -> None:
    gate = asyncio.Event()
    async with (
        film_upstream(
            LENGTH, gate=gate, gate_bytes=2 * MIB + 7, more={"Surrogate-Key": "film"}
        ) as upstream,
        start_edge(upstream.url) as edge,
        edge.connect() as early,
    ):
        await early.send(FILM)
        await early.head()
        await check_film(early, 0, 2 * MIB)
        assert await edge.metric("sluice_edge_stored_objects") == 1
        await edge.purge(keys=["film"])
        assert await edge.metric("sluice_edge_stored_objects") == 0
        gate.set()
        await check_film(early, 2 * MIB, LENGTH)
        await edge.until_metric("sluice_edge_fetches_in_flight", 0)
        assert await edge.metric("sluice_edge_stored_objects") == 0
        assert of_film(await edge.get(FILM), 0, LENGTH)
        assert upstream.ranges == [None, None]


async def test_a_client_that_leaves_does_not_stop_a_film_that_another_reads(
    start_edge: StartEdge,
) -> None:
    gate = asyncio.Event()
    async with (
        film_upstream(LENGTH, gate=gate, gate_bytes=MIB + 7) as upstream,
        start_edge(upstream.url) as edge,
        edge.connect() as staying,
    ):
        async with edge.connect() as leaving:
            await leaving.send(FILM)
            await leaving.head()
            await staying.send(FILM)
            await staying.head()
            leaving.writer.transport.abort()
        await edge.until_metric("sluice_edge_active_requests", 1)
        gate.set()
        await check_film(staying, 0, LENGTH)
        assert upstream.ranges == [None]


async def test_a_long_film_that_nobody_reads_any_more_is_not_fetched_to_its_end(
    start_edge: StartEdge,
) -> None:
    async with film_upstream(200 * MIB) as upstream, start_edge(upstream.url) as edge:
        async with edge.connect() as leaving:
            await leaving.send(FILM)
            await leaving.head()
            leaving.writer.transport.abort()
        await edge.until_metric("sluice_edge_fetches_in_flight", 0)
        assert upstream.sent_bytes < 100 * MIB
        part = await edge.get(FILM, {"Range": "bytes=0-9"})
        assert "; hit; " in part["Cache-Status"]


async def test_a_stale_film_is_confirmed_once_and_completed_after_that(
    start_edge: StartEdge,
) -> None:
    async with film_upstream(LENGTH, cache_control="max-age=0") as upstream:
        upstream.more["Vary"] = "Accept-Language"
        async with start_edge(upstream.url) as edge:
            assert of_film(await edge.get(FILM), 0, LENGTH)
            assert of_film(await edge.get(FILM), 0, LENGTH)
    assert upstream.asked[1].fields["if-none-match"] == '"v1"'


async def test_variants_of_a_film_have_slices_of_their_own(start_edge: StartEdge) -> None:
    async with film_upstream(LENGTH, more={"Vary": "Accept-Language"}) as upstream:
        async with start_edge(upstream.url) as edge:
            for language in ("de", "en"):
                answer = await edge.get(FILM, {"Accept-Language": language})
                assert of_film(answer, 0, LENGTH)
                upstream.etag = '"en"'
            for language in ("de", "en"):
                part = {"Accept-Language": language, "Range": f"bytes={MIB}-{MIB + 9}"}
                assert of_film(await edge.get(FILM, part), MIB, MIB + 10)
        assert len(upstream.asked) == 2


async def read_slowly(edge: RunningEdge, length: int) -> None:
    async with edge.connect() as client:
        await client.send(FILM)
        await client.head()
        await check_film(client, 0, length)


async def test_many_readers_at_many_paces_all_get_every_byte(start_edge: StartEdge) -> None:
    length = 20 * MIB
    async with (
        film_upstream(length) as upstream,
        start_edge(upstream.url, memory_bytes=24 * MIB) as edge,
        asyncio.TaskGroup() as together,
    ):
        for number in range(6):
            together.create_task(read_slowly(edge, length))
            if number == 2:
                await asyncio.sleep(0.05)
    assert upstream.ranges[0] is None

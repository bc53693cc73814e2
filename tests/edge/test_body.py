"""The buffer between one fetch and its readers."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.body import PIECE_BYTES, BodyReader, GrowingBody
from edge.faults import UpstreamBroken


async def read_all(reader: BodyReader, stop: int | None = None) -> bytes:
    taken = b""
    while piece := await reader.read(stop):
        taken += piece
    return taken


async def test_a_reader_gets_bytes_as_they_come_and_then_the_end() -> None:
    body = GrowingBody()
    with body.reading() as reader:
        waiting = asyncio.ensure_future(reader.read())
        await asyncio.sleep(0)
        assert not waiting.done()
        await body.append(b"one")
        assert bytes(await waiting) == b"one"
        await body.append(b"two")
        body.finish()
        assert await read_all(reader) == b"two"


async def test_who_joins_late_begins_at_the_first_byte() -> None:
    body = GrowingBody()
    for chunk in (b"one", b"", b"two"):
        await body.append(chunk)
    with body.reading() as early, body.reading() as late:
        assert bytes(await early.read()) == b"one"
        body.finish()
        assert await read_all(late) == b"onetwo"
        assert await read_all(early) == b"two"


async def test_sealing_changes_nothing_for_a_reader_in_the_middle() -> None:
    body = GrowingBody()
    await body.append(b"abc")
    await body.append(b"def")
    with body.reading() as reader:
        reader.seek(1)
        assert bytes(await reader.read(2)) == b"b"
        assert body.seal() == b"abcdef"
        body.finish()
        assert await read_all(reader) == b"cdef"


async def test_a_body_cut_short_gives_its_bytes_and_then_the_fault() -> None:
    body = GrowingBody()
    await body.append(b"one")
    body.fail(UpstreamBroken("cut"))
    with body.reading() as reader:
        assert bytes(await reader.read()) == b"one"
        with pytest.raises(UpstreamBroken, match="cut"):
            await reader.read()


async def test_a_range_before_the_cut_is_whole() -> None:
    body = GrowingBody()
    await body.append(b"onetwo")
    body.fail(UpstreamBroken("cut"))
    with body.reading() as reader:
        reader.seek(2)
        assert await read_all(reader, 4) == b"et"


async def test_pieces_are_bounded() -> None:
    body = GrowingBody()
    await body.append(bytes(3 * PIECE_BYTES))
    with body.reading() as reader:
        assert len(await reader.read()) == PIECE_BYTES


async def test_a_window_waits_for_the_slowest_reader_and_drops_what_all_have() -> None:
    body = GrowingBody()
    with body.reading() as slow, body.reading() as fast:
        body.pass_through(10)
        await body.append(b"x" * 8)
        filling = asyncio.ensure_future(body.append(b"y" * 8))
        for _ in range(2):
            await fast.read()
        await asyncio.sleep(0)
        assert not filling.done()
        assert body.kept_bytes == 16
        await slow.read()
        await filling
        assert body.kept_bytes == 8


async def test_a_reader_that_leaves_lets_the_window_go_on() -> None:
    body = GrowingBody()
    with body.reading() as staying:
        with body.reading():
            body.pass_through(4)
            filling = asyncio.ensure_future(body.append(b"x" * 8))
            await staying.read()
            await asyncio.sleep(0)
            assert not filling.done()
        await filling


async def test_the_length_is_known_at_the_end_or_never() -> None:
    body = GrowingBody()
    waiting = asyncio.ensure_future(body.measured())
    await body.append(b"12345")
    await asyncio.sleep(0)
    assert not waiting.done()
    body.finish()
    assert await waiting == 5

    passing = GrowingBody()
    waiting = asyncio.ensure_future(passing.measured())
    await asyncio.sleep(0)
    passing.pass_through(10)
    assert await waiting is None


@settings(max_examples=50)
@given(
    st.lists(st.binary(min_size=1, max_size=40), max_size=20),
    st.integers(0, 3),
    st.none() | st.integers(0, 60),
)
def test_every_reader_gets_every_byte_in_order(
    chunks: list[bytes], readers: int, window: int | None
) -> None:
    async def run() -> list[bytes]:
        body = GrowingBody()
        opened = [body.open() for _ in range(readers)]
        tasks = [asyncio.ensure_future(read_all(reader)) for reader in opened]
        for number, chunk in enumerate(chunks):
            if number == 2 and window is not None:
                body.pass_through(window)
            await body.append(chunk)
        body.finish()
        return [await task for task in tasks]

    assert asyncio.run(run()) == [b"".join(chunks)] * readers

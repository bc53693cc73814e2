"""Room in memory: who waits, who is let in, and who is told to come again."""

import asyncio

import pytest

from origin.delivery.room import NoRoom, Room


async def test_what_fits_is_let_in_at_once() -> None:
    room = Room(100)
    await room.take(60)
    await room.take(40)
    assert room.used_bytes == 100


async def test_what_is_larger_than_the_room_waits_until_it_is_alone() -> None:
    room = Room(100)
    await room.take(10)
    turn = asyncio.create_task(room.take(500))
    await asyncio.sleep(0)
    assert not turn.done()
    room.give_back(10)
    await turn
    assert room.used_bytes == 500


async def test_who_came_first_goes_first() -> None:
    room = Room(100)
    await room.take(90)
    order: list[str] = []

    async def come(name: str, size: int) -> None:
        await room.take(size)
        order.append(name)

    large = asyncio.create_task(come("large", 80))
    await asyncio.sleep(0)
    small = asyncio.create_task(come("small", 5))
    await asyncio.sleep(0)
    assert order == []
    room.give_back(90)
    await asyncio.gather(large, small)
    assert order == ["large", "small"]
    assert room.used_bytes == 85


async def test_who_waits_too_long_is_told_to_come_again_and_takes_nothing() -> None:
    room = Room(100, longest_wait_s=0.01)
    await room.take(100)
    with pytest.raises(NoRoom) as refusal:
        await room.take(1)
    assert (refusal.value.status, refusal.value.retry_after_s) == (503, 1)
    assert room.used_bytes == 100
    room.give_back(100)
    await room.take(100)


async def test_who_gives_up_leaves_the_turn_to_the_next() -> None:
    room = Room(100)
    await room.take(100)
    first = asyncio.create_task(room.take(100))
    await asyncio.sleep(0)
    second = asyncio.create_task(room.take(20))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    room.give_back(100)
    await second
    assert room.used_bytes == 20


async def test_what_is_on_its_way_takes_room_until_it_is_gone() -> None:
    on_its_way = [70]
    room = Room(100, lent_bytes=lambda: sum(on_its_way))
    turn = asyncio.create_task(room.take(40))
    await asyncio.sleep(0)
    assert (turn.done(), room.used_bytes) == (False, 70)
    on_its_way.clear()
    await turn
    assert room.used_bytes == 40

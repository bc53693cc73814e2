import asyncio

import pytest

from runtime.redis import (
    BackOff,
    RedisMisconfigured,
    RedisRefused,
    RedisUnavailable,
    open_redis,
)
from tests.fixtures.redis import RedisServer


async def test_a_script_answers_with_texts_numbers_and_nothing(redis_server: RedisServer) -> None:
    async with open_redis(redis_server.url) as redis:
        script = "return {KEYS[1], ARGV[1], 7, redis.call('GET', 'none')}"
        assert await redis.evaluate(script, ("key",), "word") == ["key", "word", 7, None]


async def test_a_stream_is_read_in_order_after_a_given_entry(redis_server: RedisServer) -> None:
    with redis_server.client() as client:
        ids = [client.xadd("s", {"n": str(n)}) for n in range(3)]
    async with open_redis(redis_server.url) as redis:
        rows = await redis.read_stream("s", str(ids[0]), wait_s=1, limit=10)
    assert [(row.id, row.fields) for row in rows] == [(ids[1], {"n": "1"}), (ids[2], {"n": "2"})]


async def test_a_stream_without_news_is_read_as_empty(redis_server: RedisServer) -> None:
    async with open_redis(redis_server.url) as redis:
        assert await redis.read_stream("s", "0-0", wait_s=0.01, limit=10) == []


async def test_nobody_listening_is_unavailable() -> None:
    async with open_redis("redis://127.0.0.1:1/0") as redis:
        with pytest.raises(RedisUnavailable, match=r"127\.0\.0\.1:1/0"):
            await redis.ping()


async def test_a_redis_that_hangs_is_unavailable_and_answers_rightly_once_it_goes_on(
    redis_server: RedisServer,
) -> None:
    async with open_redis(redis_server.url, deadline_s=1) as redis:
        await redis.ping()
        redis_server.pause()
        with pytest.raises(RedisUnavailable):
            await redis.evaluate("return 'late'", ())
        redis_server.resume()
        assert await redis.evaluate("return 'next'", ()) == "next"


async def test_a_call_that_is_cancelled_leaves_no_answer_for_the_next(
    redis_server: RedisServer,
) -> None:
    async with open_redis(redis_server.url) as redis:
        reading = asyncio.create_task(redis.read_stream("s", "$", wait_s=5, limit=1))
        await asyncio.sleep(0.05)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        with redis_server.client() as client:
            client.xadd("s", {"a": "b"})
        assert await redis.evaluate("return 'mine'", ()) == "mine"


async def test_a_restart_is_noticed_by_one_command_at_most(redis_server: RedisServer) -> None:
    async with open_redis(redis_server.url) as redis:
        await redis.ping()
        redis_server.kill()
        with pytest.raises(RedisUnavailable):
            await redis.ping()
        redis_server.start()
        await redis.ping()


async def test_what_redis_refuses_says_why(redis_server: RedisServer) -> None:
    with redis_server.client() as client:
        client.set("s", "no stream")
    async with open_redis(redis_server.url) as redis:
        with pytest.raises(RedisRefused, match="WRONGTYPE"):
            await redis.read_stream("s", "0-0", wait_s=0.01, limit=1)


async def test_passwords_are_not_in_messages() -> None:
    async with open_redis("redis://user:hidden@127.0.0.1:1") as redis:
        with pytest.raises(RedisUnavailable) as raised:
            await redis.ping()
    assert "hidden" not in raised.value.message


async def test_a_url_of_another_scheme_is_misconfigured() -> None:
    with pytest.raises(RedisMisconfigured):
        async with open_redis("http://cache"):
            pass


async def test_waits_between_tries_grow_have_an_end_and_begin_anew() -> None:
    back_off = BackOff(shortest_s=0.001, longest_s=0.004)
    delays = []
    for _ in range(4):
        delays.append(back_off.delay_s(0))
        await back_off.wait()
    assert delays == [0.001, 0.002, 0.004, 0.004]
    back_off.succeeded()
    assert back_off.delay_s(0) == 0.001

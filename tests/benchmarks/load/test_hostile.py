"""The hostile bench: its viewers notice what they should, and its verdicts are as it says."""

import asyncio
import os
from pathlib import Path

import pytest

from benchmarks.load.hostile.__main__ import Phase, Results, lines
from benchmarks.load.hostile.attacks import ATTACKS, SETTLES_S, Target, request
from benchmarks.load.hostile.leak import MIXTURE, Client, Held, ask_all, grown
from benchmarks.load.hostile.objects import VIEWED, body_of
from benchmarks.load.hostile.upstream import serve
from benchmarks.load.hostile.viewers import Seen, viewers
from tests.fixtures.edge import reference_edge
from tests.fixtures.upstream import Reply, scripted_upstream

BODY = os.urandom(100_000)
FRESH = {"Cache-Control": "max-age=600"}


@pytest.mark.parametrize(
    ("reply", "errors"),
    [
        (Reply(200, FRESH, BODY), 0),
        (Reply(200, FRESH, BODY[:-1] + bytes([BODY[-1] ^ 1])), 5),
        (Reply(200, FRESH, BODY[:-1]), 5),
        (Reply(404, FRESH, BODY), 5),
    ],
    ids=["right", "a wrong byte", "a byte too few", "a wrong status"],
)
async def test_viewers_look_at_every_byte(tmp_path: Path, reply: Reply, errors: int) -> None:
    (tmp_path / "body").write_bytes(BODY)
    async with scripted_upstream() as upstream:
        upstream.on("/film", reply)

        def watch() -> Seen:
            log = tmp_path / "log"
            with viewers(
                upstream.port,
                request("/film"),
                tmp_path / "body",
                connections=4,
                per_s=50,
                log=log,
            ) as watching:
                return watching.watch(0.1)

        seen = await asyncio.to_thread(watch)
    assert (seen.requests, seen.errors) == (5, errors)


def seen(p99_us: float, errors: int = 0) -> Seen:
    return Seen(100, errors, 1.0, p99_us, p99_us)


@pytest.mark.parametrize(
    ("during", "kept"), [(seen(199.0), True), (seen(201.0), False), (seen(10.0, 1), False)]
)
def test_the_goal_is_no_error_and_twice_the_time(during: Seen, kept: bool) -> None:
    results = Results(
        [Phase("idle", "", during)], [seen(100.0), seen(90.0), seen(5000.0)], True, True
    )
    assert results.kept is kept


def test_one_bad_moment_in_several_rounds_decides_nothing() -> None:
    phases = [Phase("idle", "", seen(p99_us)) for p99_us in (150.0, 9000.0, 190.0)]
    phases += [Phase("misses", "", seen(p99_us)) for p99_us in (150.0, 201.0, 300.0)]
    results = Results(phases, [seen(100.0), seen(90.0), seen(5000.0)], True, True)
    assert results.ratio("idle") == 1.9
    assert results.ratio("misses") == 2.01
    assert not results.kept
    text = "\n".join(lines(results))
    assert "MISSED" in text
    assert len([line for line in text.splitlines() if line.startswith("idle")]) == 1


def test_times_to_settle_are_those_of_attacks() -> None:
    assert set(SETTLES_S) <= set(ATTACKS)


def held(descriptors: int, rss: int) -> Held:
    return Held(0, descriptors, rss, 0)


def test_what_comes_and_goes_is_no_leak_and_what_only_comes_is() -> None:
    steady = [held(20 + number % 5, 100 << 20) for number in range(10)]
    assert grown(steady) == []
    assert grown([held(20 + number, 100 << 20) for number in range(10)]) == ["descriptors"]
    assert grown([held(20, number << 22) for number in range(10)]) == ["resident memory"]


async def test_every_kind_of_request_of_the_leak_run_comes_to_its_end() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with reference_edge(f"http://127.0.0.1:{port}", breaker_failures=0) as edge:
        target = Target(edge.port)
        for kind, _ in MIXTURE:
            one = Client(target, target.done)
            assert await one.ask(kind) > 0
            one.close()
        assert set(target.done) == {kind for kind, _ in MIXTURE}
        assert await ask_all(target, 200, target.done) >= 200
        await edge.until_metric("sluice_edge_active_requests", 0)
        assert (await edge.get(VIEWED)).body == body_of(VIEWED)
    server.close()

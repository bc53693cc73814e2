"""Answers over slices that need no Python, and those that do."""

from core.cache.policies import CachePolicy
from tests.fixtures.edge import RunningEdge, StartEdge
from tests.fixtures.film_upstream import FILM, MIB, film_bytes, film_upstream

LENGTH = 20 * MIB


async def crossed(edge: RunningEdge, field: str, start: int, stop: int) -> float:
    """Ask for a range of a stored film; give how many requests went to Python for it."""
    before = await edge.metric("sluice_edge_crossed_requests_total")
    answer = await edge.get(FILM, {"Range": f"bytes={field}"})
    assert answer.status == 206
    if start < stop:
        assert answer.body == film_bytes(start, stop)
    assert "; hit; " in answer["Cache-Status"]
    return await edge.metric("sluice_edge_crossed_requests_total") - before


async def test_up_to_sixteen_slices_need_no_python(start_edge: StartEdge) -> None:
    async with film_upstream(LENGTH) as upstream, start_edge(upstream.url) as edge:
        await edge.get(FILM)
        assert await crossed(edge, "5-5", 5, 6) == 0
        assert await crossed(edge, f"0-{16 * MIB - 1}", 0, 16 * MIB) == 0
        assert await crossed(edge, f"0-{16 * MIB}", 0, 16 * MIB + 1) == 1
        assert await crossed(edge, f"9-{MIB},{3 * MIB}-{3 * MIB + 9}", 0, 0) == 0
        assert len(upstream.asked) == 1


async def test_a_hit_without_python_keeps_the_slice_and_not_its_neighbours(
    start_edge: StartEdge,
) -> None:
    config = {"memory_bytes": 8 * MIB, "cache_policy": CachePolicy.LRU}
    async with film_upstream(4 * MIB) as upstream, start_edge(upstream.url, **config) as edge:
        await edge.get(FILM)
        assert await crossed(edge, "0-9", 0, 10) == 0
        await edge.get("/media/p_2/film.mp4")
        await edge.get("/media/p_3/film.mp4", {"Range": "bytes=0-9"})
        assert await crossed(edge, "0-9", 0, 10) == 0
        missed = await edge.get(FILM, {"Range": f"bytes={MIB}-{MIB + 9}"})
        assert missed.body == film_bytes(MIB, MIB + 10)
        assert "hit" not in missed["Cache-Status"]


async def test_a_slice_that_is_gone_takes_no_other_with_it(start_edge: StartEdge) -> None:
    config = {"memory_bytes": 8 * MIB, "cache_policy": CachePolicy.LRU}
    async with film_upstream(6 * MIB) as upstream, start_edge(upstream.url, **config) as edge:
        await edge.get(FILM)
        await edge.get("/media/p_2/film.mp4", {"Range": f"bytes=0-{2 * MIB}"})
        assert await crossed(edge, f"{3 * MIB}-", 3 * MIB, 6 * MIB) == 0
        whole = await edge.get(FILM)
        assert whole.body == film_bytes(0, 6 * MIB)
        assert "fwd=partial" in whole["Cache-Status"]

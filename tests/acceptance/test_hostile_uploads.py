"""Files that are not what they claim end in a reason, and everything else goes on."""

import asyncio
import os
from itertools import count
from pathlib import Path

import pytest

from tests.fixtures.delivered import over_hls
from tests.fixtures.hostile import HOSTILE, Hostile
from tests.fixtures.mutants import make_clips, make_mutants
from tests.fixtures.product import Play, Product

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

MUTANTS = 12
MOST_CHILDREN = 5
"""Of one worker: two quick jobs, an encoding, a storyboard, and the process that stands by."""
MOST_BYTES = 600 << 20
"""Of any one process; media work on such clips takes a quarter of that."""
MOST_SENT = 1 << 30
"""Of a file that has more, which tests of its own are about: more than any process may take up."""
BOUNDED = ("up", "server", "origin", "worker", "edge", "child")


class Viewer:
    """Plays a film over and over, each time under addresses that no cache knows yet."""

    def __init__(self, product: Product, play: Play) -> None:
        self._product = product
        self._play = play
        self.rounds = 0

    async def once(self) -> list[bytes]:
        """All that comes of the film."""
        self.rounds += 1
        own = self._play.playback_id
        address = self._play.hls.replace(own, f"{own}-h{1000 + self.rounds}")
        tracks = await over_hls(self._product.http, address)
        return sorted(track.whole for track in tracks.values())

    async def forever(self, expected: list[bytes]) -> None:
        """Play, and notice if anything is ever different."""
        while True:
            assert await self.once() == expected
            await asyncio.sleep(0.5)


async def observe(product: Product) -> None:
    """Notice a process too many or too large."""
    for _ in count():
        pids = product.pids()
        assert len(pids.get("child", [])) <= MOST_CHILDREN * product.workers
        for role in BOUNDED:
            for pid in pids.get(role, []):
                assert resident_bytes(pid) < MOST_BYTES, role
        await asyncio.sleep(0.2)


def resident_bytes(pid: int) -> int:
    """Memory of a process, 0 where it has gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
    except (FileNotFoundError, ProcessLookupError):
        return 0


async def test_each_ends_in_a_reason_or_plays_and_a_good_film_still_does(
    product: Product, film: Path, tmp_path: Path
) -> None:
    """All at once, so that they get in each other's way as much as they can."""
    good = await product.upload(film)
    assert (await product.settled(good)).status == "ready"
    viewer = Viewer(product, await product.play(good))
    expected = await viewer.once()
    watching = [
        asyncio.create_task(viewer.forever(expected)),
        asyncio.create_task(observe(product)),
    ]
    try:
        await ingest_all(product, tmp_path)
    finally:
        for task in watching:
            task.cancel()
    ended = await asyncio.gather(*watching, return_exceptions=True)
    assert [type(each) for each in ended] == 2 * [asyncio.CancelledError], ended
    assert viewer.rounds > 2
    assert await viewer.once() == expected
    assert (await product.settled(await product.upload(film))).status == "ready"
    assert len(product.pids()["worker"]) == product.workers
    assert "is running again" not in product.log(), "a worker died of a file"


async def ingest_all(product: Product, folder: Path) -> None:
    """Upload everything hostile, and spoiled files; each ends in what it may end in."""
    given: dict[str, Hostile] = {}
    for hostile in HOSTILE:
        path = folder / f"{hostile.name}.mp4"
        hostile.make(path)
        os.truncate(path, min(path.stat().st_size, MOST_SENT))
        given[await product.upload(path)] = hostile
    spoiled = folder / "spoiled"
    spoiled.mkdir()
    make_mutants(make_clips(folder), spoiled, MUTANTS)
    mutants = [await product.upload(path) for path in sorted(spoiled.iterdir())]
    for video_id, hostile in given.items():
        video = await product.settled(video_id, deadline_s=200)
        codes = {error["code"] for error in video.errors}
        if video.status == "ready" and not codes:
            assert hostile.may_play or not hostile.codes, hostile.name
            await product.play(video_id)
        else:
            assert codes <= hostile.codes, (hostile.name, video.errors)
            assert all(len(error["message"]) > 10 for error in video.errors)
    for video_id in mutants:
        video = await product.settled(video_id, deadline_s=200)
        codes = {error["code"] for error in video.errors}
        assert all(code.startswith("source.") for code in codes), video.errors

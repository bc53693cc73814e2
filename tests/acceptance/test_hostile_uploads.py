"""Files that are not what they claim end in a reason, and everything else goes on."""

from pathlib import Path

import pytest

from tests.fixtures.hostile import HOSTILE, Hostile
from tests.fixtures.product import Product

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]


async def test_each_ends_in_a_reason_or_plays_and_a_good_film_still_does(
    product: Product, film: Path, tmp_path: Path
) -> None:
    """All at once, so that they get in each other's way as much as they can."""
    given: dict[str, Hostile] = {}
    for hostile in HOSTILE:
        path = tmp_path / f"{hostile.name}.mp4"
        hostile.make(path)
        given[await product.upload(path)] = hostile
    good = await product.upload(film)
    for video_id, hostile in given.items():
        video = await product.settled(video_id, deadline_s=200)
        codes = {error["code"] for error in video.errors}
        if video.status == "ready" and not codes:
            assert hostile.may_play or not hostile.codes, hostile.name
            await product.play(video_id)
        else:
            assert codes <= hostile.codes, (hostile.name, video.errors)
            assert all(len(error["message"]) > 10 for error in video.errors)
    assert (await product.settled(good)).status == "ready"
    workers = product.pids()["worker"]
    assert len(workers) == product.workers
    assert "is running again" not in product.log(), "a worker died of a file"

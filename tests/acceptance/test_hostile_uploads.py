"""Files that are not what they claim end in a reason, and everything else goes on."""

from pathlib import Path

import pytest

from tests.fixtures.hostile import HOSTILE, make_hostile
from tests.fixtures.product import Product

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]


@pytest.mark.parametrize("name", sorted(HOSTILE))
async def test_a_hostile_file_ends_in_a_reason_or_plays(
    product: Product, tmp_path: Path, name: str
) -> None:
    video = await product.settled(await product.upload(make_hostile(name, tmp_path)))
    if video.status == "errored":
        (error, *_) = video.errors
        assert error["code"].startswith("source.")
        assert len(error["message"]) > 10
    else:
        await product.play(video.id)


async def test_after_all_of_them_a_good_film_still_plays(
    product: Product, film: Path, tmp_path: Path
) -> None:
    for name in sorted(HOSTILE):
        await product.upload(make_hostile(name, tmp_path))
    video = await product.settled(await product.upload(film))
    assert video.status == "ready"

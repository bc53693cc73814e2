"""A film that only a token plays, through the whole product."""

import time
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest
import pytest_asyncio

from core.http.media_token import parse_keys, sign, split
from tests.fixtures.eventually import until
from tests.fixtures.players import decode
from tests.fixtures.product import Play, Product

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def signed_films(product: Product, film: Path) -> tuple[str, str]:
    """Two signed films."""
    ids = [await product.upload(film, policy="signed") for _ in range(2)]
    for each in ids:
        video = await product.settled(each)
        assert (video.status, video.errors) == ("ready", [])
    return ids[0], ids[1]


async def refusal(product: Product, url: str) -> tuple[int, str]:
    """The status of a refused GET and the code of its problem."""
    async with product.http.get(url) as response:
        body = await response.read()
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        return response.status, msgspec.json.decode(body)["code"]


async def fetched(product: Product, url: str) -> tuple[int, str]:
    """The status of a GET and what the edge says of its cache."""
    async with product.http.get(url) as response:
        await response.read()
        return response.status, response.headers.get("Cache-Status", "")


def at(product: Product, path: str) -> str:
    return f"{product.edge}{path}"


async def test_a_signed_film_plays_to_its_last_frame(
    product: Product, film: Path, signed_films: tuple[str, str]
) -> None:
    play = await product.play(signed_films[0])
    assert play.playback_id.startswith("s_")
    source = [frame.digest for frame in await decode(str(film), "v:0")]
    for address in (play.hls, play.dash):
        assert [frame.digest for frame in await decode(address, "v:0")] == source


async def test_viewers_with_tokens_of_their_own_share_what_is_cached(
    product: Product, signed_films: tuple[str, str]
) -> None:
    one, two = [await product.play(signed_films[0]) for _ in range(2)]
    assert one.token != two.token
    await fetched(product, one.hls)
    status, cache = await fetched(product, two.hls)
    assert status == 200
    assert "hit" in cache


async def test_what_is_cached_is_not_given_to_who_has_no_token_for_it(
    product: Product, signed_films: tuple[str, str]
) -> None:
    play, other = [await product.play(each) for each in signed_films]
    for url in (play.hls, other.hls):
        assert (await fetched(product, url))[0] == 200
    plain = split(urlsplit(play.hls).path).path
    assert await refusal(product, at(product, plain)) == (403, "token.missing")
    stolen = f"/media/~{other.token}/{play.playback_id}/master.m3u8"
    assert await refusal(product, at(product, stolen)) == (403, "token.forged")
    assert await refusal(product, at(product, ended(product, play))) == (403, "token.expired")


def ended(product: Product, play: Play) -> str:
    """The path of a manifest under a token that the server could have made an hour ago."""
    keys = parse_keys(",".join((product.data / "media.keys").read_text().split()))
    token = sign(play.playback_id, session_id="abc", expires_s=int(time.time()) - 1, keys=keys)
    return f"/media/~{token}/{play.playback_id}/master.m3u8"


async def test_the_picture_of_a_signed_film_needs_a_token_too(
    product: Product, signed_films: tuple[str, str]
) -> None:
    play = await product.play(signed_films[0])
    assert play.poster is not None
    assert (await fetched(product, play.poster))[0] == 200
    plain = split(urlsplit(play.poster).path).path
    assert await refusal(product, at(product, plain)) == (403, "token.missing")


async def test_the_picture_of_a_moment_of_a_signed_film_is_for_its_viewers_alone(
    product: Product, signed_films: tuple[str, str]
) -> None:
    play, other = [await product.play(each) for each in signed_films]
    assert play.thumbnail is not None
    assert play.poster is not None
    address = play.thumbnail.replace("{ms}", "1000")
    assert (await fetched(product, address))[0] == 200
    # The previews of the film, which join later, may purge it once more in between.
    again = [await fetched(product, address) for _ in range(2)]
    assert [status for status, _ in again] == [200, 200]
    assert any("hit" in cache for _, cache in again)
    plain = split(urlsplit(address).path).path
    assert await refusal(product, at(product, plain)) == (403, "token.missing")
    stolen = f"/media/~{other.token}{plain.removeprefix('/media')}"
    assert await refusal(product, at(product, stolen)) == (403, "token.forged")
    late = ended(product, play).replace("master.m3u8", plain.partition(f"{play.playback_id}/")[2])
    assert await refusal(product, at(product, late)) == (403, "token.expired")
    # The token of a poster opens no moment: lists hand it out to who may see the library only.
    pictures = play.poster.partition("/poster/")[0]
    moment = f"{pictures}/thumb/1000-w640.webp"
    assert await refusal(product, moment) == (404, "media.not_found")


async def test_a_film_that_becomes_signed_is_no_longer_played_under_its_old_name(
    product: Product, film: Path
) -> None:
    video_id = await product.upload(film)
    await product.settled(video_id)
    public = await product.play(video_id)
    assert (public.token, public.expires_at) == (None, None)
    assert (await fetched(product, public.hls))[0] == 200
    async with product.http.patch(
        f"{product.api}/videos/{video_id}", json={"policy": "signed"}, headers={"If-Match": "*"}
    ) as response:
        assert response.status == 200
    signed = await product.play(video_id)
    assert (await fetched(product, signed.hls))[0] == 200

    async def gone() -> bool:
        return (await fetched(product, public.hls))[0] == 404

    await until(gone, f"{public.playback_id} forgotten by edge and origin")

"""Who gets the keys of protected titles: by themselves, in licences, and not at all."""

import base64
import json
from collections.abc import AsyncIterator

import pytest

from core.protection.scheme import Protection, Scheme
from runtime.listen import HostPort
from runtime.postgres import close_pool, connection, open_pool
from runtime.settings import OriginSettings
from tests.fixtures.origin import Prepared, running_origin
from tests.fixtures.protected import Twin
from tests.fixtures.protected_origin import ProtectedOrigin, running_protected

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def twins() -> dict[Protection, Twin]:
    return {}


@pytest.fixture
async def origin(
    prepared: Prepared, twins: dict[Protection, Twin], on_plane: bool
) -> AsyncIterator[ProtectedOrigin]:
    async with running_protected(prepared, twins, on_plane=on_plane) as running:
        yield running


async def test_a_key_is_given_as_sixteen_bytes_that_nobody_stores(origin: ProtectedOrigin) -> None:
    twin = origin.twins[Protection.AES_128_AND_CENC]
    key = twin.key(Scheme.AES_128, "v")
    url = origin.url(twin.playback_id, f"key/{key.kid.hex()}")
    for _ in range(2):
        async with origin.delivery.client.get(url) as answer:
            assert (answer.status, await answer.read()) == (200, key.secret)
            assert answer.headers["Content-Type"] == "application/octet-stream"
            assert answer.headers["Cache-Control"] == "private, no-store"
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
            assert "hit" not in answer.headers["Cache-Status"]
            assert "stored" not in answer.headers["Cache-Status"]


async def test_keys_of_others_are_not_given(origin: ProtectedOrigin) -> None:
    twin, other = origin.twins[Protection.CENC], origin.twins[Protection.CBCS]
    foreign = other.key(Scheme.CBCS, "v").kid.hex()
    own = twin.key(Scheme.CENC, "v").kid.hex()
    for name in (foreign, own.upper(), own[:-2], "0" * 32, "x" * 32, ""):
        if name != own:
            assert await origin.status(twin.playback_id, f"key/{name}") == 404
    assert await origin.status(origin.clear_id, f"key/{own}") == 404


def asked_for(*kids: bytes, kind: str = "temporary") -> bytes:
    named = [base64.urlsafe_b64encode(kid).rstrip(b"=").decode() for kid in kids]
    return json.dumps({"kids": named, "type": kind}).encode()


async def ask(origin: ProtectedOrigin, playback_id: str, body: bytes) -> tuple[int, bytes]:
    async with origin.delivery.client.post(
        origin.url(playback_id, "license"), data=body, headers={"Content-Type": "application/json"}
    ) as answer:
        if answer.status == 200:
            assert answer.headers["Cache-Control"] == "private, no-store"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        return answer.status, await answer.read()


async def test_a_licence_holds_the_keys_that_were_named(origin: ProtectedOrigin) -> None:
    twin = origin.twins[Protection.CENC]
    keys = [twin.key(Scheme.CENC, kind) for kind in "va"]
    status, body = await ask(origin, twin.playback_id, asked_for(*(key.kid for key in keys)))
    assert status == 200
    licence = json.loads(body)
    assert licence["type"] == "temporary"
    assert {
        (
            key["kty"],
            base64.urlsafe_b64decode(key["kid"] + "=="),
            base64.urlsafe_b64decode(key["k"] + "=="),
        )
        for key in licence["keys"]
    } == {("oct", key.kid, key.secret) for key in keys}


async def test_a_licence_is_refused_for_keys_of_others(origin: ProtectedOrigin) -> None:
    twin, other = origin.twins[Protection.CENC], origin.twins[Protection.CBCS]
    own, foreign = twin.key(Scheme.CENC, "v").kid, other.key(Scheme.CBCS, "v").kid
    status, body = await ask(origin, twin.playback_id, asked_for(own, foreign))
    assert (status, json.loads(body)["code"]) == (403, "licence.not_entitled")
    assert foreign.hex() in json.loads(body)["detail"]
    status, _ = await ask(origin, origin.clear_id, asked_for(own))
    assert status == 403
    status, _ = await ask(origin, "s_unknown", asked_for(own))
    assert status == 404


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"kids":[]}', b'{"kids":["?"]}', b'{"kids":["AAAA"]}', b'{"kids":7}',
     asked_for(bytes(16), kind="persistent-license"), b'{"kids":["' + b"A" * 20_000 + b'"]}'],
)  # fmt: skip
async def test_what_is_no_licence_request_is_refused(origin: ProtectedOrigin, body: bytes) -> None:
    status, text = await ask(origin, origin.twins[Protection.CENC].playback_id, body)
    assert (status, json.loads(text)["code"]) == (400, "licence.malformed")


async def test_an_origin_without_the_master_key_serves_what_is_clear(
    prepared: Prepared, twins: dict[Protection, Twin], origin: ProtectedOrigin
) -> None:
    settings = OriginSettings(
        database_url=prepared.database_url, data=prepared.data, listen=HostPort("127.0.0.1", 0)
    )
    async with running_origin(settings) as delivery:
        poor = ProtectedOrigin(delivery, origin.clear_id, twins)
        assert await poor.status(poor.clear_id, "master.m3u8") == 200
        twin = twins[Protection.CENC]
        folder = (await poor.folders(twin.playback_id))["v"]
        assert await poor.status(twin.playback_id, f"{folder}/0.m4s") == 500
        kid = twin.key(Scheme.CENC, "v").kid.hex()
        assert await poor.status(twin.playback_id, f"key/{kid}") == 500


async def test_the_database_has_no_key_in_the_clear(
    prepared: Prepared, origin: ProtectedOrigin
) -> None:
    pool = await open_pool(prepared.database_url, max_size=2)
    async with connection(pool) as session:
        rows = await session.fetch("SELECT t.*::text AS line FROM content_keys AS t")
    await close_pool(pool)
    text = "\n".join(row["line"] for row in rows)
    for twin in origin.twins.values():
        for stored in twin.keys:
            assert stored.kid.hex() in text
            assert twin.key(stored.scheme, stored.kind).secret.hex() not in text

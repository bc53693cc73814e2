"""One library, prepared once by a real worker, which the tests of delivery only read."""

from collections.abc import AsyncIterator, Iterator

import pytest

import native
from runtime.listen import HostPort
from runtime.postgres import close_pool, open_pool
from runtime.settings import OriginSettings
from tests.fixtures.cutting import Cutter, prepare_cinema
from tests.fixtures.media import Picture, Sound, make_clip
from tests.fixtures.origin import (
    PICTURES,
    Delivery,
    Library,
    Prepared,
    running_origin,
    running_worker,
)
from tests.fixtures.postgres import TEMPLATE, PostgresServer, run_aside

PLANES = [False, True] if native.IMPL == "compiled" else [False]


@pytest.fixture(params=PLANES, ids=lambda on_plane: "plane" if on_plane else "reference")
def on_plane(request: pytest.FixtureRequest) -> bool:
    """What serves the origin: the data plane, and what it is compared with."""
    return bool(request.param)


@pytest.fixture(scope="session")
def prepared(
    postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prepared]:
    """Eight seconds of film with sound, published, with small pictures."""
    folder = tmp_path_factory.mktemp("prepared")
    clip = make_clip(
        folder / "film.mp4", Picture(count=PICTURES, gop=50), Sound(samples=PICTURES * 1920)
    )
    name = postgres_server.create(template=TEMPLATE)
    url = postgres_server.url(name)
    made: list[str] = []

    async def prepare() -> None:
        pool = await open_pool(url, max_size=3)
        library = Library(folder / "data", url, pool)
        library.store.mkdir(parents=True)
        video_id = await library.upload(clip)
        async with running_worker(library.worker_settings()):
            video = await library.all_is_done(video_id)
        assert video["status"] == "ready", video["error_message"]
        made.append(video_id)
        await close_pool(pool)

    run_aside(prepare)
    yield Prepared(folder / "data", url, made[0], clip)
    postgres_server.drop(name)


@pytest.fixture
async def origin(prepared: Prepared, on_plane: bool) -> AsyncIterator[Delivery]:
    """Delivery of the prepared library."""
    settings = OriginSettings(
        database_url=prepared.database_url, data=prepared.data, listen=HostPort("127.0.0.1", 0)
    )
    async with running_origin(settings, on_plane=on_plane) as delivery:
        yield delivery


@pytest.fixture(scope="session")
def cinema(
    postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prepared]:
    """A published film that is cut."""
    folder = tmp_path_factory.mktemp("cinema")
    name = postgres_server.create(template=TEMPLATE)
    made: list[Prepared] = []

    async def prepare() -> None:
        made.append(await prepare_cinema(folder, postgres_server.url(name)))

    run_aside(prepare)
    yield made[0]
    postgres_server.drop(name)


@pytest.fixture
async def cutter(cinema: Prepared) -> AsyncIterator[Cutter]:
    settings = OriginSettings(
        database_url=cinema.database_url, data=cinema.data, listen=HostPort("127.0.0.1", 0)
    )
    pool = await open_pool(cinema.database_url, max_size=2)
    async with running_origin(settings, on_plane=native.IMPL == "compiled") as origin:
        yield Cutter(cinema, origin, pool)
    await close_pool(pool)

"""One running product with all films in it, a browser, and a page for each player of the web."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from tests.fixtures.chromium import Chromium, chromium
from tests.fixtures.product import Product, running
from tests.players.edits import EDITS, Edited, edit
from tests.players.films import FILMS, Shown, package, show

HERE = Path(__file__).parent


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def product(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    """One running product."""
    async with running(tmp_path_factory.mktemp("product") / "data", workers=2) as started:
        yield started


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shown(product: Product, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Shown]:
    """Every film of the table, published by it."""
    folder = tmp_path_factory.mktemp("films")
    return {name: await show(product, film, folder) for name, film in FILMS.items()}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def edited(product: Product, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Edited]:
    """Every edit of the table, made by it."""
    folder = tmp_path_factory.mktemp("edits")
    return {name: await edit(product, each, folder) for name, each in EDITS.items()}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Chromium]:
    """A headless Chromium."""
    async with chromium() as started:
        yield started


@pytest.fixture(scope="session")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the packaged films are."""
    folder = tmp_path_factory.mktemp("packaged")
    package(folder)
    return folder


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def pages(packaged: Path) -> AsyncIterator[str]:
    """The address of the page that plays one address with one player; films lie beside it."""

    async def page(_request: web.Request) -> web.FileResponse:
        return web.FileResponse(HERE / "page.html")

    application = web.Application()
    application.router.add_get("/page", page)
    application.router.add_static("/node_modules", HERE / "node_modules")
    application.router.add_static("/packaged", packaged)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}/page"
    await runner.cleanup()

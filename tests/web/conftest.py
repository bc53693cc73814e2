"""One browser and one clip for all tests of the pages; a fresh library and a fresh tab for each."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.fixtures.chromium import Chromium, Page, chromium
from tests.web.hls_clip import make_hls
from tests.web.stand_in import StandIn, stand_in

CLIP_S = 30


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clip")
    make_hls(folder, CLIP_S)
    return folder


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def browser() -> AsyncIterator[Chromium]:
    async with chromium() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="package")
async def library(clip: Path) -> AsyncIterator[StandIn]:
    async with stand_in(clip, CLIP_S * 1000) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="package")
async def page(browser: Chromium, library: StandIn) -> AsyncIterator[Page]:
    """A tab at a desk, gone before its server is. A page that complains fails its test."""
    tab = await browser.page()
    yield tab
    await tab.close()
    assert tab.console_errors == []
    assert tab.failed_requests == []


@pytest_asyncio.fixture(loop_scope="package")
async def phone(browser: Chromium, library: StandIn) -> AsyncIterator[Page]:
    """The same in a hand."""
    tab = await browser.page(width=390, height=844, phone=True)
    yield tab
    await tab.close()
    assert tab.console_errors == []
    assert tab.failed_requests == []

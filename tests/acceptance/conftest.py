"""One running product for all tests that leave it as it is, and the films it is given."""

import os
import signal
from collections.abc import AsyncIterator
from fractions import Fraction
from pathlib import Path

import pytest
import pytest_asyncio

from tests.fixtures.media import Picture, Sound, make_clip
from tests.fixtures.product import Product, running

NTSC = Fraction(30000, 1001)
HERE = Path(__file__).parent
SHARED = pytest.StashKey[Product]()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def product(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Product]:
    """A started `sluice up` with two workers.

    To start and to stop it costs seven seconds of a processor, so modules share it: each brings its
    own videos and looks at no others. Who kills a part of it, or sets it up otherwise, has another.
    """
    async with running(tmp_path_factory.mktemp("product") / "data", workers=2) as started:
        pytestconfig.stash[SHARED] = started
        yield started


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Ask the shared product to end with the last test of this folder: files come in its order.

    Its fixture goes with the session only, and until then its processes would take from the others.
    """
    shared = item.config.stash.get(SHARED, None)
    is_last = nextitem is None or not nextitem.path.is_relative_to(HERE)
    if is_last and shared is not None and shared.process is not None:
        os.kill(shared.process.pid, signal.SIGTERM)


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the session's films."""
    return tmp_path_factory.mktemp("films")


@pytest.fixture(scope="session")
def film(films: Path) -> Path:
    """Twelve seconds at 29.97 pictures a second that play everywhere: H.264 and AAC."""
    picture = Picture(count=360, width=320, height=180, rate=NTSC, gop=60, b_frames=2)
    return make_clip(films / "A film.mp4", picture, Sound(samples=12 * 48000 + 480))


@pytest.fixture(scope="session")
def foreign_film(films: Path) -> Path:
    """Two seconds in codecs that no browser plays everywhere: HEVC and 5.1 AC-3, in Matroska."""
    picture = Picture(codec="libx265", count=48, width=854, height=480, rate=Fraction(24), gop=48)
    return make_clip(
        films / "foreign.mkv", picture, Sound(codec="ac3", layout="5.1", bit_rate=384000)
    )


@pytest.fixture(scope="session")
def slow_source(films: Path) -> Path:
    """A film whose transcoding takes seconds, so that it can be disturbed."""
    picture = Picture(codec="mpeg2video", count=200, width=640, height=480, gop=12, b_frames=0)
    return make_clip(
        films / "slow.mkv", picture, Sound(codec="mp2", samples=8 * 48000, bit_rate=128000)
    )

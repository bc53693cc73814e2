"""Clips and a library for the tests of jobs."""

from pathlib import Path

import pytest

from runtime.postgres import Pool
from tests.fixtures.media import Picture, Sound, make_clip
from tests.fixtures.origin import Library


@pytest.fixture
def library(tmp_path: Path, database_url: str, pool: Pool) -> Library:
    """An empty library."""
    (tmp_path / "data" / "store").mkdir(parents=True)
    return Library(tmp_path / "data", database_url, pool)


@pytest.fixture(scope="session")
def playable_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds of H.264 and AAC, which need no encoding."""
    path = tmp_path_factory.mktemp("clips") / "playable.mp4"
    return make_clip(path, Picture(count=250, gop=50), Sound(samples=480_000))


@pytest.fixture(scope="session")
def foreign_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of MPEG-2 and MP2, which have to be encoded."""
    path = tmp_path_factory.mktemp("clips") / "foreign.mkv"
    picture = Picture(codec="mpeg2video", count=150, width=160, height=120)
    return make_clip(path, picture, Sound(codec="mp2", samples=288_000))

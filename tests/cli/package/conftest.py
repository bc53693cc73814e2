"""Films for the packager, made once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.manifests import check_manifest
from tests.fixtures.media import Picture, Sound, make_clip

OPEN_GROUPS = (
    ("x265-params", "log-level=none:pools=1:frame-threads=1:keyint=20:min-keyint=20:open-gop=1"),
)


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with rungs of one film, sound in another language, and what does not play."""
    folder = tmp_path_factory.mktemp("to-package")
    sound = Sound(samples=6 * 48000, language="eng")
    small = Picture(count=150, width=64, height=48, gop=25)
    large = Picture(count=150, width=128, height=96, gop=50)
    make_clip(folder / "small.mp4", small, sound)
    make_clip(folder / "large.mp4", large, sound)
    make_clip(folder / "deutsch.m4a", None, Sound(samples=6 * 48000, language="ger"))
    make_clip(folder / "short.mp4", Picture(count=100, width=96, height=72))
    make_clip(folder / "even-cuts.mp4", Picture(count=400))
    make_clip(folder / "own-cuts.mp4", Picture(count=400, keys=(37, 111, 190, 260, 330)))
    slow = Picture(codec="mpeg2video", count=600, width=320, height=180, gop=12, b_frames=0)
    make_clip(folder / "slow.mkv", slow)
    make_clip(
        folder / "foreign.mkv", Picture(codec="libvpx", count=60), Sound(codec="mp2", samples=96000)
    )
    make_clip(folder / "mp2.mkv", Picture(count=50), Sound(codec="mp2", samples=96000))
    make_clip(
        folder / "carried.webm", Picture(codec="libvpx-vp9", count=60, gop=20, b_frames=0),
        Sound(codec="libopus", samples=115_200),
    )  # fmt: skip
    make_clip(
        folder / "dolby.mkv", Picture(codec="libx265", count=60, gop=20, options=OPEN_GROUPS),
        Sound(codec="eac3", samples=115_200),
    )  # fmt: skip
    (folder / "text.mp4").write_bytes(b"no film at all")
    return folder


@pytest.fixture(autouse=True)
def _what_is_packaged_is_valid(tmp_path: Path) -> Iterator[None]:
    """Hold every manifest that a test leaves in a folder to the rules of its format."""
    yield
    for path in (*tmp_path.rglob("*.m3u8"), *tmp_path.rglob("*.mpd")):
        check_manifest(path.name, path.read_bytes())

"""Memory of ingest and of encoding does not grow with the length of the source."""

import subprocess
import sys
from pathlib import Path

import pytest

from core.media.ladder import fixed_ladder
from origin.packaging.protocol import AnyRequest, Audio, Ingest, Video, encode
from tests.fixtures.media import Picture, Sound, make_clip

MEASURE = """
import resource, sys
from origin.packaging.child import main
status = main()
sys.stderr.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
sys.exit(status)
"""
KIB_PER_EXTRA_SAMPLE = 0.25
"""FFmpeg keeps the index of an MP4, some 100 bytes a sample; the samples themselves are larger."""
SLACK_KIB = 6000


def peak_kib(request: AnyRequest) -> int:
    child = subprocess.run(
        [sys.executable, "-c", MEASURE], input=encode(request), capture_output=True, check=True
    )
    assert b'"result"' in child.stdout
    return int(child.stderr)


def clip(path: Path, seconds: int) -> Path:
    """Pictures of some kilobytes each, so that keeping them would show."""
    noisy = Picture(width=192, height=144, b_frames=2, count=25 * seconds, options=(("qp", "1"),))
    return make_clip(path, noisy, Sound(samples=48_000 * seconds))


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("memory")
    return clip(folder / "short.mp4", 2), clip(folder / "long.mp4", 40)


def requests(path: Path, out: Path) -> dict[str, AnyRequest]:
    rung = fixed_ladder(192, 144, None)[0]
    return {
        "copy": Ingest(path=path, out=out / "copy"),
        "audio": Audio(path=path, out=out / "audio", stream=1),
        "video": Video(path=path, out=out / "video", rung=rung),
    }


@pytest.mark.parametrize("work", ["copy", "audio", "video"])
def test_a_source_twenty_times_as_long_takes_no_more_memory(
    tmp_path: Path, clips: tuple[Path, Path], work: str
) -> None:
    short, long = (peak_kib(requests(path, tmp_path / path.stem)[work]) for path in clips)
    extra_samples = 38 * (25 + 47)
    assert long - short < SLACK_KIB + KIB_PER_EXTRA_SAMPLE * extra_samples

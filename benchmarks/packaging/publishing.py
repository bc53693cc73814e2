"""Publishing tracks that are stored already, in a process that has done it before.

`python -m benchmarks.packaging.publishing FILM FOLDER` is the worker: it stores the film's tracks
in the folder once, then answers each line it is sent with the processor time, user and system, that
one publication took. What is timed is what a worker does before the commit: open and check both
files of each track, plan the cuts, make the segment tables, and name the builds.
"""

import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from benchmarks.packaging.contestants import SEGMENT_S
from benchmarks.packaging.rounds import PackagingFailed, Run

WARM_UP: Final = 20
REPEATS: Final = 20
DEADLINE_S: Final = 120


class WarmWorker:
    """The worker, running; it stops when this is left."""

    def __init__(self, film: Path, folder: Path) -> None:
        words = (sys.executable, "-m", __spec__.name, str(film), str(folder / "stored"))
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._process.communicate(timeout=DEADLINE_S)

    def timed(self) -> Run:
        """Publish, and give what that took on average. Raises `PackagingFailed`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        started_s = time.monotonic()
        self._process.stdin.write("publish\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().split()
        if len(answer) != 2:
            raise PackagingFailed("the worker that publishes has ended")
        wall_s = (time.monotonic() - started_s) / REPEATS
        return Run(float(answer[0]), float(answer[1]), wall_s)


def main(words: Sequence[str]) -> int:
    """Be the worker."""
    # Imported here: who only asks a worker needs nothing of what it does.
    from origin.packaging.copy import copy_tracks  # noqa: PLC0415 - see above
    from origin.packaging.limits import Limits  # noqa: PLC0415 - see above
    from origin.packaging.probe import probe  # noqa: PLC0415 - see above
    from origin.packaging.progress import Unwatched  # noqa: PLC0415 - see above
    from origin.publication import BuiltTrack, check_tracks  # noqa: PLC0415 - see above
    from runtime.storage import LocalStore  # noqa: PLC0415 - see above

    film, folder = map(Path, words)
    shutil.rmtree(folder, ignore_errors=True)
    report = probe(film, Limits())
    outcome = copy_tracks(film, report, folder, Unwatched())
    built = [
        BuiltTrack(
            track.kind, track.name, track.directory.name, track.flat_sha256, track.index_sha256
        )
        for track in outcome.tracks
    ]
    store = LocalStore(folder)
    for _ in range(WARM_UP):
        check_tracks(store, built, None, SEGMENT_S)
    for _ in sys.stdin:
        before = resource.getrusage(resource.RUSAGE_SELF)
        for _ in range(REPEATS):
            check_tracks(store, built, None, SEGMENT_S)
        after = resource.getrusage(resource.RUSAGE_SELF)
        user_s, system_s = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
        print(user_s / REPEATS, system_s / REPEATS, flush=True)
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

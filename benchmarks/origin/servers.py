"""The servers of the same segments: our origin, warm and cold, and nginx over files."""

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

from benchmarks.load.contestant import Contestant
from benchmarks.load.edge import REPOSITORY
from benchmarks.load.nginx import nginx_site
from benchmarks.load.process import free_ports, server_process
from benchmarks.load.verify import TIMEOUT_S, WrongAnswer
from benchmarks.origin.library import PLAYBACK, PROTECTED_PLAYBACK, Library
from benchmarks.origin.works import COLD, OURS, SEALED, SEALED_COLD, Segment, SegmentWork

FOLDER: Final = f"/media/{PLAYBACK}"
SEALED_FOLDER: Final = f"/media/{PROTECTED_PLAYBACK}"
LEAST_MEMORY_BYTES: Final = 2**20
VERIFIED: Final = 20
VARIANT: Final = re.compile(r"([va]/[^/\s\"]+/[0-9a-f]+)/index\.m3u8")
SEGMENT: Final = re.compile(r"^\d+\.m4s$", re.MULTILINE)


@contextmanager
def origin(
    library: Library, core: int, name: str, works: frozenset[str], *options: str
) -> Iterator[Contestant]:
    """Run `sluice origin` with one thread on a core."""
    [port] = free_ports(1)
    words = [sys.executable, "-m", "cli", "origin", "--data", str(library.data)]
    words += ["--listen", f"127.0.0.1:{port}", "--threads", "1", *options]
    log = library.data / f"origin-{port}.log"
    with server_process(
        words, cores=[core], ports=[port], log=log, env=library.environment, folder=REPOSITORY
    ) as pid:
        settings = " ".join(("--threads 1", *options))
        yield Contestant(
            name=name, family=name, settings=settings, port=port, pid=pid, folder=FOLDER,
            works=works,
        )  # fmt: skip


@contextmanager
def servers(library: Library, nginx: str, folder: Path, core: int) -> Iterator[list[Contestant]]:
    """Run all of them; nginx has what our origin answers, under the same paths.

    The encrypted title is asked of the same processes as the clear one.
    """
    with ExitStack() as stack:
        warm = stack.enter_context(origin(library, core, OURS, frozenset({"pair"})))
        # So little memory that no segment of the film is still there when it is asked for again.
        least = ("--memory-bytes", str(LEAST_MEMORY_BYTES))
        cold = stack.enter_context(origin(library, core, COLD, frozenset({"film", "made"}), *least))
        sealed = [
            replace(each, name=name, family=name, folder=SEALED_FOLDER)
            for each, name in ((warm, SEALED), (cold, SEALED_COLD))
        ]
        for each in (warm, sealed[0]):
            _copy_site(each, folder / "site")
        yield [warm, cold, *sealed, *stack.enter_context(nginx_sites(nginx, folder, core))]


@contextmanager
def nginx_sites(program: str, folder: Path, core: int) -> Iterator[list[Contestant]]:
    """Run nginx over the copied segments."""
    with nginx_site(program, folder, core) as found:
        yield [
            Contestant(
                name=each.name, family=each.family, settings=each.settings, port=each.port,
                pid=each.pid, folder=FOLDER, works=frozenset({"pair", "film"}),
            )
            for each in found
        ]  # fmt: skip


def fetched(contestant: Contestant, path: str) -> bytes:
    """Ask for something of the film. Raises `WrongAnswer` where it is not there."""
    connection = HTTPConnection("127.0.0.1", contestant.port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", f"{contestant.folder}/{path}")
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise WrongAnswer(f"{contestant.name}: {path} is answered with {answer.status}")
        return body
    finally:
        connection.close()


def segments(contestant: Contestant) -> list[list[str]]:
    """List the paths of the segments of each track, picture first."""
    master = fetched(contestant, "master.m3u8").decode()
    tracks = sorted(set(VARIANT.findall(master)), reverse=True)
    return [
        [f"{track}/{name}" for name in SEGMENT.findall(_playlist(contestant, track))]
        for track in tracks
    ]


def _playlist(contestant: Contestant, track: str) -> str:
    return fetched(contestant, f"{track}/index.m3u8").decode()


def pairs(contestant: Contestant, site: Path) -> list[tuple[Segment, Segment]]:
    """Give picture and sound of the same four seconds, as far as both have as many segments."""
    pictures, sound, *_ = segments(contestant)
    place = site / contestant.folder.lstrip("/")
    found = []
    for pair in zip(pictures, sound, strict=False):
        one, other = (Segment(path, (place / path).stat().st_size) for path in pair)
        found.append((one, other))
    return found


def verify(contestants: Sequence[Contestant], work: SegmentWork, site: Path) -> None:
    """Compare what everyone answers, byte by byte; raises `WrongAnswer`."""
    for each in contestants:
        for segment in work.segments[each.folder][:VERIFIED]:
            expected = (site / each.folder.lstrip("/") / segment.path).read_bytes()
            if fetched(each, segment.path) != expected:
                raise WrongAnswer(f"{each.name}: {segment.path} has other bytes")


def _copy_site(contestant: Contestant, site: Path) -> None:
    place = site / contestant.folder.lstrip("/")
    for paths in segments(contestant):
        for path in paths:
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_bytes(fetched(contestant, path))

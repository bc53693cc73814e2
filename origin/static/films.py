"""The films of one presentation: what is in each, and what of it is to go into the folder."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from origin.packaging.direct import DirectFilm, UnusualFileError, read_directly
from origin.packaging.faults import DISK_FULL, SourceFault, StorageFull
from origin.packaging.limits import Limits
from origin.packaging.movie_probe import probe_movie
from origin.packaging.report import (
    AudioTrackInfo,
    Decision,
    SourceReport,
    TextTrackInfo,
    VideoTrackInfo,
)
from origin.static.request import LeftOut, RefusedSource

AnyTrack = VideoTrackInfo | AudioTrackInfo


@dataclass(frozen=True, slots=True)
class Film:
    """A file, the tracks of it that are wanted, and a folder for what is made of them.

    `direct` are its tracks where they can be taken as they lie in the file.
    """

    path: Path
    report: SourceReport
    work: Path
    direct: DirectFilm | None = None

    @property
    def tracks(self) -> tuple[AnyTrack, ...]:
        """Its tracks, the picture first."""
        video = () if self.report.video is None else (self.report.video,)
        return (*video, *self.report.audio)

    def left_out(self, track: AnyTrack, reason: str) -> LeftOut:
        """Say that a track is not in the folder."""
        kind = "video" if isinstance(track, VideoTrackInfo) else "audio"
        return LeftOut(
            source=str(self.path), stream=track.index, kind=kind, codec=track.codec, reason=reason
        )

    def left_out_text(self, track: TextTrackInfo, reason: str) -> LeftOut:
        """Say that text, or some of it, is not in the folder."""
        return LeftOut(
            source=str(self.path),
            stream=track.index,
            kind="subtitle",
            codec=track.codec,
            reason=reason,
        )

    def track(self, stream: int) -> AnyTrack:
        """Find a track by its stream number."""
        (found,) = (track for track in self.tracks if track.index == stream)
        return found


def examine(files: Sequence[Path], work: Path, limits: Limits) -> tuple[list[Film], list[LeftOut]]:
    """Look into all files. Raises `RefusedSource` for one that cannot be read or played.

    Rungs of one film carry the same sound each, so sound of a language, a label and a number of
    channels is taken of the first film that has it.
    """
    films: list[Film] = []
    left_out: list[LeftOut] = []
    taken: dict[tuple[str, str, int], str] = {}
    for number, path in enumerate(files):
        with blaming(path):
            report, direct = _looked_into(path, limits)
            film = Film(path, report, work / str(number), direct)
        left_out += _ignored(film)
        wanted = []
        for track in film.report.audio:
            key = track.language, track.label, track.channels
            if track.decision is Decision.IGNORE:
                left_out.append(film.left_out(track, track.reason))
            elif key in taken:
                left_out.append(film.left_out(track, f"{taken[key]} has the same sound"))
            else:
                wanted.append(track)
        taken |= {(each.language, each.label, each.channels): path.name for each in wanted}
        report = msgspec.structs.replace(film.report, audio=tuple(wanted))
        films.append(Film(path, report, film.work, direct))
    return films, left_out


def _looked_into(path: Path, limits: Limits) -> tuple[SourceReport, DirectFilm | None]:
    """Give what is in a file, and its tracks where they can be taken from there as they are."""
    usual = probe_movie(path, limits)
    if usual is not None:
        with suppress(UnusualFileError):
            return usual, read_directly(path, usual)
    # Imported here: FFmpeg takes longer to load than the usual film to package.
    from origin.packaging.probe import probe  # noqa: PLC0415 - see above

    report = probe(path, limits)
    with suppress(UnusualFileError):
        return report, read_directly(path, report)
    return report, None


def _ignored(film: Film) -> list[LeftOut]:
    return [
        LeftOut(
            source=str(film.path),
            stream=track.index,
            kind=track.kind,
            codec=track.codec,
            reason=track.reason,
        )
        for track in film.report.ignored
    ]


@contextmanager
def blaming(path: Path) -> Iterator[None]:
    """Name the file in what is wrong with it. Raises `StorageFull` for what is not."""
    try:
        yield
    except SourceFault as fault:
        raise RefusedSource(f"{path.name}: {fault.message}") from fault
    except OSError as error:
        if error.errno in DISK_FULL:
            raise StorageFull from error
        raise RefusedSource(f"{path} cannot be read: {error.strerror}") from error

"""From films to tracks on disk: what can be copied is copied, the rest is encoded where allowed."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.media.first_plan import first_plan
from core.media.ladder import fixed_ladder
from core.media.presentation import TrackKind
from core.media.timeline import CutPlan
from native import TrackIndex
from origin.packaging.faults import UnheardSound
from origin.packaging.limits import Limits
from origin.packaging.report import AudioTrackInfo, VideoTrackInfo
from origin.static.films import Film, blaming
from origin.static.request import LeftOut, PackageRequest, RefusedSource, Watcher
from origin.stored_track import StoredTrack

if TYPE_CHECKING:
    from origin.packaging.direct import DirectTrack
    from origin.packaging.track import PackagedTrack


@dataclass(frozen=True, slots=True)
class GatheredTrack:
    """A track, the film it comes from, and whether it was encoded anew.

    What was copied from a usual file lies where it was; all else is on disk, in flat files.
    """

    packaged: "PackagedTrack | DirectTrack"
    film: Film
    transcoded: bool


class Gathering:
    """Takes the tracks of all films, one after the other.

    Raises `RefusedSource` for a film that cannot be read to its end, and for one that has to be
    encoded where that was not allowed.
    """

    def __init__(self, request: PackageRequest, limits: Limits, watcher: Watcher) -> None:
        self._request = request
        self._limits = limits
        self._watcher = watcher
        self.tracks: list[GatheredTrack] = []
        self.left_out: list[LeftOut] = []

    def take(self, films: Sequence[Film]) -> None:
        """Take every wanted track."""
        to_encode = [
            {stream: film.track(stream).reason for stream in film.report.transcodable}
            for film in films
        ]
        self._allow(films, to_encode)
        for film, streams in zip(films, to_encode, strict=True):
            streams.update(self._copy(film))
        self._allow(films, to_encode)
        for film, streams in zip(films, to_encode, strict=True):
            for stream in (*streams, *self._joined(film, streams, films)):
                self._encode(film, film.track(stream), films)

    def _joined(self, film: Film, unfit: Container[int], films: Sequence[Film]) -> Iterator[int]:
        """Give the streams that are copied and, where that is allowed, encoded as well.

        Of several films with a picture none is encoded: they are renditions of one another.
        """
        if not self._request.may_transcode:
            return
        is_only_picture = sum(each.report.video is not None for each in films) == 1
        for stream in film.report.joined:
            is_picture = film.report.video is not None and film.report.video.index == stream
            if stream not in unfit and (is_only_picture or not is_picture):
                yield stream

    def _allow(self, films: Sequence[Film], to_encode: Sequence[dict[int, str]]) -> None:
        if self._request.may_transcode:
            return
        reasons = [
            f"{film.path.name}: {reason}"
            for film, tracks in zip(films, to_encode, strict=True)
            for reason in tracks.values()
        ]
        if reasons:
            raise RefusedSource(
                f"{'; '.join(reasons)}; this has to be encoded anew, which --transcode allows"
            )

    def _copy(self, film: Film) -> dict[int, str]:
        """Copy what can be; give the streams that turned out unfit for it, and why."""
        wanted = film.report.copyable
        if not wanted:
            return {}
        if film.direct is not None:
            found = {track.stream: track for track in film.direct.tracks}
            self.tracks += [
                GatheredTrack(found[stream], film, transcoded=False) for stream in wanted
            ]
            return {}
        from origin.packaging.copy import copy_tracks  # noqa: PLC0415 - loads FFmpeg
        from origin.packaging.track import Purpose  # noqa: PLC0415 - as above

        step = self._watcher.step(f"Reading {film.path.name}")
        with blaming(film.path):
            outcome = copy_tracks(
                film.path,
                film.report,
                film.work,
                step,
                limits=self._limits,
                purpose=Purpose.AT_HAND,
            )
        for track in outcome.tracks:
            self.tracks.append(GatheredTrack(track, film, transcoded=False))
        return {rejection.stream: rejection.reason for rejection in outcome.rejected}

    def _encode(
        self, film: Film, track: VideoTrackInfo | AudioTrackInfo, films: Sequence[Film]
    ) -> None:
        with blaming(film.path):
            if isinstance(track, AudioTrackInfo):
                self._encode_sound(film, track)
                return
            if sum(each.report.video is not None for each in films) > 1:
                raise RefusedSource(
                    f"{film.path.name}: {track.reason}; a picture is encoded only where no other "
                    "film has one"
                )
            self._encode_picture(film, track)

    def _copied_plan(self) -> CutPlan | None:
        """Give the cuts of a picture that is copied: what joins it has key pictures there."""
        for track in self.tracks:
            if track.packaged.kind is TrackKind.VIDEO:
                index = _index_of(track.packaged)
                return first_plan([(TrackKind.VIDEO, index)], self._request.segment_s)
        return None

    def _encode_sound(self, film: Film, track: AudioTrackInfo) -> None:
        from origin.packaging.transcode import transcode_audio  # noqa: PLC0415 - loads FFmpeg

        step = self._watcher.step(f"Encoding the sound of {film.path.name}")
        try:
            made = transcode_audio(
                film.path, film.report, track, film.work, step, limits=self._limits
            )
        except UnheardSound as fault:
            self.left_out.append(film.left_out(track, fault.message))
        else:
            self.tracks.append(GatheredTrack(made, film, transcoded=True))

    def _encode_picture(self, film: Film, track: VideoTrackInfo) -> None:
        from origin.packaging.transcode import transcode_video  # noqa: PLC0415 - loads FFmpeg

        plan = self._copied_plan()
        for rung in fixed_ladder(*track.display_size, track.rate):
            made = transcode_video(
                film.path, film.report, rung, plan, film.work,
                self._watcher.step(f"Encoding {film.path.name} at {rung.name}"),
                limits=self._limits,
            )  # fmt: skip
            self.tracks.append(GatheredTrack(made, film, transcoded=True))
            if plan is None:
                index = StoredTrack.open(made.directory).index
                plan = first_plan([(TrackKind.VIDEO, index)], self._request.segment_s)


def _index_of(track: "PackagedTrack | DirectTrack") -> TrackIndex:
    from origin.packaging.direct import DirectTrack  # noqa: PLC0415 - see above

    if isinstance(track, DirectTrack):
        return TrackIndex(track.index)
    return StoredTrack.open(track.directory).index

"""Tracks on disk, cut into the segments of one presentation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from core.isobmff.init_segment import init_segment
from core.media.build import SegmentTable, segment_table
from core.media.description import shown_size
from core.media.first_plan import UnfitRenditions, first_plan
from core.media.presentation import (
    AudioTraits,
    Presentation,
    Rendition,
    TrackKind,
    VideoTraits,
)
from core.media.ticks import Ticks, milliseconds
from core.media.timeline import CutPlan
from core.media.track_file import TrackFile, track_file
from origin.static.gathering import GatheredTrack
from origin.static.request import Arrangement, RefusedSource
from origin.static.winding import leading_pictures
from origin.stored_track import StoredTrack


@dataclass(frozen=True, slots=True)
class CutTrack:
    """A track with all that writing it takes; `name` is told once for each kind."""

    gathered: GatheredTrack
    name: str
    default: bool
    stored: StoredTrack
    table: SegmentTable
    init: bytes
    file: TrackFile | None

    @property
    def kind(self) -> TrackKind:
        """Whether it is a picture or sound."""
        return self.gathered.packaged.kind

    @property
    def end_ms(self) -> int:
        """When its last segment ends."""
        return milliseconds(self.table.spans[-1].end, self.stored.index.timescale)

    def rendition(self, arrangement: Arrangement) -> Rendition:
        """What manifests say of it, as it lies in the folder."""
        layout = self.file.layout if self.file is not None else None
        in_file = layout if arrangement is Arrangement.SINGLE_FILE else None
        is_video = self.kind is TrackKind.VIDEO
        return Rendition(
            kind=self.kind,
            name=self.name,
            build_hash="",
            codec=self.stored.description.codec,
            timescale=self.stored.index.timescale,
            spans=self.table.spans,
            bandwidth=self.table.peak_bandwidth,
            average_bandwidth=self.table.average_bandwidth,
            traits=self._traits,
            layout=layout,
            iframes=leading_pictures(self.stored.index, self.table, in_file) if is_video else None,
        )

    @property
    def _traits(self) -> VideoTraits | AudioTraits:
        description = self.stored.description
        if self.kind is TrackKind.VIDEO:
            rate = Fraction(*description.frame_rate) if description.frame_rate else None
            return VideoTraits(*shown_size(description), rate)
        return AudioTraits(
            channels=description.channels,
            sample_rate=description.sample_rate,
            language=description.language,
            label=description.label,
            default=self.default,
        )


def cut_tracks(gathered: Sequence[GatheredTrack], segment_s: float) -> list[CutTrack]:
    """Cut all tracks at the same places. Raises `RefusedSource` where they do not fit together."""
    opened = [(each, StoredTrack.open(each.packaged.directory)) for each in gathered]
    indexes = [(each.packaged.kind, stored.index) for each, stored in opened]
    try:
        plan = first_plan(indexes, segment_s)
    except UnfitRenditions as fault:
        names = ", ".join(dict.fromkeys(each.film.path.name for each in gathered))
        raise RefusedSource(f"{names}: {fault.message}") from fault
    named = zip(opened, _names(gathered), strict=True)
    first_sound = next((each for each in gathered if _is_sound(each)), None)
    defaults = [each for each in gathered if _is_sound(each) and each.packaged.default]
    default = defaults[0] if defaults else first_sound
    return [
        _cut(each, name, stored, plan, default=each is default) for (each, stored), name in named
    ]


def presentation_of(tracks: Sequence[CutTrack], arrangement: Arrangement) -> Presentation:
    """Give what the manifests tell of."""
    renditions = [track.rendition(arrangement) for track in tracks]
    return Presentation(
        playback_id="",
        video=tuple(each for each in renditions if each.kind is TrackKind.VIDEO),
        audio=tuple(each for each in renditions if each.kind is TrackKind.AUDIO),
        duration_ms=max(track.end_ms for track in tracks),
    )


def _is_sound(track: GatheredTrack) -> bool:
    return track.packaged.kind is TrackKind.AUDIO


def _names(gathered: Sequence[GatheredTrack]) -> Iterator[str]:
    """Give each track its name, with a number where an earlier one of its kind has it."""
    taken: set[tuple[TrackKind, str]] = set()
    for each in gathered:
        kind, own = each.packaged.kind, each.packaged.name
        name, number = own, 2
        while (kind, name) in taken:
            name, number = f"{own}-{number}", number + 1
        taken.add((kind, name))
        yield name


def _cut(
    gathered: GatheredTrack, name: str, stored: StoredTrack, plan: CutPlan, *, default: bool
) -> CutTrack:
    index = stored.index
    table = segment_table(index, plan)
    init = init_segment(
        stored.description,
        timescale=index.timescale,
        duration=Ticks(index.base_time + index.duration),
        priming=Ticks(index.priming),
    )
    return CutTrack(gathered, name, default, stored, table, init, track_file(index, table, init))

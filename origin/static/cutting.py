"""Tracks on disk, cut into the segments of one presentation."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from core.isobmff.init_segment import track_init
from core.media.build import SegmentTable, segment_table
from core.media.description import TrackDescription, shown_size
from core.media.first_plan import UnfitRenditions, first_plan
from core.media.presentation import (
    AudioTraits,
    Presentation,
    Rendition,
    TrackKind,
    VideoTraits,
)
from core.media.storyboard import Storyboard
from core.media.ticks import milliseconds
from core.media.timeline import CutPlan
from core.media.track_file import TrackFile, track_file
from native import SampleFile, TrackIndex
from origin.packaging.direct import DirectTrack
from origin.static.gathering import GatheredTrack
from origin.static.request import Arrangement, RefusedSource
from origin.static.winding import leading_pictures
from origin.stored_track import StoredTrack

ROW: Final = struct.Struct("=QQqIIII")
"""A sample of a file: see `native/reference/sample_rows.py`."""


@dataclass(frozen=True, slots=True)
class OpenedTrack:
    """A track's index and description; `material` is where its samples are."""

    gathered: GatheredTrack
    index: TrackIndex
    description: TrackDescription
    material: DirectTrack | StoredTrack


@dataclass(frozen=True, slots=True)
class CutTrack:
    """A track with all that writing it takes; `name` is told once for each kind.

    The body of segment n is made of the samples of `bodies` that `pieces[n]` counts: first, number.
    """

    opened: OpenedTrack
    name: str
    default: bool
    table: SegmentTable
    init: bytes
    file: TrackFile | None
    bodies: SampleFile
    pieces: Sequence[tuple[int, int]]
    plan: CutPlan

    @property
    def gathered(self) -> GatheredTrack:
        """The track before it was cut."""
        return self.opened.gathered

    @property
    def index(self) -> TrackIndex:
        """Its index."""
        return self.opened.index

    @property
    def description(self) -> TrackDescription:
        """What it says of itself."""
        return self.opened.description

    @property
    def kind(self) -> TrackKind:
        """Whether it is a picture or sound."""
        return self.gathered.packaged.kind

    @property
    def end_ms(self) -> int:
        """When its last segment ends."""
        return milliseconds(self.table.spans[-1].end, self.index.timescale)

    def rendition(self, arrangement: Arrangement) -> Rendition:
        """What manifests say of it, as it lies in the folder."""
        layout = self.file.layout if self.file is not None else None
        in_file = layout if arrangement is Arrangement.SINGLE_FILE else None
        is_video = self.kind is TrackKind.VIDEO
        return Rendition(
            kind=self.kind,
            name=self.name,
            build_hash="",
            codec=self.description.codec,
            timescale=self.index.timescale,
            spans=self.table.spans,
            bandwidth=self.table.peak_bandwidth,
            average_bandwidth=self.table.average_bandwidth,
            traits=self._traits,
            independent=self.table.independent,
            layout=layout,
            iframes=leading_pictures(self.index, self.table, in_file) if is_video else None,
        )

    @property
    def _traits(self) -> VideoTraits | AudioTraits:
        description = self.description
        if self.kind is TrackKind.VIDEO:
            rate = Fraction(*description.frame_rate) if description.frame_rate else None
            return VideoTraits(
                *shown_size(description),
                rate,
                video_range=description.video_range,
                supplemental_codec=description.supplemental_codec,
                colour=description.colour,
                closed_captions=self.gathered.packaged.closed_captions,
            )
        return AudioTraits(
            channels=description.channels,
            sample_rate=description.sample_rate,
            language=description.language,
            label=description.label,
            default=self.default,
            roles=frozenset(description.roles),
            objects=description.objects,
        )


def cut_tracks(gathered: Sequence[GatheredTrack], segment_s: float) -> list[CutTrack]:
    """Cut all tracks at the same places. Raises `RefusedSource` where they do not fit together."""
    opened = [_opened(each) for each in gathered]
    indexes = [(each.gathered.packaged.kind, each.index) for each in opened]
    try:
        plan = first_plan(indexes, segment_s)
    except UnfitRenditions as fault:
        names = ", ".join(dict.fromkeys(each.film.path.name for each in gathered))
        raise RefusedSource(f"{names}: {fault.message}") from fault
    first_sound = next((each for each in gathered if _is_sound(each)), None)
    defaults = [each for each in gathered if _is_sound(each) and each.packaged.default]
    default = defaults[0] if defaults else first_sound
    return [
        _cut(each, name, plan, default=each.gathered is default)
        for each, name in zip(opened, _names(gathered), strict=True)
    ]


def presentation_of(
    tracks: Sequence[CutTrack],
    renditions: Sequence[Rendition],
    texts: Sequence[Rendition] = (),
    storyboard: Storyboard | None = None,
) -> Presentation:
    """Give what the manifests tell of: the tracks' renditions, and what else there is."""
    return Presentation(
        playback_id="",
        video=tuple(each for each in renditions if each.kind is TrackKind.VIDEO),
        audio=tuple(each for each in renditions if each.kind is TrackKind.AUDIO),
        duration_ms=max(track.end_ms for track in tracks),
        text=tuple(texts),
        storyboard=storyboard,
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


def _opened(gathered: GatheredTrack) -> OpenedTrack:
    packaged = gathered.packaged
    if isinstance(packaged, DirectTrack):
        return OpenedTrack(gathered, TrackIndex(packaged.index), packaged.description, packaged)
    stored = StoredTrack.open(packaged.directory)
    return OpenedTrack(gathered, stored.index, stored.description, stored)


def _cut(opened: OpenedTrack, name: str, plan: CutPlan, *, default: bool) -> CutTrack:
    index = opened.index
    table = segment_table(index, plan)
    init = track_init(index, opened.description)
    bodies, pieces = _bodies(opened, table)
    file = track_file(index, table, init)
    return CutTrack(opened, name, default, table, init, file, bodies, pieces, plan)


def _bodies(
    opened: OpenedTrack, table: SegmentTable
) -> tuple[SampleFile, Sequence[tuple[int, int]]]:
    """Say where the bodies of segments are: samples of the film, or stretches of a flat file."""
    cuts = list(zip(table.first, table.count, strict=True))
    if isinstance(opened.material, DirectTrack):
        return opened.material.samples, cuts
    rows = bytearray()
    for first, count in cuts:
        offset, length, _, _ = opened.index.segment(first, count)
        rows += ROW.pack(offset, 0, 0, length, 0, 0, 0)
    whole = [(number, 1) for number in range(len(cuts))]
    return SampleFile(opened.material.flat, bytes(rows)), whole

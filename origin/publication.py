"""From finished tracks on disk to what one commit makes visible.

What is published is read back from the files themselves, with the reader that delivery uses, so
that nothing can be published which delivery would refuse.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import InternalFault
from core.media.build import SegmentTable, build_hash, segment_table
from core.media.description import shown_size
from core.media.first_plan import first_plan
from core.media.presentation import TrackKind
from core.media.ticks import milliseconds
from core.media.timeline import CutPlan
from origin.repository import PublishedTrack
from origin.stored_track import StoredTrack
from runtime.storage import LocalStore


class NothingToPublish(InternalFault):
    """The tracks of an attempt make no presentation."""

    code = "publication.empty"


@dataclass(frozen=True, slots=True)
class BuiltTrack:
    """A track that an attempt has finished and made durable; the digests are of its two files.

    `closed_captions` were found while it was packaged: looking for them reads megabytes.
    """

    kind: TrackKind
    name: str
    store_prefix: str
    flat_sha256: bytes
    index_sha256: bytes
    default: bool = False
    closed_captions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckedTracks:
    """Tracks that are fit to be published, cut by `plan`; `duration_ms` is that of the longest."""

    tracks: tuple[PublishedTrack, ...]
    sizes_bytes: tuple[int, ...]
    plan: CutPlan
    duration_ms: int


def check_tracks(
    store: LocalStore, built: Sequence[BuiltTrack], plan: CutPlan | None, segment_s: float
) -> CheckedTracks:
    """Read tracks back and cut them: by `plan`, or, at first publication, by one made from them.

    Blocking. Raises `DamagedTrack`, `MisalignedRendition` and the like, all internal faults.
    """
    opened = [(track, StoredTrack.open(store.path(track.store_prefix))) for track in built]
    if not opened:
        raise NothingToPublish("an attempt ended without a track")
    indexes = [(stored.description.kind, stored.index) for _, stored in opened]
    cuts = plan or first_plan(indexes, segment_s)
    tables = [segment_table(stored.index, cuts) for _, stored in opened]
    ends = [
        milliseconds(table.spans[-1].end, stored.index.timescale)
        for (_, stored), table in zip(opened, tables, strict=True)
    ]
    return CheckedTracks(
        tracks=tuple(
            _published(track, stored, table, cuts)
            for (track, stored), table in zip(opened, tables, strict=True)
        ),
        sizes_bytes=tuple(stored.index.data_length for _, stored in opened),
        plan=cuts,
        duration_ms=max(ends),
    )


def _published(
    built: BuiltTrack, stored: StoredTrack, table: SegmentTable, plan: CutPlan
) -> PublishedTrack:
    description, index = stored.description, stored.index
    is_video = built.kind is TrackKind.VIDEO
    width, height = shown_size(description) if is_video else (None, None)
    return PublishedTrack(
        kind=built.kind,
        name=built.name,
        build_hash=build_hash(built.flat_sha256, built.index_sha256, plan),
        store_prefix=built.store_prefix,
        codec=description.codec,
        timescale=index.timescale,
        duration=index.duration,
        bandwidth=table.peak_bandwidth,
        average_bandwidth=table.average_bandwidth,
        width=width,
        height=height,
        frame_rate=description.frame_rate if is_video else None,
        channels=None if is_video else description.channels,
        sample_rate=None if is_video else description.sample_rate,
        language=None if is_video else description.language,
        label=description.label or None,
        is_default=built.default,
        roles=description.roles,
        closed_captions=built.closed_captions,
        video_range=description.video_range if is_video else None,
        supplemental_codec=description.supplemental_codec or None,
    )

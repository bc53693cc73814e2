"""A published build of a track: its name in URLs, and the table of its segments."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import InternalFault
from core.media.description import decode_description
from core.media.presentation import TrackKind
from core.media.ticks import Ticks, rescale
from core.media.timeline import CutPlan, Span
from native import TrackIndex

FORMAT_VERSION = 2
"""Part of every build hash; raise it when the same index and plan come to give other bytes."""

HASH_DIGITS = 20


class MisalignedRendition(InternalFault):
    """A rendition has no sync sample where its presentation is cut."""

    code = "media.misaligned_rendition"


class EmptySegment(InternalFault):
    """A segment of a rendition would last no time."""

    code = "media.empty_segment"


@dataclass(frozen=True, slots=True)
class SegmentTable:
    """The segments of one rendition; all sequences have one entry per segment.

    `first` and `count` say which samples a segment holds. `spans` are presentation times with the
    edit applied, in ticks of the track: what manifests say. The decode time in `tfdt` comes from
    the index. `byte_lengths` count the generated header and the body. Bit rates are in bit/s.
    `independent`: no segment begins with a picture that others, decoded after it, are shown before;
    those may lean on the segment before (an open group of pictures).
    """

    first: tuple[int, ...]
    count: tuple[int, ...]
    spans: tuple[Span, ...]
    byte_lengths: tuple[int, ...]
    peak_bandwidth: int
    average_bandwidth: int
    independent: bool = True

    def __len__(self) -> int:
        return len(self.first)


def build_hash(flat_sha256: bytes, index_sha256: bytes, plan: CutPlan, key_id: str = "") -> str:
    """Name a build by all that decides its bytes: 20 hexadecimal digits.

    Both digests are 32 bytes. Two builds share a name only if all their segments are equal.
    """
    if len(flat_sha256) != 32 or len(index_sha256) != 32:
        raise ValueError(f"a SHA-256 has 32 bytes, not {len(flat_sha256)} and {len(index_sha256)}")
    key = key_id.encode()
    # Imported here: who packages into a folder needs no names, and it loads a library.
    import hashlib  # noqa: PLC0415 - see above

    numbers = (*plan.starts, plan.end)
    hashed = hashlib.sha256(b"sluice build")
    hashed.update(struct.pack("<II", FORMAT_VERSION, plan.timescale))
    hashed.update(flat_sha256 + index_sha256)
    hashed.update(struct.pack(f"<Q{len(numbers)}q", len(numbers), *numbers))
    hashed.update(struct.pack("<Q", len(key)) + key)
    return hashed.hexdigest()[:HASH_DIGITS]


def segment_table(index: TrackIndex, plan: CutPlan) -> SegmentTable:
    """Cut a track by the plan of its presentation.

    Video is cut exactly at the plan's times, so that all rungs have the same boundaries; raises
    `MisalignedRendition` where a sync sample is missing. Any other track is cut at its first
    sample at or after each time, and cuts that leave a segment without samples are passed over.
    """
    cuts = [rescale(start, plan.timescale, index.timescale) for start in plan.starts]
    if decode_description(index.description).kind == TrackKind.VIDEO:
        first = _aligned_starts(index, cuts)
        spans = _tiles(cuts, _video_end(index, plan, cuts[-1]))
    else:
        first = _snapped_starts(index, cuts)
        spans = _media_spans(index, first)
    stops = (*first[1:], index.sample_count)
    count = tuple(stop - start for start, stop in zip(first, stops, strict=True))
    for number, span in enumerate(spans):
        if span.duration <= 0:
            raise EmptySegment(f"segment {number} of {len(spans)} lasts no time")
    lengths = tuple(index.segment_lengths(first))
    durations = [span.duration for span in spans]
    return SegmentTable(
        first=tuple(first),
        count=count,
        spans=spans,
        byte_lengths=lengths,
        peak_bandwidth=peak_bandwidth(lengths, durations, index.timescale, max(durations)),
        average_bandwidth=bit_rate(sum(lengths), sum(durations), index.timescale),
        independent=not any(map(index.begins_open, first)),
    )


def peak_bandwidth(
    byte_lengths: Sequence[int], durations: Sequence[int], timescale: int, target: int
) -> int:
    """Give the largest bit rate of any run of segments lasting 0.5 to 1.5 targets.

    That is the definition of RFC 8216bis §4.4.6.2 (BANDWIDTH); it keeps a last segment of one
    picture from posing as the peak. It is never below the mean rate, which answers where no
    run qualifies. `durations` and
    `target` are in ticks.
    """
    peak = bit_rate(sum(byte_lengths), sum(durations), timescale)
    for begin in range(len(durations)):
        size = ticks = 0
        for length, duration in zip(byte_lengths[begin:], durations[begin:], strict=True):
            size += length
            ticks += duration
            if 2 * ticks > 3 * target:
                break
            if 2 * ticks >= target:
                peak = max(peak, bit_rate(size, ticks, timescale))
    return peak


def _aligned_starts(index: TrackIndex, cuts: Sequence[Ticks]) -> list[int]:
    starts = index.segment_starts(cuts)
    for number, (start, cut) in enumerate(zip(starts, cuts, strict=True)):
        if start == index.sample_count:
            raise MisalignedRendition(f"segment {number}: no sync sample is left at {cut}")
        _, _, time, _, composition_offset, _ = index.sample(start)
        if time + composition_offset - index.priming != cut:
            raise MisalignedRendition(
                f"segment {number} is cut at {cut}, but the next sync sample is presented at "
                f"{time + composition_offset - index.priming} (of {index.timescale} a second)"
            )
    return starts


def _snapped_starts(index: TrackIndex, cuts: Sequence[Ticks]) -> list[int]:
    starts = index.segment_starts(cuts)
    return sorted({start for start in starts if start < index.sample_count})


def _video_end(index: TrackIndex, plan: CutPlan, last_cut: Ticks) -> Ticks:
    """Give the end that all rungs share; a rung's own may differ by a tick."""
    planned = rescale(plan.end, plan.timescale, index.timescale)
    return max(planned, Ticks(last_cut + 1))


def _media_spans(index: TrackIndex, first: Sequence[int]) -> tuple[Span, ...]:
    times = [index.sample(number)[2] - index.priming for number in first]
    end = index.base_time + index.duration - index.priming
    return _tiles([Ticks(max(0, time)) for time in times], Ticks(end))


def _tiles(starts: Sequence[Ticks], end: Ticks) -> tuple[Span, ...]:
    return tuple(
        Span(start, Ticks(stop - start))
        for start, stop in zip(starts, (*starts[1:], end), strict=True)
    )


def bit_rate(size: int, ticks: int, timescale: int) -> int:
    """Give bit/s of `size` bytes, rounded up: rounding must not break a promise to players."""
    return -(-size * 8 * timescale // ticks)

"""Rows of the track index, from the samples of a file whose times are in order.

These are the rules of media time for the usual case, a whole track in one call. `UnfitTimes` does
not mean that the track cannot be used: something about it is unusual, and who asks has to look at
its samples one by one.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from native.errors import UnfitTimes
from native.reference.layout import LARGEST_U32, OPEN_RANDOM_ACCESS, SYNC
from native.reference.sample_rows import INDEX_ROW, SampleRow, unpacked

if TYPE_CHECKING:
    from typing_extensions import Buffer

REORDER_WINDOW: Final = 33
"""H.264 delays a picture by 16 frames at most (ISO/IEC 14496-10 §A.3.1), 32 fields."""
MOST_WAITING: Final = 4 * REORDER_WINDOW
"""So many pictures at most are decoded and not yet shown."""
LATEST: Final = 2**62 - 1
LARGEST_SCALE: Final = 2**40
LARGEST_DURATION: Final = 2**31 - 1


def video_rows(
    rows: "Buffer",
    flags: bytes,
    *,
    start: int,
    scale: tuple[int, int],
    window: tuple[int, int],
    longest_gap: int,
) -> bytes:
    """Give the index rows of a picture track; `flags` has one byte a sample, as the index has it.

    `start` is the media time of the first picture, `scale` the fraction by which media ticks are
    multiplied (halves round up). All pictures have to be shown within `window` of media time, and
    sync samples no more than `longest_gap` ticks apart.

    A picture is decoded no later than it, and everything decoded after it, is shown; pictures that
    wait for the same one share out the time before it. So composition offsets are never negative,
    and decode times last as long as the pictures.
    """
    if abs(start) > LATEST:
        raise UnfitTimes(f"the first picture is shown at {start}")
    _check_scale(scale)
    samples = unpacked(rows)
    if len(flags) != len(samples) or not samples:
        raise UnfitTimes(f"{len(flags)} flags of {len(samples)} samples")
    times = [_shown_at(row) for row in samples]
    if any(not window[0] <= time < window[1] for time in times):
        raise UnfitTimes("a picture lies outside the edit")
    shown = [_scaled(time - start, scale) for time in times]
    end = max(time + _scaled(row.duration, scale) for time, row in zip(shown, samples, strict=True))
    _check_access(shown, flags, end, longest_gap)
    decoded = _decode_times(shown)
    decoded.append(max(end, decoded[-1] + 1))
    return b"".join(
        _index_row(row.size, following - time, at - time, each)
        for row, at, each, (time, following) in zip(
            samples, shown, flags, pairwise(decoded), strict=True
        )
    )


def audio_rows(
    rows: "Buffer",
    *,
    first: int,
    frame_length: int,
    last_duration: int,
    scale: tuple[int, int],
    zero: int,
    longest_patch: int,
) -> bytes:
    """Give the index rows of a sound track; its samples follow one another without gaps.

    A sample is presented at `(decode time + offset) * scale[0] - zero`, divided by `scale[1]`, in
    sound samples; the first one counts as `first`. A frame lasts `frame_length`, the last one
    `last_duration`; the one before a gap of at most `longest_patch` lasts longer by it.
    """
    _check_scale(scale)
    if not all(
        0 <= each <= LARGEST_DURATION for each in (frame_length, last_duration, longest_patch)
    ):
        raise UnfitTimes(f"durations of {frame_length}, {last_duration} and {longest_patch}")
    if abs(first) > LARGEST_SCALE:
        raise UnfitTimes(f"the first sample counts as {first}")
    samples = unpacked(rows)
    if not samples:
        raise UnfitTimes("no samples")
    durations = [frame_length] * len(samples)
    following = first + frame_length
    for number, row in enumerate(samples[1:], start=1):
        time = _shown_at(row) * scale[0] - zero
        if abs(time) > LATEST:
            raise UnfitTimes(f"a time of {time}")
        # Towards zero: less than a sound sample is none.
        drift = time - following * scale[1]
        drift = drift // scale[1] if drift >= 0 else -(-drift // scale[1])
        if abs(drift) > frame_length:
            if not 0 < drift <= longest_patch:
                raise UnfitTimes(f"{drift} sound samples too many before sample {number}")
            durations[number - 1] += drift
            following += drift
        following += frame_length
    durations[-1] = last_duration
    return b"".join(
        _index_row(row.size, duration, 0, SYNC)
        for row, duration in zip(samples, durations, strict=True)
    )


def _check_scale(scale: tuple[int, int]) -> None:
    if not all(0 < each <= LARGEST_SCALE for each in scale):
        raise UnfitTimes(f"times are multiplied by {scale[0]}/{scale[1]}")


def _shown_at(row: SampleRow) -> int:
    if row.decode_time > LATEST or abs(row.composition_offset) > LATEST:
        raise UnfitTimes(f"a time of {row.decode_time} and {row.composition_offset}")
    return row.decode_time + row.composition_offset


def _scaled(time: int, scale: tuple[int, int]) -> int:
    value = (2 * time * scale[0] + scale[1]) // (2 * scale[1])
    if abs(value) > LATEST:
        raise UnfitTimes(f"a time of {value}")
    return value


def _check_access(shown: Sequence[int], flags: bytes, end: int, longest_gap: int) -> None:
    last = latest = 0
    for number, (time, each) in enumerate(zip(shown, flags, strict=True)):
        if each not in (0, SYNC, OPEN_RANDOM_ACCESS) or (number == 0 and each != SYNC):
            raise UnfitTimes(f"sample {number} has the flags {each}")
        if time - last > longest_gap:
            raise UnfitTimes(f"no sync sample for {time - last} ticks")
        if each == SYNC:
            if time < latest:
                raise UnfitTimes(f"sample {number} is shown before one decoded earlier")
            last = time
        latest = max(latest, time)
    if end - last > longest_gap:
        raise UnfitTimes(f"no sync sample for {end - last} ticks")


def _decode_times(shown: Sequence[int]) -> list[int]:
    """Settle a sample once the whole window after it is known."""
    decoded: list[int] = []
    group: list[int] = []
    until = group_time = 0
    waiting: set[int] = set()
    pushed = 0
    for number in range(len(shown)):
        while pushed < min(len(shown), number + REORDER_WINDOW + 1):
            if shown[pushed] in waiting:
                raise UnfitTimes(f"two pictures share the time {shown[pushed]}")
            waiting.add(shown[pushed])
            pushed += 1
            if len(waiting) > MOST_WAITING:
                waiting = {time for time in waiting if time > until}
                if len(waiting) > MOST_WAITING:
                    raise UnfitTimes(f"{len(waiting)} pictures wait to be shown")
        earliest = min(shown[number : number + REORDER_WINDOW + 1])
        if group and earliest != group_time:
            decoded += _shared(len(group), until, group_time, first=not decoded)
            group, until = [], group_time
        group_time = earliest
        group.append(number)
    return decoded + _shared(len(group), until, group_time, first=not decoded)


def _shared(count: int, start: int, end: int, *, first: bool) -> list[int]:
    """Share out the time up to the picture that a group of samples waits for."""
    room = end - start
    if first and (count, room) != (1, 0):
        raise UnfitTimes("the first sample is not the first picture, at time 0")
    if room < 0 or (room == 0 and not first):
        raise UnfitTimes(f"pictures are out of order at {start}")
    return [start + room * number // count for number in range(1, count + 1)]


def _index_row(size: int, duration: int, composition_offset: int, flags: int) -> bytes:
    if not 0 <= duration <= LARGEST_U32 or not 0 <= composition_offset <= 0x7FFFFFFF:
        raise UnfitTimes(f"a sample lasts {duration} ticks, shown {composition_offset} later")
    return INDEX_ROW.pack(size, duration, composition_offset, flags)

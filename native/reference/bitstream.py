"""What the samples of a coded track are, read from as few of their bytes as say it.

For pictures: where decoding may begin, and which samples have units in them that belong elsewhere.
For sound: how long a sample lasts where a codec varies that.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from native.values import EXAMINE, OPEN_ACCESS, SYNC

if TYPE_CHECKING:
    from typing_extensions import Buffer

# NAL units of H.264 (ISO/IEC 14496-10 table 7-1) and HEVC (ISO/IEC 23008-2 table 7-1)
AVC_IDR = 5
AVC_PARAMETER_SETS = frozenset((7, 8))
HEVC_IRAP = range(16, 24)
HEVC_PARAMETER_SETS = frozenset((32, 33, 34))

# OBUs (AV1 §6.2.2)
SEQUENCE_HEADER = 1
TEMPORAL_DELIMITER = 2
FRAME_HEADER = 3
FRAME = 6


def sample_access(
    data: "Buffer",
    sizes: Sequence[int],
    codec: str,
    length_size: int = 4,
    *,
    whole_sizes: Sequence[int] | None = None,
) -> bytes:
    """Say what samples of these sizes, one behind the other, are: one byte of flags each.

    `codec` is "avc", "hevc", "av1" or "vp9"; `length_size` that of a NAL unit's length field. With
    `whole_sizes`, which only AV1 and VP9 may have, the data are the beginnings of larger samples.
    - SYNC: decoding may begin here. An HEVC picture of clean random access is one too (ISO/IEC
      14496-15 §8.4.3), though pictures that follow it and are shown before it may be lost then.
    - OPEN_ACCESS: a key picture of AV1 or VP9 that is not shown at once.
    - EXAMINE: there is more to know than this: parameter sets, a temporal delimiter, a picture
      whose header says how it is coded, or bytes that make no sense.

    Raises `ValueError` when the samples are longer than the data, for an unknown codec, and when
    `length_size` is not 1 to 4.
    """
    view = memoryview(data).cast("B")
    if not 1 <= length_size <= 4:
        raise ValueError(f"a length field has 1 to 4 bytes, not {length_size}")
    if codec not in ("avc", "hevc", "av1", "vp9"):
        raise ValueError(f"nothing is known of the samples of {codec!r}")
    if whole_sizes is not None and codec not in ("av1", "vp9"):
        raise ValueError(f"all of a sample of {codec!r} has to be known")
    samples = _samples(view, sizes)
    for known, whole in zip(sizes, sizes if whole_sizes is None else whole_sizes, strict=True):
        if whole < known:
            raise ValueError(f"{known} bytes are known of a sample of {whole}")
    return bytes(
        _access(sample, whole, codec, length_size)
        for sample, whole in zip(
            samples, sizes if whole_sizes is None else whole_sizes, strict=True
        )
    )


def frame_lengths(data: "Buffer", sizes: Sequence[int], codec: str) -> list[int]:
    """Say how many sound samples each of the coded frames holds; 0 for what makes no sense.

    `codec` is "opus", which counts at 48 kHz (RFC 6716 §3.1), or "flac" (RFC 9639 §9.1). Raises
    `ValueError` when the frames are longer than the data, and for an unknown codec.
    """
    view = memoryview(data).cast("B")
    if codec not in ("opus", "flac"):
        raise ValueError(f"nothing is known of the frames of {codec!r}")
    length = _opus_length if codec == "opus" else _flac_length
    return [length(frame) for frame in _samples(view, sizes)]


def _samples(view: memoryview, sizes: Sequence[int]) -> list[memoryview]:
    if any(size < 0 for size in sizes) or sum(sizes) > len(view):
        raise ValueError(f"samples of {sum(sizes)} bytes in {len(view)}")
    at, found = 0, []
    for size in sizes:
        found.append(view[at : at + size])
        at += size
    return found


def _access(sample: memoryview, size: int, codec: str, length_size: int) -> int:
    match codec:
        case "vp9":
            return _vp9_access(sample)
        case "av1":
            return _av1_access(sample, size)
        case _:
            return _nal_access(sample, length_size, hevc=codec == "hevc")


def _nal_access(sample: memoryview, length_size: int, *, hevc: bool) -> int:
    flags = at = 0
    while at < len(sample):
        length = int.from_bytes(sample[at : at + length_size])
        if len(sample) - at < length_size or not 0 < length <= len(sample) - at - length_size:
            return flags | EXAMINE
        first = sample[at + length_size]
        flags |= _hevc_unit(first >> 1 & 63) if hevc else _avc_unit(first & 31)
        at += length_size + length
    return flags if at else EXAMINE


def _avc_unit(kind: int) -> int:
    if kind == AVC_IDR:
        return SYNC
    return EXAMINE if kind in AVC_PARAMETER_SETS else 0


def _hevc_unit(kind: int) -> int:
    if kind in HEVC_IRAP:
        return SYNC
    return EXAMINE if kind in HEVC_PARAMETER_SETS else 0


def _av1_access(sample: memoryview, whole: int) -> int:
    """Walk a temporal unit up to its first frame (AV1 §5.3, §5.9.2; AV1 in ISOBMFF §2.4).

    `sample` is its beginning, and `whole` how many bytes it has in all.
    """
    flags = at = 0
    sequence = still = False
    while at < len(sample):
        head = sample[at]
        kind, extended, sized = head >> 3 & 15, head >> 2 & 1, head >> 1 & 1
        body = at + 1 + extended
        size = whole - body
        if sized:
            size, body = _leb128(sample, body)
        if head >> 7 or size < 0 or body + size > whole or (size and body >= len(sample)):
            return flags | EXAMINE
        if kind == SEQUENCE_HEADER:
            flags |= EXAMINE
            sequence, still = True, size > 0 and bool(sample[body] >> 3 & 1)
        elif kind == TEMPORAL_DELIMITER:
            flags |= EXAMINE
        elif kind in (FRAME_HEADER, FRAME):
            if size == 0:
                return flags | EXAMINE
            return flags | _av1_frame(sample[body], sequence=sequence, still=still)
        at = body + size
    return flags | EXAMINE


def _av1_frame(first: int, *, sequence: bool, still: bool) -> int:
    """Read show_existing_frame, frame_type and show_frame; a still picture has none of them."""
    if still:
        return SYNC
    if first >> 7 or first >> 5 & 3:  # shown from before, or no key frame
        return 0
    return SYNC if first >> 4 & 1 and sequence else OPEN_ACCESS


def _leb128(sample: memoryview, at: int) -> tuple[int, int]:
    """Read a length of up to 8 bytes (AV1 §4.10.5) and where it ends; -1 where it does not."""
    value = 0
    for place in range(8):
        if at + place >= len(sample):
            return -1, at
        byte = sample[at + place]
        value |= (byte & 0x7F) << 7 * place
        if not byte & 0x80:
            return value, at + place + 1
    return -1, at


def _vp9_access(sample: memoryview) -> int:
    """Read the first byte or two of a frame's uncompressed header (VP9 §6.2)."""
    if len(sample) < 2 or sample[0] >> 6 != 2:
        return EXAMINE
    bits = sample[0] << 8 | sample[1]
    # Marker and profile take four bits; profile 3 has a reserved one.
    shown_before, inter, shown = (
        bits >> 15 - place & 1 for place in ((5, 6, 7) if bits >> 12 & 3 == 3 else (4, 5, 6))
    )
    if shown_before or inter:
        return 0
    return EXAMINE | (SYNC if shown else OPEN_ACCESS)


def _opus_length(frame: memoryview) -> int:
    if not len(frame):
        return 0
    config, code = frame[0] >> 3, frame[0] & 3
    if config < 12:
        length = (480, 960, 1920, 2880)[config & 3]
    elif config < 16:
        length = (480, 960)[config & 1]
    else:
        length = (120, 240, 480, 960)[config & 3]
    if code == 3:
        return length * (frame[1] & 63) if len(frame) > 1 else 0
    return 2 * length if code else length


def _flac_length(frame: memoryview) -> int:
    if len(frame) < 6 or frame[0] != 0xFF or frame[1] & 0xFE != 0xF8:
        return 0
    code = frame[2] >> 4
    if code == 0:
        return 0
    if code == 1:
        return 192
    if code < 6:
        return 144 << code
    if code > 7:
        return 1 << code
    at = 4 + _coded_number(frame[4])
    if at + code - 5 > len(frame):
        return 0
    return int.from_bytes(frame[at : at + code - 5]) + 1


def _coded_number(first: int) -> int:
    """Give the bytes of a number that is written as UTF-8 writes letters (RFC 9639 §9.1.5)."""
    ones = 8 - (first ^ 0xFF).bit_length()
    return max(1, ones)

"""The init segment of a CMAF track: `ftyp` and a `moov` without samples.

ISO/IEC 14496-12 §4.3 and §8.2 to §8.8, constrained as ISO/IEC 23000-19 §7.3.2 has it.
"""

import struct

from core.isobmff.bit_rates import BitRates, with_bit_rates
from core.isobmff.box import box, full_box
from core.media.description import IDENTITY_MATRIX, TrackDescription
from core.media.language import iso639_2, language_tag
from core.media.presentation import TrackKind
from core.media.ticks import Ticks
from native import TrackIndex

TRACK_ID = 1
NEXT_TRACK_ID = 2
ENABLED_IN_MOVIE = 0x3
SELF_CONTAINED = 0x1
LARGEST_U32 = 0xFFFFFFFF
LARGEST_I32 = 0x7FFFFFFF


def track_init(index: TrackIndex, description: TrackDescription) -> bytes:
    """Give the init segment of a stored track."""
    return init_segment(
        description,
        timescale=index.timescale,
        duration=Ticks(index.base_time + index.duration),
        priming=Ticks(index.priming),
        rates=BitRates(*index.bit_rates()),
    )


def init_segment(
    description: TrackDescription,
    *,
    timescale: int,
    duration: Ticks,
    priming: Ticks,
    rates: BitRates,
) -> bytes:
    """Give the init segment of a track.

    `duration` is where the track's media ends, in ticks of `timescale`: base time and priming
    included. A priming above 0 becomes the track's one edit: media before it is decoded and not
    presented (ISO/IEC 14496-12 §8.6.6). Equal arguments give equal bytes: no box has a date.
    """
    movie = box(
        b"moov",
        _mvhd(timescale),
        _trak(description, timescale, priming, rates),
        _mvex(Ticks(duration - priming)),
    )
    return _ftyp() + movie


def _ftyp() -> bytes:
    """`iso6` for default-base-is-moof and signed composition offsets, `cmfc` for CMAF."""
    return box(b"ftyp", b"iso6", struct.pack(">I", 0), b"iso6", b"cmfc", b"mp41")


def _mvhd(timescale: int) -> bytes:
    """§8.2.2; the movie counts in the track's ticks, so that durations stay exact."""
    head = struct.pack(">IIIIIHxx8x", 0, 0, timescale, 0, 0x10000, 0x100)
    return full_box(b"mvhd", 0, 0, head, _matrix(IDENTITY_MATRIX), bytes(24), _u32(NEXT_TRACK_ID))


def _trak(description: TrackDescription, timescale: int, priming: Ticks, rates: BitRates) -> bytes:
    edits = (_edts(priming),) if priming > 0 else ()
    return box(b"trak", _tkhd(description), *edits, _mdia(description, timescale, rates))


def _tkhd(description: TrackDescription) -> bytes:
    """§8.3.2; width and height are the displayed ones before the matrix turns them."""
    is_audio = description.kind == TrackKind.AUDIO
    head = struct.pack(">IIII4x8xHHH2x", 0, 0, TRACK_ID, 0, 0, int(is_audio), 0x100 * is_audio)
    size = struct.pack(">II", description.display_width << 16, description.display_height << 16)
    return full_box(b"tkhd", 0, ENABLED_IN_MOVIE, head, _matrix(description.matrix), size)


def _edts(priming: Ticks) -> bytes:
    """One edit over all that follows: in fragments its duration is 0 (§8.6.6.1)."""
    if priming <= LARGEST_I32:
        return box(b"edts", full_box(b"elst", 0, 0, struct.pack(">IIiI", 1, 0, priming, 0x10000)))
    return box(b"edts", full_box(b"elst", 1, 0, struct.pack(">IQqI", 1, 0, priming, 0x10000)))


def _mdia(description: TrackDescription, timescale: int, rates: BitRates) -> bytes:
    handler, name, header = _media_header(description.kind)
    letters = iso639_2(description.language)
    packed = 0
    for letter in letters:
        packed = packed << 5 | ord(letter) - 0x60
    mdhd = full_box(b"mdhd", 0, 0, struct.pack(">IIIIHH", 0, 0, timescale, 0, packed, 0))
    hdlr = full_box(b"hdlr", 0, 0, struct.pack(">I4s12x", 0, handler), name + b"\0")
    elng = _elng(language_tag(description.language), language_tag(letters))
    entry = with_bit_rates(description.sample_entry, rates)
    return box(b"mdia", mdhd, elng, hdlr, _minf(header, entry))


def _elng(tag: str, told: str) -> bytes:
    """§8.4.6; the whole tag, where three letters do not tell it."""
    return b"" if tag == told else full_box(b"elng", 0, 0, tag.encode("ascii") + b"\0")


def _media_header(kind: TrackKind) -> tuple[bytes, bytes, bytes]:
    """Give handler (§8.4.3), its name and the header of the media's kind (§12.1.2, §12.2.2)."""
    match kind:
        case TrackKind.VIDEO:
            return b"vide", b"Sluice video", full_box(b"vmhd", 0, 1, bytes(8))
        case TrackKind.AUDIO:
            return b"soun", b"Sluice audio", full_box(b"smhd", 0, 0, bytes(4))
        case TrackKind.TEXT:
            return b"text", b"Sluice text", full_box(b"nmhd", 0, 0)


def _minf(header: bytes, sample_entry: bytes) -> bytes:
    url = full_box(b"url ", 0, SELF_CONTAINED)
    dinf = box(b"dinf", full_box(b"dref", 0, 0, _u32(1), url))
    stbl = box(
        b"stbl",
        full_box(b"stsd", 0, 0, _u32(1), sample_entry),
        full_box(b"stts", 0, 0, _u32(0)),
        full_box(b"stsc", 0, 0, _u32(0)),
        full_box(b"stsz", 0, 0, _u32(0), _u32(0)),
        full_box(b"stco", 0, 0, _u32(0)),
    )
    return box(b"minf", header, dinf, stbl)


def _mvex(duration: Ticks) -> bytes:
    """§8.8.1; the movie extends into fragments, whose own boxes give every default."""
    if duration <= LARGEST_U32:
        mehd = full_box(b"mehd", 0, 0, _u32(duration))
    else:
        mehd = full_box(b"mehd", 1, 0, struct.pack(">Q", duration))
    trex = full_box(b"trex", 0, 0, struct.pack(">IIIII", TRACK_ID, 1, 0, 0, 0))
    return box(b"mvex", mehd, trex)


def _matrix(matrix: tuple[int, ...]) -> bytes:
    return struct.pack(">9i", *matrix)


def _u32(value: int) -> bytes:
    return struct.pack(">I", value)

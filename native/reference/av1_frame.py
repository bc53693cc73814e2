"""How long a frame header of AV1 is, and what it leaves to later ones (AV1 §5.9).

Prediction of global motion does not change how long its parameters are (§5.9.27: the code of a
number does not depend on the number that it is predicted from), nor do the tables of probabilities,
film grain and filters of earlier pictures, which a header only refers to.
"""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from native.reference.av1_references import (
    REFERENCES,
    SEGMENTS,
    SLOTS,
    Picture,
    Quantisers,
    Slots,
    derived_references,
    has_skip_mode,
    picture_in,
)
from native.reference.av1_tiles import Tiles, read_tiles
from native.reference.vp9_frame import FrameReader
from native.values import Av1Division

KEY, INTER, INTRA_ONLY, SWITCH = range(4)
ALL_SLOTS: Final = 0xFF
NO_PRIMARY: Final = 7
CHOSEN_BY_FRAMES: Final = 2
FEATURE_BITS: Final = (9, 7, 7, 7, 7, 3, 0, 0)
"""Of the features of a segment, with the sign (Segmentation_Feature_Bits, _Signed)."""
LARGEST_QUANTISER: Final = 255
ALPHA_BITS: Final = 12
TRANSLATION_BITS: Final = 9
"""GM_ABS_ALPHA_BITS, which GM_ABS_TRANS_BITS is as well, and GM_ABS_TRANS_ONLY_BITS."""
SUPERRESOLUTION: Final = 8
NOT_ALTERED: Final[Quantisers] = (None,) * SEGMENTS


class FrameHeader(NamedTuple):
    """A frame header: its bits, its tiles, and what is in the slots once its frame is decoded.

    One that only shows a picture has no tiles.
    """

    bits: int
    tiles: Tiles | None
    slots: Slots


@dataclass(slots=True)
class _Frame:
    """What of a header its later fields depend on."""

    slots: list[Picture | None]
    kind: int = KEY
    shown: bool = True
    showable: bool = False
    resilient: bool = True
    updates: bool = False
    screen_content: bool = False
    integer_vectors: bool = False
    own_size: bool = False
    order: int = 0
    primary: int = NO_PRIMARY
    refreshes: int = ALL_SLOTS
    references: list[int] = field(default_factory=list)
    upscaled: int = 0
    width: int = 0
    height: int = 0
    copies_blocks: bool = False
    precise: bool = False

    @property
    def is_intra(self) -> bool:
        return self.kind in {KEY, INTRA_ONLY}


def read_frame_header(
    data: memoryview, known: Av1Division, slots: Slots, layers: int
) -> FrameHeader:
    """Read uncompressed_header (§5.9.2) of a frame in the layers that the OBU's extension says.

    Raises `EOFError` for what makes no sense and `LostReference` where a slot would have to be
    known that is not.
    """
    bits = FrameReader(data)
    frame = _Frame(list(slots))
    if not known.reduced:
        if bits.take(1):
            return _existing(bits, known, frame)
        _read_kind(bits, known, frame)
    _read_beginning(bits, known, frame, layers)
    if frame.is_intra:
        _read_size(bits, known, frame)
        _read_render_size(bits)
        if frame.screen_content and frame.upscaled == frame.width:
            frame.copies_blocks = bits.take(1) == 1
    else:
        _read_references(bits, known, frame)
    if frame.updates:
        bits.take(1)  # disable_frame_end_update_cdf
    tiles = read_tiles(bits, frame.width, frame.height, large=known.large_superblocks)
    quantisers = _read_quality(bits, known, frame)
    _read_prediction(bits, known, frame)
    if known.film_grain and (frame.shown or frame.showable):
        _read_grain(bits, known, frame)
    own = Picture(frame.order, frame.upscaled, frame.height, frame.kind == KEY, quantisers)
    after = (own if frame.refreshes >> each & 1 else old for each, old in enumerate(frame.slots))
    return FrameHeader(bits.at, tiles, tuple(after))


def _existing(bits: FrameReader, known: Av1Division, frame: _Frame) -> FrameHeader:
    """Read what shows a picture that is there; a key picture then fills all slots (§7.21)."""
    number = bits.take(3)
    bits.take(known.presentation_bits)
    bits.take(known.frame_id_bits)
    shown = picture_in(frame.slots, number)
    if shown.is_key:
        return FrameHeader(bits.at, None, (shown,) * SLOTS)
    return FrameHeader(bits.at, None, tuple(frame.slots))


def _read_kind(bits: FrameReader, known: Av1Division, frame: _Frame) -> None:
    frame.kind = bits.take(2)
    frame.shown = bits.take(1) == 1
    if frame.shown:
        bits.take(known.presentation_bits)
        frame.showable = frame.kind != KEY
    else:
        frame.showable = bits.take(1) == 1
    if frame.kind != SWITCH and not (frame.kind == KEY and frame.shown):
        frame.resilient = bits.take(1) == 1


def _read_beginning(bits: FrameReader, known: Av1Division, frame: _Frame, layers: int) -> None:
    """Read what every frame has before its size."""
    frame.updates = not bits.take(1) and not known.reduced
    frame.screen_content = _chosen(bits, known.screen_content_tools)
    if frame.screen_content:
        frame.integer_vectors = _chosen(bits, known.integer_vectors)
    bits.take(known.frame_id_bits)
    frame.own_size = frame.kind == SWITCH or (not known.reduced and bits.take(1) == 1)
    frame.order = bits.take(known.order_bits)
    if not frame.is_intra and not frame.resilient:
        frame.primary = bits.take(3)
    if known.decoder_model and bits.take(1):
        _read_removal_times(bits, known, layers)
    if frame.kind != SWITCH and not (frame.kind == KEY and frame.shown):
        frame.refreshes = bits.take(8)
    told = not frame.is_intra or frame.refreshes != ALL_SLOTS
    if told and frame.resilient and known.order_bits:
        _read_orders(bits, known, frame)


def _chosen(bits: FrameReader, choice: int) -> bool:
    return bits.take(1) == 1 if choice == CHOSEN_BY_FRAMES else choice == 1


def _read_removal_times(bits: FrameReader, known: Av1Division, layers: int) -> None:
    temporal, spatial = layers >> 5, layers >> 3 & 3
    for point in known.removal_points:
        if point == 0 or (point >> temporal & 1 and point >> spatial + 8 & 1):
            bits.take(known.removal_bits)


def _read_orders(bits: FrameReader, known: Av1Division, frame: _Frame) -> None:
    """Read the order hint of every slot; where it is another, the picture there was lost.

    Decoders go on differently from there, so such a slot is one that nothing is known of.
    """
    for each, picture in enumerate(frame.slots):
        order = bits.take(known.order_bits)
        if picture is not None and picture.order != order:
            frame.slots[each] = None


def _read_references(bits: FrameReader, known: Av1Division, frame: _Frame) -> None:
    """Read what a frame has that predicts from others, its size among it."""
    derived = known.order_bits > 0 and bits.take(1) == 1
    if derived:
        last, golden = bits.take(3), bits.take(3)
        frame.references = derived_references(
            frame.slots, frame.order, known.order_bits, last, golden
        )
    for _ in range(REFERENCES):
        if not derived:
            frame.references.append(bits.take(3))
        bits.take(known.delta_id_bits)
    if frame.own_size and not frame.resilient:
        _read_size_by_references(bits, known, frame)
    else:
        _read_size(bits, known, frame)
        _read_render_size(bits)
    if not frame.integer_vectors:
        frame.precise = bits.take(1) == 1
    if not bits.take(1):  # is_filter_switchable
        bits.take(2)
    bits.take(1)  # is_motion_mode_switchable
    if not frame.resilient and known.reference_vectors:
        bits.take(1)


def _read_size(bits: FrameReader, known: Av1Division, frame: _Frame) -> None:
    frame.width, frame.height = known.width, known.height
    if frame.own_size:
        frame.width = bits.take(known.width_bits) + 1
        frame.height = bits.take(known.height_bits) + 1
    _read_superresolution(bits, known, frame)


def _read_superresolution(bits: FrameReader, known: Av1Division, frame: _Frame) -> None:
    frame.upscaled = frame.width
    if known.superresolution and bits.take(1):
        part = bits.take(3) + SUPERRESOLUTION + 1
        frame.width = (frame.upscaled * SUPERRESOLUTION + part // 2) // part


def _read_render_size(bits: FrameReader) -> None:
    if bits.take(1):
        bits.take(32)


def _read_size_by_references(bits: FrameReader, known: Av1Division, frame: _Frame) -> None:
    for number in frame.references:
        if bits.take(1):
            picture = picture_in(frame.slots, number)
            frame.width, frame.height = picture.width, picture.height
            _read_superresolution(bits, known, frame)
            return
    _read_size(bits, known, frame)
    _read_render_size(bits)


def _read_quality(bits: FrameReader, known: Av1Division, frame: _Frame) -> Quantisers:
    """Read quantisers, segments and filters; give what segments add to the frame's quantiser."""
    base = bits.take(8)
    is_plain = _read_delta_quantisers(bits, known)
    quantisers = _read_segments(bits, frame)
    if base and bits.take(1):  # delta_q_present
        bits.take(2)
        if not frame.copies_blocks and bits.take(1):
            bits.take(3)
    lossless = is_plain and all(base + (added or 0) <= 0 for added in quantisers)
    if not lossless and not frame.copies_blocks:
        _read_filters(bits, known)
    whole = lossless and frame.width == frame.upscaled
    if known.restoration and not whole and not frame.copies_blocks:
        _read_restoration(bits, known)
    if not lossless:
        bits.take(1)  # tx_mode_select
    return quantisers


def _read_delta_quantisers(bits: FrameReader, known: Av1Division) -> bool:
    """Read the rest of quantization_params (§5.9.12); whether all planes have the same one."""
    separate = known.separate_chroma_quantisers
    deltas = [_delta_quantiser(bits)]
    if not known.monochrome:
        count = 4 if separate and bits.take(1) else 2
        deltas += [_delta_quantiser(bits) for _ in range(count)]
    if bits.take(1):  # using_qmatrix
        bits.take(12 if separate else 8)
    return not any(deltas)


def _delta_quantiser(bits: FrameReader) -> int:
    return bits.take(7) if bits.take(1) else 0


def _read_segments(bits: FrameReader, frame: _Frame) -> Quantisers:
    """§5.9.14; what is not said anew is that of the primary reference (§7.21)."""
    if not bits.take(1):
        return NOT_ALTERED
    if frame.primary != NO_PRIMARY:
        if bits.take(1):  # segmentation_update_map
            bits.take(1)
        if not bits.take(1):
            return picture_in(frame.slots, frame.references[frame.primary]).quantisers
    return tuple(_read_features(bits) for _ in range(SEGMENTS))


def _read_features(bits: FrameReader) -> int | None:
    """Read the features of a segment; give what it adds to the quantiser, which is the first."""
    added: int | None = None
    for each, width in enumerate(FEATURE_BITS):
        if bits.take(1):
            value = bits.take(width)
            if each == 0:
                value -= (value & 0x100) << 1
                added = max(-LARGEST_QUANTISER, value)
    return added


def _read_filters(bits: FrameReader, known: Av1Division) -> None:
    """Read loop_filter_params and cdef_params (§5.9.11, §5.9.19)."""
    levels = bits.take(12)
    if levels and not known.monochrome:
        bits.take(12)
    bits.take(3)
    if bits.take(1) and bits.take(1):
        for _ in range(SLOTS + 2):
            if bits.take(1):
                bits.take(7)
    if known.directional_enhancement:
        bits.take(2)
        bits.take((6 if known.monochrome else 12) << bits.take(2))


def _read_restoration(bits: FrameReader, known: Av1Division) -> None:
    """§5.9.20."""
    luma = bits.take(2)
    chroma = 0 if known.monochrome else bits.take(4)
    if not luma and not chroma:
        return
    if bits.take(1) and not known.large_superblocks:
        bits.take(1)
    if chroma and known.subsampled:
        bits.take(1)


def _read_prediction(bits: FrameReader, known: Av1Division, frame: _Frame) -> None:
    """Read how a frame predicts, from frame_reference_mode to global_motion_params."""
    if not frame.is_intra and bits.take(1) and known.order_bits:
        orders = [picture_in(frame.slots, number).order for number in frame.references]
        if has_skip_mode(orders, frame.order, known.order_bits):
            bits.take(1)
    if not frame.is_intra and not frame.resilient and known.warped_motion:
        bits.take(1)
    bits.take(1)  # reduced_tx_set
    if not frame.is_intra:
        for _ in range(REFERENCES):
            _read_motion(bits, precise=frame.precise)


def _read_motion(bits: FrameReader, *, precise: bool) -> None:
    """Read the global motion against one reference (§5.9.24)."""
    if not bits.take(1):
        return
    if bits.take(1):  # is_rot_zoom
        lengths = [ALPHA_BITS] * 4
    elif bits.take(1):  # is_translation
        lengths = [TRANSLATION_BITS if precise else TRANSLATION_BITS - 1] * 2
    else:
        lengths = [ALPHA_BITS] * 6
    for length in lengths:
        _read_number(bits, (2 << length) + 1)


def _read_number(bits: FrameReader, count: int) -> None:
    """Read a number below `count` as decode_subexp does (§5.9.28)."""
    width, below = 3, 0
    while count > below + (3 << width):
        if not bits.take(1):
            bits.take(width)
            return
        below += 1 << width
        width += below > 8  # the first two steps have the same width
    bits.take_below(count - below)


def _read_grain(bits: FrameReader, known: Av1Division, frame: _Frame) -> None:
    """§5.9.30."""
    if not bits.take(1):
        return
    bits.take(16)
    if frame.kind == INTER and not bits.take(1):
        bits.take(3)
        return
    luma = bits.take(4)
    bits.take(16 * luma)
    from_luma = not known.monochrome and bits.take(1) == 1
    blue = red = 0
    if not known.monochrome and not from_luma and (luma or not known.subsampled):
        blue = bits.take(4)
        bits.take(16 * blue)
        red = bits.take(4)
        bits.take(16 * red)
    bits.take(2)
    lag = bits.take(2)
    places = 2 * lag * (lag + 1)
    if luma:
        bits.take(8 * places)
        places += 1
    for points in (blue, red):
        if from_luma or points:
            bits.take(8 * places)
    bits.take(4)
    for points in (blue, red):
        if points:
            bits.take(25)
    bits.take(2)

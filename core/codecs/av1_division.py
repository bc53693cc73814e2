"""The sequence header of AV1, as far as frame headers depend on it (AV1 §5.5)."""

from dataclasses import dataclass

from core.codecs.av1 import av1_configuration, colour_config
from core.isobmff.bit_reader import BitReader
from core.isobmff.sample_entry import InvalidDecoderConfiguration
from native import Av1Division

CHOSEN_BY_FRAMES = 2
"""SELECT_SCREEN_CONTENT_TOOLS, SELECT_INTEGER_MV (§3)."""


@dataclass(frozen=True, slots=True)
class _Model:
    """What frame headers say to the decoder model, and for which operating points (§5.5.3-4)."""

    is_present: bool = False
    presentation_bits: int = 0
    removal_bits: int = 0
    removal_points: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Tools:
    """Which tools frames may use, as those without reduced headers say it."""

    warped_motion: bool = False
    order_bits: int = 0
    reference_vectors: bool = False
    screen_content: int = CHOSEN_BY_FRAMES
    integer_vectors: int = CHOSEN_BY_FRAMES


def av1_division(av1c: bytes) -> Av1Division:
    """Read an AV1CodecConfigurationRecord (AV1 in ISOBMFF §2.3).

    Raises `InvalidDecoderConfiguration` for what makes no sense.
    """
    header = av1_configuration(av1c).header
    try:
        return _division(BitReader(header[:512]))
    except EOFError as cause:
        raise InvalidDecoderConfiguration("an AV1 sequence header is cut off") from cause


def _division(bits: BitReader) -> Av1Division:
    """§5.5.1."""
    profile = bits.read(3)
    bits.read(1)  # still_picture
    reduced = bits.read(1) == 1
    model = _Model()
    if reduced:
        bits.read(5)
    else:
        model = _model(bits)
    width_bits, height_bits = bits.read(4) + 1, bits.read(4) + 1
    width, height = bits.read(width_bits) + 1, bits.read(height_bits) + 1
    frame_id_bits = delta_id_bits = 0
    if not reduced and bits.read(1):
        delta_id_bits = bits.read(4) + 2
        frame_id_bits = delta_id_bits + bits.read(3) + 1
    large_superblocks = bits.read(1) == 1
    bits.read(2)  # enable_filter_intra, enable_intra_edge_filter
    tools = _Tools() if reduced else _tools(bits)
    superresolution, enhancement, restoration = (bits.read(1) == 1 for _ in range(3))
    colour = colour_config(bits, profile, 0, 0)
    separate = not colour.monochrome and bits.read(1) == 1
    return Av1Division(
        reduced=reduced,
        decoder_model=model.is_present,
        presentation_bits=model.presentation_bits,
        removal_bits=model.removal_bits,
        removal_points=model.removal_points,
        width_bits=width_bits,
        height_bits=height_bits,
        width=width,
        height=height,
        frame_id_bits=frame_id_bits,
        delta_id_bits=delta_id_bits,
        large_superblocks=large_superblocks,
        order_bits=tools.order_bits,
        reference_vectors=tools.reference_vectors,
        warped_motion=tools.warped_motion,
        screen_content_tools=tools.screen_content,
        integer_vectors=tools.integer_vectors,
        superresolution=superresolution,
        directional_enhancement=enhancement,
        restoration=restoration,
        monochrome=colour.monochrome,
        subsampled=colour.chroma[:2] == (1, 1),
        separate_chroma_quantisers=separate,
        film_grain=bits.read(1) == 1,
    )


def _model(bits: BitReader) -> _Model:
    """Read timing, the decoder model and the operating points."""
    is_present = evenly = False
    delay_bits = removal_bits = presentation_bits = 0
    if bits.read(1):  # timing_info_present_flag
        bits.read(64)
        evenly = bits.read(1) == 1
        if evenly:
            bits.golomb()  # uvlc() is written as ue(v) is
        is_present = bits.read(1) == 1
    if is_present:
        delay_bits = bits.read(5) + 1
        bits.read(32)
        removal_bits, presentation_bits = bits.read(5) + 1, bits.read(5) + 1
    display_delay = bits.read(1)
    points = []
    for _ in range(bits.read(5) + 1):
        layers = bits.read(12)
        if bits.read(5) > 7:
            bits.read(1)  # seq_tier
        if is_present and bits.read(1):
            points.append(layers)
            bits.read(2 * delay_bits + 1)
        if display_delay and bits.read(1):
            bits.read(4)
    return _Model(is_present, 0 if evenly else presentation_bits, removal_bits, tuple(points))


def _tools(bits: BitReader) -> _Tools:
    bits.read(2)  # enable_interintra_compound, enable_masked_compound
    warped_motion = bits.read(1) == 1
    bits.read(1)  # enable_dual_filter
    ordered = bits.read(1)
    reference_vectors = False
    if ordered:
        bits.read(1)  # enable_jnt_comp
        reference_vectors = bits.read(1) == 1
    screen_content = CHOSEN_BY_FRAMES if bits.read(1) else bits.read(1)
    integer_vectors = CHOSEN_BY_FRAMES
    if screen_content and not bits.read(1):
        integer_vectors = bits.read(1)
    order_bits = bits.read(3) + 1 if ordered else 0
    return _Tools(warped_motion, order_bits, reference_vectors, screen_content, integer_vectors)

"""Values that both implementations give."""

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias

SEGMENT_TYPE_BYTES: Final = 28
"""The length of the `styp` box, with which every media segment begins."""

PICTURE_HEADER_BYTES: Final = 136
"""The length of the header of a segment that holds one picture alone, its `styp` included."""


SYNC: Final = 1
OPEN_ACCESS: Final = 2
EXAMINE: Final = 4
"""What `sample_access` says of a sample; the first two are also the flags of an index's row."""


class RequestHead(NamedTuple):
    """The head of a request that was accepted; `length` counts its bytes, empty line included.

    `content_length` is None when the field is absent. `fields` are as received, in their order,
    without the blanks around their values.
    """

    length: int
    method: bytes
    target: bytes
    minor: int
    fields: tuple[tuple[bytes, bytes], ...]
    keep_alive: bool
    chunked: bool
    content_length: int | None


class SampleRun(NamedTuple):
    """Samples of one track that lie one behind the other in a file, in decode order.

    `offset` and `length` are bytes of the file, `description` the number of the sample entry, from
    1. The lists have one number per sample: bytes, ticks of the track (decode time, composition
    offset, duration), and access: 1 for a sync sample, 2 for other random access, else 0.
    """

    offset: int
    length: int
    description: int
    sizes: list[int]
    decode_times: list[int]
    composition_offsets: list[int]
    durations: list[int]
    access: list[int]


class AvcSlice(NamedTuple):
    """What of its parameter sets a slice header of H.264 depends on (ITU-T H.264 §7.3.3).

    `references_0` and `references_1` are the numbers of reference pictures where the slice says
    nothing else, `slice_group_bits` the length of `slice_group_change_cycle`, 0 where there is
    none.
    """

    separate_colour_planes: bool
    has_chroma: bool
    frames_only: bool
    frame_number_bits: int
    order_type: int
    order_bits: int
    delta_is_zero: bool
    bottom_field_order: bool
    redundant_pictures: bool
    references_0: int
    references_1: int
    weighted: bool
    weighted_bipred: int
    arithmetic: bool
    deblocking: bool
    slice_group_bits: int


class AvcDivision(NamedTuple):
    """How samples of H.264 are divided: slice headers by picture parameter set, length fields."""

    slices: Mapping[int, AvcSlice]
    length_size: int


class HevcSlice(NamedTuple):
    """What of its parameter sets a slice segment header of HEVC depends on (ITU-T H.265 §7.3.6.1).

    `address_bits` and `order_bits` are the lengths of `slice_segment_address` and of
    `slice_pic_order_cnt_lsb`. `set_deltas` and `set_used` have, for each short-term reference
    picture set of the sequence, how many pictures are in it, and how many the current one uses;
    `long_term_used` says so of each long-term picture. `references_0` and `references_1` hold where
    the slice says nothing else. `entry_points`: there are tiles or wavefronts.
    """

    dependent_slices: bool
    output_flag: bool
    extra_bits: int
    address_bits: int
    separate_colour_planes: bool
    has_chroma: bool
    order_bits: int
    set_deltas: tuple[int, ...]
    set_used: tuple[int, ...]
    long_term: bool
    long_term_used: tuple[bool, ...]
    temporal_vectors: bool
    sample_offset: bool
    references_0: int
    references_1: int
    list_modification: bool
    cabac_init: bool
    weighted: bool
    weighted_bipred: bool
    chroma_qp_offsets: bool
    chroma_qp_lists: bool
    deblocking_override: bool
    deblocking_disabled: bool
    filter_across: bool
    entry_points: bool
    header_extension: bool


class HevcDivision(NamedTuple):
    """How samples of HEVC are divided: slice headers by picture parameter set, length fields."""

    slices: Mapping[int, HevcSlice]
    length_size: int


class Vp9Division(NamedTuple):
    """How samples of VP9 are divided; pictures that do not say their width have this one."""

    width: int


class Av1Division(NamedTuple):
    """How samples of AV1 are divided: what its sequence header says that frame headers depend on.

    AV1 §5.5.1, §5.9.2. A field of no bits is one that frame headers do not have.
    `presentation_bits` and `removal_bits` are the lengths of `frame_presentation_time` and of
    `buffer_removal_time`; `removal_points` are the operating points that have the latter, by their
    layers. `frame_id_bits` and `delta_id_bits` are the lengths of frame ids and of their
    differences. Of `screen_content_tools` and `integer_vectors` 2 says that each frame chooses.
    """

    reduced: bool
    decoder_model: bool
    presentation_bits: int
    removal_bits: int
    removal_points: tuple[int, ...]
    width_bits: int
    height_bits: int
    width: int
    height: int
    frame_id_bits: int
    delta_id_bits: int
    large_superblocks: bool
    order_bits: int
    reference_vectors: bool
    warped_motion: bool
    screen_content_tools: int
    integer_vectors: int
    superresolution: bool
    directional_enhancement: bool
    restoration: bool
    monochrome: bool
    subsampled: bool
    separate_chroma_quantisers: bool
    film_grain: bool


Division: TypeAlias = AvcDivision | HevcDivision | Vp9Division | Av1Division
"""How samples are divided into what stays readable and what is encrypted."""

"""Values that both implementations give."""

from typing import Final, NamedTuple

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

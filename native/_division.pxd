"""From what Python knows of a track's parameter sets to what divides its samples."""

from libc.stdlib cimport calloc

from native._av1 cimport MOST_POINTS, Av1Sequence
from native._avc cimport MOST_PICTURE_SETS, AvcSlice
from native._hevc cimport MOST_HEVC_SETS, MOST_LONG_TERM, MOST_REFERENCE_SETS, HevcSlice
from native._subsamples cimport AV1, AVC, HEVC, Division


cdef inline int check_sets(given, int most_sets) except -1:
    if not 1 <= given.length_size <= 4:
        raise ValueError(f"a length field has 1 to 4 bytes, not {given.length_size}")
    for number in given.slices:
        if not 0 <= number < most_sets:
            raise ValueError(f"no picture parameter set has number {number}")
    return 0


cdef inline int check_bits(fields) except -1:
    for bits in fields:
        if not 0 <= bits <= 32:
            raise ValueError(f"a field of {bits} bits")
    return 0


cdef inline int take_avc(AvcSlice* at, given) except -1:
    check_bits((given.frame_number_bits, given.order_bits, given.slice_group_bits))
    at.separate_colour_planes = given.separate_colour_planes
    at.has_chroma = given.has_chroma
    at.frames_only = given.frames_only
    at.frame_number_bits = given.frame_number_bits
    at.order_type = given.order_type
    at.order_bits = given.order_bits
    at.delta_is_zero = given.delta_is_zero
    at.bottom_field_order = given.bottom_field_order
    at.redundant_pictures = given.redundant_pictures
    at.references_0 = given.references_0
    at.references_1 = given.references_1
    at.weighted = given.weighted
    at.weighted_bipred = given.weighted_bipred
    at.arithmetic = given.arithmetic
    at.deblocking = given.deblocking
    at.slice_group_bits = given.slice_group_bits
    at.known = True
    return 0


cdef inline int take_hevc(HevcSlice* at, given) except -1:
    check_bits((given.extra_bits, given.address_bits, given.order_bits))
    take_hevc_sets(at, given)
    at.dependent_slices = given.dependent_slices
    at.output_flag = given.output_flag
    at.extra_bits = given.extra_bits
    at.address_bits = given.address_bits
    at.separate_colour_planes = given.separate_colour_planes
    at.has_chroma = given.has_chroma
    at.order_bits = given.order_bits
    at.long_term = given.long_term
    at.temporal_vectors = given.temporal_vectors
    at.sample_offset = given.sample_offset
    at.references_0 = given.references_0
    at.references_1 = given.references_1
    at.list_modification = given.list_modification
    at.cabac_init = given.cabac_init
    at.weighted = given.weighted
    at.weighted_bipred = given.weighted_bipred
    at.chroma_qp_offsets = given.chroma_qp_offsets
    at.chroma_qp_lists = given.chroma_qp_lists
    at.deblocking_override = given.deblocking_override
    at.deblocking_disabled = given.deblocking_disabled
    at.filter_across = given.filter_across
    at.entry_points = given.entry_points
    at.header_extension = given.header_extension
    at.known = True
    return 0


cdef inline int take_hevc_sets(HevcSlice* at, given) except -1:
    cdef int each
    at.sets = len(given.set_deltas)
    at.long_terms = len(given.long_term_used)
    if (
        at.sets > MOST_REFERENCE_SETS or len(given.set_used) != at.sets
        or at.long_terms > MOST_LONG_TERM
    ):
        raise ValueError(
            f"{at.sets} reference picture sets and {at.long_terms} long-term pictures"
        )
    for count in (*given.set_deltas, *given.set_used):
        if not 0 <= count <= 255:
            raise ValueError("a reference picture set has more pictures than there can be")
    for each in range(at.sets):
        at.set_deltas[each] = given.set_deltas[each]
        at.set_used[each] = given.set_used[each]
    for each in range(at.long_terms):
        at.long_term_used[each] = given.long_term_used[each]
    return 0


cdef inline int take_avc_division(Division* division, given) except -1:
    """Take over how samples of H.264 are divided; who has the division frees its sets."""
    check_sets(given, MOST_PICTURE_SETS)
    division.avc = <AvcSlice*>calloc(MOST_PICTURE_SETS, sizeof(AvcSlice))
    if division.avc == NULL:
        raise MemoryError
    division.kind, division.length_size = AVC, given.length_size
    for number, known in given.slices.items():
        take_avc(&division.avc[<int>number], known)
    return 0


cdef inline int take_hevc_division(Division* division, given) except -1:
    """Take over how samples of HEVC are divided; who has the division frees its sets."""
    check_sets(given, MOST_HEVC_SETS)
    division.hevc = <HevcSlice*>calloc(MOST_HEVC_SETS, sizeof(HevcSlice))
    if division.hevc == NULL:
        raise MemoryError
    division.kind, division.length_size = HEVC, given.length_size
    for number, known in given.slices.items():
        take_hevc(&division.hevc[<int>number], known)
    return 0


cdef inline int check_av1(given) except -1:
    check_bits((given.presentation_bits, given.removal_bits, given.width_bits, given.height_bits,
                given.frame_id_bits, given.delta_id_bits))
    if not 0 <= given.order_bits <= 8:
        raise ValueError(f"a field of {given.order_bits} bits")
    if max(given.width_bits, given.height_bits) > 16:
        raise ValueError("sides of pictures have at most 16 bits")
    for side in (given.width, given.height):
        if not 0 < side <= 65536:
            raise ValueError(f"no side of a picture has {side} samples")
    if len(given.removal_points) > MOST_POINTS:
        raise ValueError(f"{len(given.removal_points)} operating points")
    for layers in given.removal_points:
        if not 0 <= layers < 4096:
            raise ValueError("an operating point has layers that there are not")
    for choice in (given.screen_content_tools, given.integer_vectors):
        if not 0 <= choice < 3:
            raise ValueError(f"a choice of {choice}")
    return 0


cdef inline int take_av1_division(Division* division, given) except -1:
    """Take over how samples of AV1 are divided."""
    cdef Av1Sequence* at = &division.av1
    cdef int each
    check_av1(given)
    at.reduced = given.reduced
    at.decoder_model = given.decoder_model
    at.presentation_bits = given.presentation_bits
    at.removal_bits = given.removal_bits
    at.points = len(given.removal_points)
    for each in range(at.points):
        at.removal_points[each] = given.removal_points[each]
    at.width_bits = given.width_bits
    at.height_bits = given.height_bits
    at.width = given.width
    at.height = given.height
    at.frame_id_bits = given.frame_id_bits
    at.delta_id_bits = given.delta_id_bits
    at.large_superblocks = given.large_superblocks
    at.order_bits = given.order_bits
    at.reference_vectors = given.reference_vectors
    at.warped_motion = given.warped_motion
    at.screen_content_tools = given.screen_content_tools
    at.integer_vectors = given.integer_vectors
    at.superresolution = given.superresolution
    at.directional_enhancement = given.directional_enhancement
    at.restoration = given.restoration
    at.monochrome = given.monochrome
    at.subsampled = given.subsampled
    at.separate_chroma_quantisers = given.separate_chroma_quantisers
    at.film_grain = given.film_grain
    division.kind = AV1
    return 0

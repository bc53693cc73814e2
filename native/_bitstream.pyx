# cython: boundscheck=False, wraparound=False, cdivision=True
"""What the samples of a coded track are, compiled: see `native/reference/bitstream.py`.

All samples are looked at in one call; that they lie within the data is proved before the first.
"""

from cpython.buffer cimport Py_buffer, PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from native import values

cdef enum Codec:
    AVC, HEVC, AV1, VP9, OPUS, FLAC

cdef uint8_t SYNC = values.SYNC
cdef uint8_t OPEN_ACCESS = values.OPEN_ACCESS
cdef uint8_t EXAMINE = values.EXAMINE

cdef dict PICTURE_CODECS = {"avc": AVC, "hevc": HEVC, "av1": AV1, "vp9": VP9}
cdef dict SOUND_CODECS = {"opus": OPUS, "flac": FLAC}


cdef uint8_t nal_access(const uint8_t* sample, uint64_t size, uint64_t length_size,
                        bint hevc) noexcept nogil:
    """Look at the type of every NAL unit of a sample."""
    cdef uint64_t at = 0, length, digit
    cdef uint8_t kind, flags = 0
    while at < size:
        if size - at < length_size:
            return flags | EXAMINE
        length = 0
        for digit in range(length_size):
            length = length << 8 | sample[at + digit]
        if length == 0 or length > size - at - length_size:
            return flags | EXAMINE
        if hevc:
            kind = sample[at + length_size] >> 1 & 63
            if 16 <= kind <= 23:
                flags |= SYNC
            elif 32 <= kind <= 34:
                flags |= EXAMINE
        else:
            kind = sample[at + length_size] & 31
            if kind == 5:
                flags |= SYNC
            elif kind == 7 or kind == 8:
                flags |= EXAMINE
        at += length_size + length
    return flags if at else EXAMINE


cdef uint8_t av1_access(const uint8_t* sample, uint64_t known, uint64_t size) noexcept nogil:
    """Walk a temporal unit up to its first frame; `known` of its `size` bytes are at hand."""
    cdef uint64_t at = 0, body, length, byte
    cdef uint32_t place
    cdef uint8_t head, kind, first, flags = 0
    cdef bint sequence = False, still = False
    while at < known:
        head = sample[at]
        kind = head >> 3 & 15
        body = at + 1 + (head >> 2 & 1)
        if head >> 7 or body > size:
            return flags | EXAMINE
        length = size - body
        if head >> 1 & 1:
            length = 0
            for place in range(8):
                if body + place >= known:
                    return flags | EXAMINE
                byte = sample[body + place]
                length |= (byte & 0x7F) << 7 * place
                if not byte & 0x80:
                    break
            else:
                return flags | EXAMINE
            body += place + 1
        if length > size - body:
            return flags | EXAMINE
        if length and body >= known:
            return flags | EXAMINE
        if kind == 1:
            flags |= EXAMINE
            sequence = True
            still = length > 0 and sample[body] >> 3 & 1
        elif kind == 2:
            flags |= EXAMINE
        elif kind == 3 or kind == 6:
            if length == 0:
                return flags | EXAMINE
            if still:
                return flags | SYNC
            first = sample[body]
            if first >> 7 or first >> 5 & 3:
                return flags
            return flags | (SYNC if first >> 4 & 1 and sequence else OPEN_ACCESS)
        at = body + length
    return flags | EXAMINE


cdef uint8_t vp9_access(const uint8_t* sample, uint64_t size) noexcept nogil:
    """Read the first byte or two of a frame's uncompressed header."""
    cdef uint32_t bits
    if size < 2 or sample[0] >> 6 != 2:
        return EXAMINE
    bits = <uint32_t>sample[0] << 8 | sample[1]
    if bits >> 12 & 3 == 3:
        bits <<= 1
    if bits >> 10 & 3:
        return 0
    return EXAMINE | (SYNC if bits >> 9 & 1 else OPEN_ACCESS)


cdef int64_t opus_length(const uint8_t* frame, uint64_t size) noexcept nogil:
    """Read the first byte of a packet, and the second where that counts its frames."""
    cdef int64_t length
    cdef uint8_t config, code
    if size == 0:
        return 0
    config, code = frame[0] >> 3, frame[0] & 3
    if config < 12:
        length = 2880 if config & 3 == 3 else 480 << (config & 3)
    elif config < 16:
        length = 480 << (config & 1)
    else:
        length = 120 << (config & 3)
    if code == 3:
        return length * (frame[1] & 63) if size > 1 else 0
    return 2 * length if code else length


cdef int64_t flac_length(const uint8_t* frame, uint64_t size) noexcept nogil:
    """Read the block size of a frame's header."""
    cdef uint8_t code, first
    cdef uint64_t at = 0
    if size < 6 or frame[0] != 0xFF or frame[1] & 0xFE != 0xF8:
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
    first = frame[4]
    while first & 0x80:
        at += 1
        first = <uint8_t>(first << 1)
    at = 4 + (at if at else 1)
    if at + code - 5 > size:
        return 0
    if code == 6:
        return <int64_t>frame[at] + 1
    return (<int64_t>frame[at] << 8 | frame[at + 1]) + 1


cdef int64_t sample_answer(const uint8_t* sample, uint64_t known, uint64_t size, int codec,
                           uint64_t length_size) noexcept nogil:
    """Give the flags or the length of one sample, of which only AV1 may be `known` in part."""
    if codec == VP9:
        return vp9_access(sample, known)
    if codec == AV1:
        return av1_access(sample, known, size)
    if codec == OPUS:
        return opus_length(sample, known)
    if codec == FLAC:
        return flac_length(sample, known)
    return nal_access(sample, known, length_size, codec == HEVC)


cdef list answers(data, sizes, whole_sizes, int codec, uint64_t length_size):
    """Ask for every sample."""
    cdef Py_buffer view
    cdef const uint8_t* at
    cdef uint64_t left
    cdef int64_t size, whole
    cdef list found = []
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        at = <const uint8_t*>view.buf
        left = view.len
        for size, whole in zip(sizes, whole_sizes, strict=True):
            if size < 0 or <uint64_t>size > left:
                raise ValueError(f"samples of {sum(sizes)} bytes in {view.len}")
            if whole < size:
                raise ValueError(f"{size} bytes are known of a sample of {whole}")
            found.append(sample_answer(at, size, whole, codec, length_size))
            at += size
            left -= size
    finally:
        PyBuffer_Release(&view)
    return found


def sample_access(data, sizes, str codec, int length_size=4, *, whole_sizes=None):
    """Say what samples of these sizes, one behind the other, are: one byte of flags each.

    `codec` is "avc", "hevc", "av1" or "vp9"; `length_size` that of a NAL unit's length field. With
    `whole_sizes`, which only AV1 and VP9 may have, the data are the beginnings of larger samples.
    Raises `ValueError` when the samples are longer than the data, for an unknown codec, and when
    `length_size` is not 1 to 4.
    """
    if not 1 <= length_size <= 4:
        raise ValueError(f"a length field has 1 to 4 bytes, not {length_size}")
    if codec not in PICTURE_CODECS:
        raise ValueError(f"nothing is known of the samples of {codec!r}")
    if whole_sizes is not None and codec not in ("av1", "vp9"):
        raise ValueError(f"all of a sample of {codec!r} has to be known")
    whole = sizes if whole_sizes is None else whole_sizes
    return bytes(answers(data, sizes, whole, PICTURE_CODECS[codec], length_size))


def frame_lengths(data, sizes, str codec):
    """Say how many sound samples each of the coded frames holds; 0 for what makes no sense.

    `codec` is "opus", which counts at 48 kHz, or "flac". Raises `ValueError` when the frames are
    longer than the data, and for an unknown codec.
    """
    if codec not in SOUND_CODECS:
        raise ValueError(f"nothing is known of the frames of {codec!r}")
    return answers(data, sizes, sizes, SOUND_CODECS[codec], 1)

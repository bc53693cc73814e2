# cython: boundscheck=False, wraparound=False, cdivision=True
"""Which NAL units a length-prefixed sample holds, compiled: see `native/reference/nal.py`.

All samples are looked at in one call; that they lie within the data is proved before the first.
"""

from cpython.buffer cimport Py_buffer, PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport int64_t, uint8_t, uint64_t


cdef int64_t types_of(const uint8_t* sample, uint64_t size, uint64_t length_size, bint hevc,
                      uint64_t* types) noexcept nogil:
    """Collect the types of one sample; -1, or where its length fields go wrong."""
    cdef uint64_t at = 0
    cdef uint64_t length, digit
    types[0] = 0
    while at < size:
        if size - at < length_size:
            return at
        length = 0
        for digit in range(length_size):
            length = length << 8 | sample[at + digit]
        if length == 0 or length > size - at - length_size:
            return at
        if hevc:
            types[0] |= <uint64_t>1 << (sample[at + length_size] >> 1 & 63)
        else:
            types[0] |= <uint64_t>1 << (sample[at + length_size] & 31)
        at += length_size + length
    return -1


def nal_types(data, sizes, int length_size, *, bint hevc=False):
    """Give, for samples of these sizes one behind the other, the types of NAL units in each.

    An answer is a set of bits, bit n for type n. Where the length fields do not add up to the
    sample it is -1 - at, with the byte of the sample where they go wrong. Raises `ValueError` when
    the samples are longer than the data or `length_size` is not 1 to 4.
    """
    cdef Py_buffer view
    cdef const uint8_t* at
    cdef uint64_t left, types = 0
    cdef int64_t size, flaw
    cdef list answers = []
    if not 1 <= length_size <= 4:
        raise ValueError(f"a length field has 1 to 4 bytes, not {length_size}")
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        at = <const uint8_t*>view.buf
        left = view.len
        for size in sizes:
            if size < 0 or <uint64_t>size > left:
                raise ValueError(f"samples of {sum(sizes)} bytes in {view.len}")
            with nogil:
                flaw = types_of(at, size, length_size, hevc, &types)
            answers.append(types if flaw < 0 else -1 - flaw)
            at += size
            left -= size
    finally:
        PyBuffer_Release(&view)
    return answers

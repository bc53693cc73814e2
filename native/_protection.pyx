# cython: boundscheck=False, wraparound=False, cdivision=True
"""Encrypts media fragments, compiled: see `native/reference/protection.py` for the clauses.

One call turns a clear fragment into an encrypted one: it finds in each sample what may be hidden,
writes the boxes that say so, and encrypts in place, in the buffer that it gives; or it leaves that
to those who send the fragment. The GIL is released while samples are read and encrypted. Before
that the header's own boxes are checked once.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from native._aes cimport (
    BLOCK,
    sluice_aes,
    sluice_aes_available,
    sluice_aes_cbc,
    sluice_aes_expand,
    sluice_aes_forget,
)
from native._av1 cimport Av1State
from native._cipher cimport Cipher, cipher_release
from native._division cimport take_av1_division, take_avc_division, take_hevc_division
from native._fragment cimport Fragment, find, largest_sample
from native._memory cimport StoredBody
from native._pieces cimport Piece, Pieces, Source, Trouble
from native._pool cimport BodyPool
from native._sample_information cimport Layout, forget, lay_out
from native._seal cimport Mark, Seal, encrypt_samples, read_all, seal_release
from native._sealed cimport SealedFragment, new_sealed
from native._sealing cimport seal_of
from native._subsamples cimport VP9, WHOLE, Division, divide, refuse

from native.values import Av1Division, AvcDivision, HevcDivision, Vp9Division

AES_INSTRUCTIONS = bool(sluice_aes_available())

cdef int read_samples(int descriptor, uint8_t* out, uint64_t length, uint64_t offset) except -1:
    cdef bint done
    with nogil:
        done = read_all(descriptor, out, length, offset)
    if not done:
        raise EOFError(f"the file ends or fails before byte {offset + length}")
    return 0


@cython.final
cdef class FragmentCipher:
    """Encrypts the fragments of one track under one key: see the twin.

    What is expanded from the key is wiped when the object goes.
    """

    def __cinit__(self, str scheme not None, bytes key not None, bytes iv not None,
                  division=None, *, bint padded=False):
        if not sluice_aes_available():
            raise RuntimeError("this processor has no instructions for AES")
        if scheme not in ("cenc", "cbcs"):
            raise ValueError(f"no scheme {scheme!r}: there are cenc and cbcs")
        if len(key) != 16:
            raise ValueError(f"a key of {len(key)} bytes where AES-128 takes 16")
        if len(iv) != (8 if scheme == "cenc" else 16):
            raise ValueError(f"an initialisation vector of {len(iv)} bytes for {scheme}")
        self.scheme = scheme
        self.cipher = <Cipher*>calloc(1, sizeof(Cipher))
        if self.cipher == NULL:
            raise MemoryError
        self.cipher.refs = 1
        take_division(&self.cipher.division, division)
        self.cipher.division.pattern = scheme == "cbcs"
        self.cipher.division.padded = padded
        memcpy(self.cipher.iv, PyBytes_AS_STRING(iv), len(iv))
        sluice_aes_expand(&self.cipher.aes, <const uint8_t*>PyBytes_AS_STRING(key))

    def __dealloc__(self):
        cipher_release(self.cipher)

    def fragment(self, bytes header not None, bytes body not None, uint64_t first):
        """Give the encrypted fragment whose first sample has the number `first` in its track.

        `header` is what comes before the samples, head of `mdat` included, `body` the samples.
        Raises `ValueError` where they contradict each other, or a sample has what cannot be read.
        """
        cdef uint64_t header_bytes = len(header)
        cdef uint64_t body_bytes = len(body)
        cdef Fragment found
        cdef Layout layout
        cdef uint8_t* out
        find(header, body_bytes, &found)
        try:
            lay(self.cipher, header, <const uint8_t*>PyBytes_AS_STRING(body), &found, NULL, &layout)
            made = PyBytes_FromStringAndSize(NULL, header_bytes + layout.added + body_bytes)
            out = <uint8_t*>PyBytes_AS_STRING(made)
            memcpy(out + header_bytes + layout.added, PyBytes_AS_STRING(body), body_bytes)
            encrypt(self.cipher, out + header_bytes + layout.added, header, &found, &layout, first)
            return made
        finally:
            forget(&layout)

    def sealed(self, BodyPool pool not None, bytes header not None, int descriptor,
               uint64_t offset, uint64_t length, uint64_t first, *, bint at_once=False):
        """Give the same of samples in a file, to be encrypted when it is read.

        They are `length` bytes from `offset` on, and only the heads of their units are looked at
        now. Other threads run meanwhile, though this may wait for the disk; `at_once` it does not
        and raises `BlockingIOError`. Raises `EOFError` where the file does not have what is read,
        and what `fragment` does.
        """
        cdef Fragment found
        cdef Layout layout
        cdef Source source
        cdef SealedFragment made = new_sealed()
        cdef StoredBody room
        find(header, length, &found)
        room = pool.lend(largest_sample(<const uint8_t*>PyBytes_AS_STRING(header), &found))
        memset(&source, 0, sizeof(source))
        source.file, source.offset = descriptor, offset
        source.room = <uint8_t*>room.body.at
        source.at_once = at_once
        try:
            lay(self.cipher, header, source.room, &found, &source, &layout)
            made.seal = sealed_by(self.cipher, header, &found, &layout, first, offset)
            return made
        finally:
            forget(&layout)

    def fragment_length(self, bytes header not None, bytes body not None):
        """Give the length of what `fragment` gives, without encrypting. Raises what it does."""
        cdef Fragment found
        cdef Layout layout
        find(header, len(body), &found)
        try:
            lay(self.cipher, header, <const uint8_t*>PyBytes_AS_STRING(body), &found, NULL, &layout)
            return len(header) + layout.added + len(body)
        finally:
            forget(&layout)

    def subsamples(self, bytes sample not None):
        """Give (clear, encrypted) bytes of each piece of a sample; none where it is taken whole.

        Raises `ValueError` where its units or their headers cannot be read.
        """
        cdef const uint8_t* data = <const uint8_t*>PyBytes_AS_STRING(sample)
        cdef uint64_t size = len(sample)
        cdef Pieces pieces
        cdef Av1State state
        cdef Trouble trouble
        cdef size_t each
        if self.cipher.division.kind == WHOLE:
            return []
        memset(&state, 0, sizeof(state))
        pieces.count = 0
        pieces.room = 16
        pieces.items = <Piece*>malloc(pieces.room * sizeof(Piece))
        if pieces.items == NULL:
            raise MemoryError
        try:
            with nogil:
                trouble = divide(&self.cipher.division, data, size, NULL, &state, &pieces)
            refuse(trouble, 0)
            return [(pieces.items[each].clear, pieces.items[each].hidden)
                    for each in range(pieces.count)]
        finally:
            free(pieces.items)


cdef int take_division(Division* into, division) except -1:
    if isinstance(division, AvcDivision):
        take_avc_division(into, division)
    elif isinstance(division, HevcDivision):
        take_hevc_division(into, division)
    elif isinstance(division, Vp9Division):
        into.kind, into.width = VP9, division.width
    elif isinstance(division, Av1Division):
        take_av1_division(into, division)
    elif division is not None:
        raise TypeError(f"{division!r} says of no codec how its samples are divided")
    return 0


cdef int lay(const Cipher* cipher, bytes header, const uint8_t* samples, const Fragment* found,
             Source* source, Layout* layout) except -1:
    """Divide every sample, as `lay_out` does; the caller has `layout` forgotten."""
    cdef const uint8_t* data = <const uint8_t*>PyBytes_AS_STRING(header)
    cdef uint32_t where = 0
    cdef Trouble trouble
    with nogil:
        trouble = lay_out(&cipher.division, data, samples, found, source, layout, &where)
    return refuse(trouble, where)


cdef Seal* sealed_by(const Cipher* cipher, bytes header, const Fragment* found,
                     const Layout* layout, uint64_t first, uint64_t offset) except NULL:
    cdef const uint8_t* data = <const uint8_t*>PyBytes_AS_STRING(header)
    cdef uint64_t header_bytes = len(header)
    cdef Seal* seal
    with nogil:
        seal = seal_of(cipher, data, header_bytes, found, layout, first, offset)
    if seal == NULL:
        raise MemoryError
    return seal


cdef int encrypt(const Cipher* cipher, uint8_t* samples, bytes header, const Fragment* found,
                 const Layout* layout, uint64_t first) except -1:
    """Write the header right before the samples, and encrypt these where they lie."""
    cdef Seal* seal = sealed_by(cipher, header, found, layout, first, 0)
    cdef Mark mark
    memset(&mark, 0, sizeof(mark))
    with nogil:
        memcpy(samples - seal.header_bytes, seal.header, seal.header_bytes)
        encrypt_samples(seal, samples, 0, seal.sample_bytes, &mark)
        seal_release(seal)
    return 0


cdef int check_resource(bytes key, bytes iv) except -1:
    if not sluice_aes_available():
        raise RuntimeError("this processor has no instructions for AES")
    if len(key) != 16 or len(iv) != 16:
        raise ValueError(f"a key of {len(key)} and a vector of {len(iv)} bytes: AES-128 takes 16")
    return 0


cdef void seal_resource(bytes key, bytes iv, uint8_t* data, uint64_t length) noexcept:
    """Pad and encrypt in place; behind the data there is room for a block."""
    cdef sluice_aes aes
    cdef uint8_t[16] chain
    cdef uint64_t padding = BLOCK - length % BLOCK
    memset(data + length, <int>padding, padding)
    memcpy(chain, PyBytes_AS_STRING(iv), BLOCK)
    sluice_aes_expand(&aes, <const uint8_t*>PyBytes_AS_STRING(key))
    with nogil:
        sluice_aes_cbc(&aes, chain, data, data, (length + padding) // BLOCK, BLOCK)
    sluice_aes_forget(&aes)


def encrypt_resource(bytes key not None, bytes iv not None, bytes head not None,
                     bytes body not None):
    """Encrypt `head` and `body`, one behind the other, as one resource of HLS: see the twin."""
    cdef uint64_t head_bytes = len(head)
    cdef uint64_t length = head_bytes + len(body)
    cdef uint8_t* out
    check_resource(key, iv)
    made = PyBytes_FromStringAndSize(NULL, length + BLOCK - length % BLOCK)
    out = <uint8_t*>PyBytes_AS_STRING(made)
    memcpy(out, PyBytes_AS_STRING(head), head_bytes)
    memcpy(out + head_bytes, PyBytes_AS_STRING(body), len(body))
    seal_resource(key, iv, out, length)
    return made


def encrypt_resource_of_file(BodyPool pool not None, bytes key not None, bytes iv not None,
                             bytes head not None, int descriptor, *, uint64_t offset,
                             uint64_t length):
    """Give the same in a buffer of `pool`, the body `length` bytes of a file from `offset` on.

    Raises `EOFError` where the file does not have them.
    """
    cdef uint64_t head_bytes = len(head)
    cdef uint64_t whole = head_bytes + length
    cdef StoredBody made
    check_resource(key, iv)
    made = pool.lend(whole + BLOCK - whole % BLOCK)
    memcpy(<uint8_t*>made.body.at, PyBytes_AS_STRING(head), head_bytes)
    read_samples(descriptor, <uint8_t*>made.body.at + head_bytes, length, offset)
    seal_resource(key, iv, <uint8_t*>made.body.at, whole)
    return made

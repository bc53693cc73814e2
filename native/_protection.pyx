# cython: boundscheck=False, wraparound=False, cdivision=True
"""Encrypts media fragments, compiled: see `native/reference/protection.py` for the clauses.

One call turns a clear fragment into an encrypted one: it finds in each sample what may be hidden,
writes the boxes that say so, and encrypts in place, in the buffer that it gives. The GIL is
released while samples are read and encrypted. Before that the header's own boxes are checked once.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from native._aes cimport (
    BLOCK,
    sluice_aes,
    sluice_aes_available,
    sluice_aes_cbc,
    sluice_aes_chains,
    sluice_aes_ctr,
    sluice_aes_expand,
    sluice_aes_forget,
    sluice_chain,
)
from native._bytes cimport put_be64
from native._division cimport take_avc_division, take_hevc_division
from native._fragment cimport Fragment, find, sample_size
from native._linux cimport EINTR, pread, sluice_errno
from native._memory cimport StoredBody
from native._pool cimport BodyPool
from native._sample_information cimport (
    Layout,
    forget,
    lay_out,
    most_added,
    put_header,
    vector_of,
)
from native._subsamples cimport VP9, WHOLE, Division, Piece, Pieces, Trouble, divide, refuse

from native.values import AvcDivision, HevcDivision, Vp9Division

AES_INSTRUCTIONS = bool(sluice_aes_available())

cdef enum:
    PATTERN = 10               # one block in ten is encrypted


cdef inline bint read_all(int descriptor, uint8_t* out, uint64_t length,
                          uint64_t offset) noexcept nogil:
    """Read bytes of a file; False where it ends or fails before."""
    cdef ssize_t count
    while length:
        count = pread(descriptor, out, length, offset)
        if count < 0 and sluice_errno() == EINTR:
            continue
        if count <= 0:
            return False
        out += count
        offset += count
        length -= count
    return True


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

    cdef sluice_aes aes
    cdef uint8_t[16] iv
    cdef Division division
    cdef readonly str scheme

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
        self.division.pattern = scheme == "cbcs"
        self.division.padded = padded
        if isinstance(division, AvcDivision):
            take_avc_division(&self.division, division)
        elif isinstance(division, HevcDivision):
            take_hevc_division(&self.division, division)
        elif isinstance(division, Vp9Division):
            self.division.kind, self.division.width = VP9, division.width
        elif division is not None:
            raise TypeError(f"{division!r} says of no codec how its samples are divided")
        memset(self.iv, 0, 16)
        memcpy(self.iv, PyBytes_AS_STRING(iv), len(iv))
        sluice_aes_expand(&self.aes, <const uint8_t*>PyBytes_AS_STRING(key))

    def __dealloc__(self):
        sluice_aes_forget(&self.aes)
        free(self.division.avc)
        free(self.division.hevc)

    def fragment(self, bytes header not None, bytes body not None, uint64_t first):
        """Give the encrypted fragment whose first sample has the number `first` in its track.

        `header` is what comes before the samples, head of `mdat` included, `body` the samples.
        Raises `ValueError` where they contradict each other, or a sample has what cannot be read.
        """
        cdef const uint8_t* data = <const uint8_t*>PyBytes_AS_STRING(header)
        cdef uint64_t header_bytes = len(header)
        cdef uint64_t body_bytes = len(body)
        cdef Fragment found
        cdef Layout layout
        cdef uint8_t* out
        find(header, body_bytes, &found)
        try:
            lay_out(&self.division, data, <const uint8_t*>PyBytes_AS_STRING(body), &found, &layout)
            made = PyBytes_FromStringAndSize(NULL, header_bytes + layout.added + body_bytes)
            out = <uint8_t*>PyBytes_AS_STRING(made)
            memcpy(out + header_bytes + layout.added, PyBytes_AS_STRING(body), body_bytes)
            self.seal(out + header_bytes + layout.added, header, &found, &layout, first)
            return made
        finally:
            forget(&layout)

    def fragment_of_file(self, BodyPool pool not None, bytes header not None, int descriptor,
                         uint64_t offset, uint64_t length, uint64_t first):
        """Give the same in a buffer of `pool`, its samples read from a file.

        They are `length` bytes from `offset` on. Other threads run meanwhile, though this may wait
        for the disk. Raises `EOFError` where the file does not have them, and what `fragment` does.
        """
        cdef uint64_t header_bytes = len(header)
        cdef uint64_t before
        cdef Fragment found
        cdef Layout layout
        cdef StoredBody made
        cdef uint8_t* samples
        find(header, length, &found)
        before = header_bytes + most_added(&self.division, &found)
        made = pool.lend(before + length)
        samples = <uint8_t*>made.body.at + before
        read_samples(descriptor, samples, length, offset)
        try:
            lay_out(&self.division, <const uint8_t*>PyBytes_AS_STRING(header), samples, &found,
                    &layout)
            self.seal(samples, header, &found, &layout, first)
            pool.begin_at(made, before - header_bytes - layout.added)
            return made
        finally:
            forget(&layout)

    def fragment_length(self, bytes header not None, bytes body not None):
        """Give the length of what `fragment` gives, without encrypting. Raises what it does."""
        cdef Fragment found
        cdef Layout layout
        find(header, len(body), &found)
        try:
            lay_out(&self.division, <const uint8_t*>PyBytes_AS_STRING(header),
                    <const uint8_t*>PyBytes_AS_STRING(body), &found, &layout)
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
        cdef Trouble trouble
        cdef size_t each
        if self.division.kind == WHOLE:
            return []
        pieces.count = 0
        pieces.room = 16
        pieces.items = <Piece*>malloc(pieces.room * sizeof(Piece))
        if pieces.items == NULL:
            raise MemoryError
        try:
            with nogil:
                trouble = divide(&self.division, data, size, &pieces)
            refuse(trouble, 0)
            return [(pieces.items[each].clear, pieces.items[each].hidden)
                    for each in range(pieces.count)]
        finally:
            free(pieces.items)

    cdef int seal(self, uint8_t* samples, bytes header, const Fragment* found,
                  const Layout* layout, uint64_t first) except -1:
        """Write the header right before the samples, and encrypt these where they lie."""
        cdef const uint8_t* data = <const uint8_t*>PyBytes_AS_STRING(header)
        cdef uint64_t header_bytes = len(header)
        cdef sluice_chain* chains = NULL
        if self.division.pattern:
            chains = <sluice_chain*>malloc(
                (layout.pieces.count + found.samples) * sizeof(sluice_chain)
            )
            if chains == NULL:
                raise MemoryError
        with nogil:
            put_header(samples - header_bytes - layout.added, data, header_bytes, &self.division,
                       self.iv, found, layout, first)
            if self.division.pattern:
                self.chain(samples, data, found, layout, chains)
            else:
                self.count(samples, data, found, layout, first)
        free(chains)
        return 0

    cdef void count(self, uint8_t* at, const uint8_t* header, const Fragment* found,
                    const Layout* layout, uint64_t first) noexcept nogil:
        """Encrypt samples in counter mode; over the pieces of one the keystream goes on."""
        cdef uint8_t[16] start
        cdef uint64_t block
        cdef uint32_t each, size, _part
        cdef const Piece* piece = layout.pieces.items
        memset(start, 0, 16)
        for each in range(found.samples):
            size = sample_size(header, found, each)
            block = 0
            put_be64(start, vector_of(self.iv, first + each))
            if self.division.kind == WHOLE:
                sluice_aes_ctr(&self.aes, start, at, at, size, &block)
                at += size
                continue
            for _part in range(layout.counts[each]):
                at += piece.clear
                sluice_aes_ctr(&self.aes, start, at, at, piece.hidden, &block)
                at += piece.hidden
                piece += 1

    cdef void chain(self, uint8_t* at, const uint8_t* header, const Fragment* found,
                    const Layout* layout, sluice_chain* chains) noexcept nogil:
        """Encrypt samples in chaining mode, all of their chains in one go.

        Each begins at the constant vector, so none waits for another: of a single one every block
        has to, for as long as the processor's AES takes from first to last round.
        """
        cdef size_t count = 0
        cdef uint32_t each, size
        cdef size_t part
        cdef uint64_t stride = PATTERN * BLOCK if self.division.kind != WHOLE else BLOCK
        if self.division.kind != WHOLE:
            for part in range(layout.pieces.count):
                at += layout.pieces.items[part].clear
                if layout.pieces.items[part].hidden >= BLOCK:
                    chains[count].at = at
                    chains[count].blocks = (layout.pieces.items[part].hidden - BLOCK) // stride + 1
                    count += 1
                at += layout.pieces.items[part].hidden
        else:
            for each in range(found.samples):
                size = sample_size(header, found, each)
                if size >= BLOCK:
                    chains[count].at = at
                    chains[count].blocks = size // BLOCK
                    count += 1
                at += size
        sluice_aes_chains(&self.aes, self.iv, chains, count, stride)


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

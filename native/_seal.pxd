"""Fragments that are encrypted as they are sent: their bytes are nowhere before that.

A `Seal` has the header of an encrypted fragment and says of every sample which bytes are hidden.
Its samples are clear bytes of a file. Whoever wants some reads them into a room of the size of a
processor's own cache, encrypts them there, and hands them on while they are hot; a fragment that is
encrypted as a whole goes through the main memory twice more.

Counter mode can begin at any block. In chaining mode a block needs the one before it, so a chain is
made from its beginning, unless a `Mark` has kept the block it has come to. Pieces end where no
block is cut, so that who goes through a fragment from its first byte to the last finds each mark.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memset

from native._aes cimport (
    BLOCK,
    sluice_aes,
    sluice_aes_chains,
    sluice_aes_ctr,
    sluice_aes_forget,
    sluice_chain,
)
from native._bytes cimport load_be32, put_be64
from native._linux cimport EINTR, pread, sluice_add, sluice_errno

cdef enum:
    SEALED_BYTES = 524288        # of samples at most that are encrypted in one go
    SEAL_ROOM = 524800           # what that takes: with it go parts of blocks at both ends
    LEAST_SEALED_BYTES = 16384   # where a socket takes less, or nothing
    CHAINS = 128                 # that are encrypted in one go

cdef struct Stretch:
    # Clear bytes of the samples, then bytes of which some are encrypted.
    uint64_t at                  # from the first sample's first byte on
    uint32_t clear
    uint32_t hidden
    uint32_t sample
    uint32_t block               # of the sample's keystream, for the first hidden byte

cdef struct Seal:
    int refs
    bint pattern                 # cbcs, else cenc
    uint32_t stride              # from one encrypted block to the next
    sluice_aes aes
    uint8_t[16] iv
    uint64_t first               # the number of the first sample in its track
    uint64_t offset              # of its first byte in the file
    uint8_t* header
    uint64_t header_bytes
    uint64_t sample_bytes        # of all samples
    uint64_t count
    Stretch* stretches           # in order, without gaps

cdef struct Mark:
    # How far a chain has come: so many hidden bytes of a stretch lie before, the last block of
    # which is `chain`. No bytes: nothing is known.
    uint64_t stretch
    uint32_t hidden
    uint8_t[16] chain


cdef inline void seal_release(Seal* seal) noexcept nogil:
    if seal == NULL or sluice_add(&seal.refs, -1) != 0:
        return
    sluice_aes_forget(&seal.aes)
    free(seal.header)
    free(seal.stretches)
    free(seal)


cdef inline uint64_t seal_length(const Seal* seal) noexcept nogil:
    return seal.header_bytes + seal.sample_bytes


cdef inline uint64_t vector_of(const uint8_t* iv, uint64_t number) noexcept nogil:
    """Give the vector of a sample of the track under cenc."""
    return ((<uint64_t>load_be32(iv) << 32) | load_be32(iv + 4)) + number


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


# ---- where blocks lie; places are counted from the first sample on

cdef inline uint64_t stretch_of(const Seal* seal, uint64_t place) noexcept nogil:
    """Give the number of the stretch that has a byte."""
    cdef uint64_t low = 0, high = seal.count, middle
    while high - low > 1:
        middle = (low + high) // 2
        if seal.stretches[middle].at <= place:
            low = middle
        else:
            high = middle
    return low


cdef inline uint64_t begin_for(const Seal* seal, uint64_t place, const Mark* mark) noexcept nogil:
    """Give the byte from which on encryption has to begin so that the one at `place` is right."""
    cdef uint64_t number = stretch_of(seal, place)
    cdef uint64_t hidden = seal.stretches[number].at + seal.stretches[number].clear
    if place <= hidden:
        return place
    if not seal.pattern:
        return place - (place - hidden) % BLOCK
    if mark.hidden and mark.stretch == number and hidden + mark.hidden <= place:
        return hidden + mark.hidden
    return hidden


cdef inline uint64_t piece_end(const Seal* seal, uint64_t place, uint64_t most) noexcept nogil:
    """Give where a piece from `place` on ends, so that the next begins with a whole block.

    It has at most `most` bytes, which are more than a stride.
    """
    cdef uint64_t end = min(place + most, seal.sample_bytes)
    cdef uint64_t number, hidden
    if end == seal.sample_bytes:
        return end
    number = stretch_of(seal, end)
    hidden = seal.stretches[number].at + seal.stretches[number].clear
    return end if end <= hidden else max(end - (end - hidden) % seal.stride, place + 1)


cdef inline uint64_t block_end(const Seal* seal, uint64_t end) noexcept nogil:
    """Give the end of the encrypted block which the byte before `end` belongs to, or `end`."""
    cdef const Stretch* stretch = &seal.stretches[stretch_of(seal, end - 1)]
    cdef uint64_t hidden = stretch.at + stretch.clear
    cdef uint64_t into, cut
    if end <= hidden:
        return end
    into = end - hidden
    cut = into % seal.stride
    if 0 < cut < BLOCK and into - cut + BLOCK <= stretch.hidden:
        return end - cut + BLOCK
    return end


# ---- encryption: `data` begins with the byte at `begin`, as `begin_for` gave it

cdef inline void count_blocks(const Seal* seal, uint8_t* data, uint64_t begin,
                              uint64_t end) noexcept nogil:
    """Encrypt in counter mode; over the stretches of a sample the keystream goes on."""
    cdef uint8_t[16] start
    cdef uint64_t number = stretch_of(seal, begin)
    cdef uint64_t hidden, into, stop, block
    cdef const Stretch* stretch
    memset(start, 0, 16)
    while number < seal.count and seal.stretches[number].at < end:
        stretch = &seal.stretches[number]
        number += 1
        hidden = stretch.at + stretch.clear
        into = begin - hidden if begin > hidden else 0
        stop = min(end - hidden, <uint64_t>stretch.hidden) if end > hidden else 0
        if into >= stop:
            continue
        put_be64(start, vector_of(seal.iv, seal.first + stretch.sample))
        block = stretch.block + into // BLOCK
        sluice_aes_ctr(&seal.aes, start, data + (hidden + into - begin),
                       data + (hidden + into - begin), stop - into, &block)


cdef inline void chain_blocks(const Seal* seal, uint8_t* data, uint64_t begin, uint64_t end,
                              Mark* mark) noexcept nogil:
    """Encrypt in chaining mode, many chains in one go, and mark how far the last one has come.

    Each begins at the constant vector, so none waits for another: of a single one every block has
    to, for as long as the processor's AES takes from first to last round.
    """
    cdef sluice_chain[128] chains    # CHAINS
    cdef uint8_t[16] constant, before
    cdef uint64_t number = stretch_of(seal, begin)
    cdef uint64_t hidden, into, stop, done
    cdef const Stretch* stretch
    cdef size_t count = 0
    memcpy(constant, seal.iv, BLOCK)
    memcpy(before, mark.chain, BLOCK)
    while number < seal.count and seal.stretches[number].at < end:
        stretch = &seal.stretches[number]
        hidden = stretch.at + stretch.clear
        into = begin - hidden if begin > hidden else 0
        stop = min(end - hidden, <uint64_t>stretch.hidden) if end > hidden else 0
        if into + BLOCK <= stop:
            chains[count].at = data + (hidden + into - begin)
            chains[count].blocks = (stop - into - BLOCK) // seal.stride + 1
            chains[count].iv = &before[0] if into else &constant[0]
            count += 1
            if count == CHAINS:
                sluice_aes_chains(&seal.aes, chains, count, seal.stride)
                count = 0
        number += 1
    sluice_aes_chains(&seal.aes, chains, count, seal.stride)
    number -= 1
    stretch = &seal.stretches[number]
    hidden = stretch.at + stretch.clear
    into = begin - hidden if begin > hidden else 0
    done = (end - hidden) // seal.stride * seal.stride if end > hidden else 0
    if done > into:
        mark.stretch = number
        mark.hidden = <uint32_t>done
        memcpy(mark.chain, data + (hidden + done - seal.stride - begin), BLOCK)
    elif into == 0:
        mark.hidden = 0


cdef inline void encrypt_samples(const Seal* seal, uint8_t* data, uint64_t begin, uint64_t end,
                                 Mark* mark) noexcept nogil:
    if seal.pattern:
        chain_blocks(seal, data, begin, end, mark)
    else:
        count_blocks(seal, data, begin, end)


cdef inline uint8_t* make_piece(const Seal* seal, int file, uint8_t* room, uint64_t place,
                                uint64_t end, Mark* mark) noexcept nogil:
    """Make bytes of the samples, at least one and at most `SEALED_BYTES`; NULL if the file fails.

    They lie in `room`, which has `SEAL_ROOM` bytes.
    """
    cdef uint64_t begin = begin_for(seal, place, mark)
    cdef uint64_t step
    while place - begin >= seal.stride:
        # The chain has to be gone through from its beginning.
        step = min(place - begin, <uint64_t>SEALED_BYTES) // seal.stride * seal.stride
        if not read_all(file, room, step, seal.offset + begin):
            return NULL
        encrypt_samples(seal, room, begin, begin + step, mark)
        begin += step
    end = block_end(seal, end)
    if not read_all(file, room, end - begin, seal.offset + begin):
        return NULL
    encrypt_samples(seal, room, begin, end, mark)
    return room + (place - begin)


cdef inline bint copy_sealed(const Seal* seal, int file, uint8_t* room, uint8_t* out,
                             uint64_t start, uint64_t stop) noexcept nogil:
    """Copy bytes of the fragment; False where its file fails. `room` has `SEAL_ROOM` bytes."""
    cdef Mark mark
    cdef uint8_t* made
    cdef uint64_t end, length
    memset(&mark, 0, sizeof(mark))
    if start < seal.header_bytes:
        length = min(stop, seal.header_bytes) - start
        memcpy(out, seal.header + start, length)
        start += length
        out += length
    while start < stop:
        end = piece_end(seal, start - seal.header_bytes, SEALED_BYTES)
        end = min(end, stop - seal.header_bytes)
        made = make_piece(seal, file, room, start - seal.header_bytes, end, &mark)
        if made == NULL:
            return False
        length = end - (start - seal.header_bytes)
        memcpy(out, made, length)
        start += length
        out += length
    return True


cdef inline void wanted_of_file(const Seal* seal, uint64_t place, uint64_t length, const Mark* mark,
                                uint64_t* begin, uint64_t* wanted) noexcept nogil:
    """Say which bytes, counted from the first sample on, are read to send so many from a place.

    The place is counted from the fragment's first byte on; what lies in its header is not read.
    """
    cdef uint64_t end = place + length
    wanted[0] = begin[0] = 0
    if end <= seal.header_bytes:
        return
    place = max(place, seal.header_bytes) - seal.header_bytes
    begin[0] = begin_for(seal, place, mark)
    wanted[0] = end - seal.header_bytes - begin[0]

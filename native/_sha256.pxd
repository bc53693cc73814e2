"""SHA-256 (FIPS 180-4), for the few short texts that the data plane hashes itself."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from native._bytes cimport put_be32, put_be64

cdef extern from * nogil:
    """
    /* §4.2.2: the fractional parts of the cube roots of the first 64 primes. */
    static const uint32_t SLUICE_SHA256[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
        0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
        0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
        0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
        0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
        0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
        0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
        0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
        0xc67178f2,
    };
    """
    const uint32_t* ROUNDS "SLUICE_SHA256"


cdef inline uint32_t turned(uint32_t word, int by) noexcept nogil:
    return word >> by | word << (32 - by)


cdef inline uint32_t load_be32(const uint8_t* at) noexcept nogil:
    return (<uint32_t>at[0] << 24 | <uint32_t>at[1] << 16 | <uint32_t>at[2] << 8 | at[3])


cdef inline void sha256_block(uint32_t* state, const uint8_t* block) noexcept nogil:
    """Take in 64 bytes (§6.2.2)."""
    cdef uint32_t[64] words
    cdef uint32_t[8] now
    cdef uint32_t one, two
    cdef int each
    for each in range(16):
        words[each] = load_be32(block + 4 * each)
    for each in range(16, 64):
        one = words[each - 15]
        two = words[each - 2]
        words[each] = (words[each - 16] + words[each - 7]
                       + (turned(one, 7) ^ turned(one, 18) ^ one >> 3)
                       + (turned(two, 17) ^ turned(two, 19) ^ two >> 10))
    memcpy(now, state, 32)
    for each in range(64):
        one = (now[7] + ROUNDS[each] + words[each]
               + (turned(now[4], 6) ^ turned(now[4], 11) ^ turned(now[4], 25))
               + (now[4] & now[5] ^ ~now[4] & now[6]))
        two = ((turned(now[0], 2) ^ turned(now[0], 13) ^ turned(now[0], 22))
               + (now[0] & now[1] ^ now[0] & now[2] ^ now[1] & now[2]))
        now[7] = now[6]
        now[6] = now[5]
        now[5] = now[4]
        now[4] = now[3] + one
        now[3] = now[2]
        now[2] = now[1]
        now[1] = now[0]
        now[0] = one + two
    for each in range(8):
        state[each] += now[each]


cdef inline void sha256_begin(uint32_t* state) noexcept nogil:
    # §5.3.3: the fractional parts of the square roots of the first eight primes
    state[0] = 0x6a09e667
    state[1] = 0xbb67ae85
    state[2] = 0x3c6ef372
    state[3] = 0xa54ff53a
    state[4] = 0x510e527f
    state[5] = 0x9b05688c
    state[6] = 0x1f83d9ab
    state[7] = 0x5be0cd19


cdef inline void sha256_finish(
    uint32_t* state, const uint8_t* data, uint64_t length, uint64_t before, uint8_t* digest
) noexcept nogil:
    """Take in the last bytes, after `before` bytes in whole blocks; `digest` has room for 32."""
    cdef uint8_t[128] last
    cdef uint64_t total = before + length
    cdef uint64_t padded
    cdef int each
    while length >= 64:
        sha256_block(state, data)
        data += 64
        length -= 64
    memset(last, 0, sizeof(last))
    memcpy(last, data, length)
    last[length] = 0x80
    padded = 64 if length < 56 else 128
    put_be64(last + padded - 8, total * 8)
    sha256_block(state, last)
    if padded == 128:
        sha256_block(state, last + 64)
    for each in range(8):
        put_be32(digest + 4 * each, state[each])


cdef inline void sha256(const uint8_t* data, uint64_t length, uint8_t* digest) noexcept nogil:
    """Hash `length` bytes; `digest` has room for 32."""
    cdef uint32_t[8] state
    sha256_begin(state)
    sha256_finish(state, data, length, 0, digest)

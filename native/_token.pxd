"""Tokens in signed media paths: the twin of `core.http.media_token`, which defines them.

What was verified is remembered by each thread, so that the segments of one viewer cost one HMAC
between them; what was not is not, so that forged tokens push nothing out.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from native._sha256 cimport sha256_begin, sha256_block, sha256_finish
from native._text cimport Span, is_digit

cdef extern from * nogil:
    """
    /* RFC 4648 §5 */
    static const char SLUICE_BASE64URL[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    """
    const char* BASE64URL "SLUICE_BASE64URL"

cdef enum:
    MAC_CHARACTERS = 43
    LONGEST_KID = 32
    LONGEST_SID = 64
    LONGEST_EXPIRY = 12
    LONGEST_ID = 128
    # "/media/~", the longest token, a slash, the longest id, a slash
    LONGEST_PREFIX = 301
    REMEMBERED = 4096
    BLOCK = 64

cdef enum Admission:
    OPEN_PATH                # no token, and none needed
    ADMITTED
    MISSING
    FORGED
    UNKNOWN_KEY
    EXPIRED
    UNJUDGED                 # malformed, or spelled in a way that Python has to explain

cdef struct TokenKey:
    uint8_t[32] kid          # LONGEST_KID
    uint32_t kid_length
    uint32_t[8] inner        # the hash after the key xor ipad, and after the key xor opad
    uint32_t[8] outer

cdef struct Verified:
    uint64_t hash
    int64_t expires_s
    uint32_t length          # 0: nothing is remembered here
    uint8_t[301] prefix      # LONGEST_PREFIX

cdef struct TokenPath:
    # `/media/~{mac}.{kid}.{exp}.{sid}.{flags}/{id}/…`, taken apart.
    Span mac
    Span kid
    Span expiry
    Span sid
    Span id
    uint32_t token_length    # with its mark and the slash behind it
    uint32_t prefix_length
    int64_t expires_s


cdef inline bint is_word(uint8_t byte) noexcept nogil:
    return (97 <= byte <= 122 or 65 <= byte <= 90 or is_digit(byte) or byte == 45 or byte == 95)


cdef inline bint take_word(
    const uint8_t** at, const uint8_t* end, uint32_t longest, uint8_t stop, Span* word
) noexcept nogil:
    """Take a word of `[A-Za-z0-9_-]` and the character behind it."""
    cdef const uint8_t* here = at[0]
    while here < end and is_word(here[0]):
        here += 1
    word.at = at[0]
    word.length = <uint32_t>(here - at[0])
    at[0] = here + 1
    return here < end and here[0] == stop and 0 < word.length <= longest


cdef inline bint read_expiry(TokenPath* path) noexcept nogil:
    cdef uint32_t each
    if path.expiry.length > 1 and path.expiry.at[0] == 48:
        return False
    path.expires_s = 0
    for each in range(path.expiry.length):
        if not is_digit(path.expiry.at[each]):
            return False
        path.expires_s = path.expires_s * 10 + path.expiry.at[each] - 48
    return True


cdef inline bint read_token_path(Span text, TokenPath* path) noexcept nogil:
    """Take apart a path that begins with `/media/~`; False when Python has to say what it is."""
    cdef const uint8_t* at = text.at + 8
    cdef const uint8_t* end = text.at + text.length
    cdef Span flags
    if not (take_word(&at, end, MAC_CHARACTERS, 46, &path.mac)
            and path.mac.length == MAC_CHARACTERS
            and take_word(&at, end, LONGEST_KID, 46, &path.kid)
            and take_word(&at, end, LONGEST_EXPIRY, 46, &path.expiry)
            and take_word(&at, end, LONGEST_SID, 46, &path.sid)
            and take_word(&at, end, 1, 47, &flags)):
        return False
    if flags.at[0] != 48 or not read_expiry(path):  # no flag is defined yet
        return False
    path.token_length = <uint32_t>(at - text.at - 7)
    if not take_word(&at, end, LONGEST_ID, 47, &path.id):
        return False
    path.prefix_length = <uint32_t>(at - text.at)
    return True


cdef inline void token_key(TokenKey* key, const uint8_t* secret, uint32_t length) noexcept nogil:
    """Prepare a key of at most 64 bytes (RFC 2104 §2)."""
    cdef uint8_t[64] block
    cdef uint32_t each
    for each in range(<uint32_t>BLOCK):
        block[each] = (secret[each] if each < length else 0) ^ 0x36
    sha256_begin(key.inner)
    sha256_block(key.inner, block)
    for each in range(<uint32_t>BLOCK):
        block[each] ^= 0x36 ^ 0x5c
    sha256_begin(key.outer)
    sha256_block(key.outer, block)


cdef inline uint8_t* add(uint8_t* at, Span span, uint8_t after) noexcept nogil:
    memcpy(at, span.at, span.length)
    at[span.length] = after
    return at + span.length + 1


cdef inline void write_mac(const TokenKey* key, const TokenPath* path, uint8_t* mac) noexcept nogil:
    """Compute the mac that the path ought to have, as text."""
    cdef uint8_t[320] signed_text
    cdef uint8_t[33] digest
    cdef uint32_t[8] state
    cdef uint8_t* at = signed_text
    cdef uint32_t each, bits
    memcpy(at, b"v1\n", 3)
    at = add(at + 3, path.kid, 10)
    at = add(at, path.expiry, 10)
    at = add(at, path.sid, 10)
    memcpy(at, b"0\n/", 3)
    at = add(at + 3, path.id, 47)
    memcpy(state, key.inner, sizeof(state))
    sha256_finish(state, signed_text, at - signed_text, BLOCK, digest)
    memcpy(state, key.outer, sizeof(state))
    sha256_finish(state, digest, 32, BLOCK, digest)
    digest[32] = 0
    for each in range(<uint32_t>MAC_CHARACTERS):
        bits = <uint32_t>digest[each * 6 // 8] << 8
        if each * 6 // 8 < 32:
            bits |= digest[each * 6 // 8 + 1]
        mac[each] = <uint8_t>BASE64URL[bits >> (10 - each * 6 % 8) & 63]


cdef inline bint mac_fits(const TokenKey* key, const TokenPath* path) noexcept nogil:
    """Compare in a time that does not tell how much of it is right."""
    cdef uint8_t[43] expected    # MAC_CHARACTERS
    cdef uint8_t differs = 0
    cdef uint32_t each
    write_mac(key, path, expected)
    for each in range(<uint32_t>MAC_CHARACTERS):
        differs |= expected[each] ^ path.mac.at[each]
    return differs == 0


cdef inline const TokenKey* find_key(
    const TokenKey* keys, int count, Span kid
) noexcept nogil:
    cdef int each
    for each in range(count):
        if keys[each].kid_length == kid.length and memcmp(keys[each].kid, kid.at, kid.length) == 0:
            return &keys[each]
    return NULL


cdef inline Admission verify(
    const TokenKey* keys, int count, Verified* memory, uint64_t hashed, Span text,
    const TokenPath* path, double now_s
) noexcept nogil:
    """Judge a token; `hashed` is the hash of the path's prefix."""
    cdef Verified* place = &memory[hashed % REMEMBERED]
    cdef const TokenKey* key
    if not (place.length == path.prefix_length and place.hash == hashed
            and memcmp(place.prefix, text.at, path.prefix_length) == 0):
        key = find_key(keys, count, path.kid)
        if key == NULL:
            return UNKNOWN_KEY
        if not mac_fits(key, path):
            return FORGED
        place.hash = hashed
        place.expires_s = path.expires_s
        place.length = path.prefix_length
        memcpy(place.prefix, text.at, path.prefix_length)
    return ADMITTED if now_s < path.expires_s else EXPIRED


cdef inline bint starts_signed(Span text) noexcept nogil:
    """Whether a path under `/media/` names a signed id, which only a token opens."""
    return text.length > 8 and text.at[7] == 115 and text.at[8] == 95

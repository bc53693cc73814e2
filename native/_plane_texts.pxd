"""What a data plane is told once: texts, keys and networks, written where its threads read them."""

from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport calloc
from libc.string cimport memcpy

from native._pointed cimport pointed
from native._state cimport Hub, Network
from native._token cimport LONGEST_KID, TokenKey, token_key

cdef enum:
    REFUSALS = 8
    PROBLEM_TEXTS = 5
    TOKEN_REFUSALS = 4
    KEY_BYTES = 64


cdef inline int keep_texts(
    Hub* hub, bytes preflight, list refusals, list problems, list token_refused, bytes fill_key
) except -1:
    """Point at the texts of answers, which the caller keeps."""
    cdef int each, number
    hub.texts.preflight = pointed(preflight)
    hub.texts.fill_key = pointed(fill_key)
    for number in range(TOKEN_REFUSALS):
        for each in range(PROBLEM_TEXTS):
            hub.texts.token_refused[number][each] = pointed(token_refused[number][each])
    for each in range(REFUSALS):
        hub.texts.refusals[each] = pointed(refusals[each])
    for each in range(PROBLEM_TEXTS):
        hub.texts.problem_412[each] = pointed(problems[0][each])
        hub.texts.problem_416[each] = pointed(problems[1][each])
    return 0


cdef inline int keep_keys(Hub* hub, list keys) except -1:
    """Get the keys of tokens ready; ValueError for a name or a secret that fits nowhere."""
    cdef TokenKey* key
    cdef bytes kid, secret
    hub.keys = <TokenKey*>calloc(max(1, len(keys)), sizeof(TokenKey))
    if hub.keys == NULL:
        raise MemoryError("no room for the keys")
    for kid, secret in keys:
        if not 0 < len(kid) <= LONGEST_KID or not 0 < len(secret) <= KEY_BYTES:
            raise ValueError(f"the key {kid!r} or its name is too long, or there is none")
        key = &hub.keys[hub.key_count]
        memcpy(key.kid, <const char*>kid, len(kid))
        key.kid_length = <uint32_t>len(kid)
        token_key(key, <const uint8_t*><const char*>secret, <uint32_t>len(secret))
        hub.key_count += 1
    return 0


cdef inline int keep_trusted(Hub* hub, list trusted) except -1:
    """Take over the networks of proxies; ValueError for what is none."""
    cdef int each
    hub.trusted = <Network*>calloc(max(1, len(trusted)), sizeof(Network))
    if hub.trusted == NULL:
        raise MemoryError("no room for the networks")
    for each in range(<int>len(trusted)):
        address, bits = trusted[each]
        if len(address) != 16 or not 0 <= bits <= 128:
            raise ValueError(f"{trusted[each]!r} is no network")
        memcpy(hub.trusted[each].address, <const char*><bytes>address, 16)
        hub.trusted[each].bits = bits
    hub.trusted_count = <int>len(trusted)
    return 0

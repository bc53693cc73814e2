"""Who is at the other end: addresses, proxies that are trusted, connections of each client."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy, memset

from native._linux cimport (
    AF_INET,
    AF_INET6,
    pthread_mutex_lock,
    pthread_mutex_unlock,
    sockaddr_in,
    sockaddr_in6,
    sockaddr_storage,
)
from native._state cimport ClientCount, Hub, Network, Peer
from native._table cimport hash_of

cdef enum:
    ADDRESS_BYTES = 16
    NETWORK_BYTES = 8            # what a subscriber is given at least (RFC 6177 §2)
    MAPPED_BYTES = 12
    CLIENT_BUCKETS = 1024


cdef inline void read_peer(const sockaddr_storage* from_, Peer* peer) noexcept nogil:
    """Take the address over; IPv4 as IPv4-mapped IPv6 (RFC 4291 §2.5.5.2)."""
    memset(peer.address, 0, ADDRESS_BYTES)
    if from_.ss_family == AF_INET:
        peer.address[10] = peer.address[11] = 255
        memcpy(peer.address + 12, &(<const sockaddr_in*>from_).sin_addr, 4)
    elif from_.ss_family == AF_INET6:
        memcpy(peer.address, &(<const sockaddr_in6*>from_).sin6_addr, ADDRESS_BYTES)


cdef inline bint within(const uint8_t* address, const Network* network) noexcept nogil:
    cdef int whole = network.bits // 8
    cdef int rest = network.bits % 8
    if memcmp(address, network.address, whole) != 0:
        return False
    return rest == 0 or (address[whole] ^ network.address[whole]) >> (8 - rest) == 0


cdef inline bint is_trusted(const Hub* hub, const uint8_t* address) noexcept nogil:
    cdef int each
    for each in range(hub.trusted_count):
        if within(address, &hub.trusted[each]):
            return True
    return False


cdef inline ClientCount** client_place(Hub* hub, const uint8_t* address) noexcept nogil:
    cdef uint64_t hashed = hash_of(hub.table.seed, address, ADDRESS_BYTES)
    cdef ClientCount** place = &hub.clients[hashed % CLIENT_BUCKETS]
    while place[0] != NULL and memcmp(place[0].address, address, ADDRESS_BYTES) != 0:
        place = &place[0].next
    return place


cdef inline bint is_counted(const Hub* hub, const Peer* peer) noexcept nogil:
    """Whether there is a limit to the connections of this client: a proxy has many viewers."""
    return hub.limits.per_client != 0 and not peer.trusted


cdef inline void name_client(const Peer* peer, uint8_t* name) noexcept nogil:
    """Say which addresses are one client: all of an IPv6 network, as anyone has a whole one."""
    memcpy(name, peer.address, ADDRESS_BYTES)
    if memcmp(name, b"\0\0\0\0\0\0\0\0\0\0\xff\xff", MAPPED_BYTES) != 0:
        memset(name + NETWORK_BYTES, 0, ADDRESS_BYTES - NETWORK_BYTES)


cdef inline bint client_enters(Hub* hub, const Peer* peer) noexcept nogil:
    """Count a connection of this client; False when it has as many as it may."""
    cdef uint8_t[16] address         # ADDRESS_BYTES
    cdef ClientCount** place
    cdef ClientCount* client
    cdef bint enters = True
    if not is_counted(hub, peer):
        return True
    name_client(peer, address)
    pthread_mutex_lock(&hub.clients_lock)
    place = client_place(hub, address)
    client = place[0]
    if client == NULL:
        client = <ClientCount*>malloc(sizeof(ClientCount))
        if client != NULL:
            client.next = NULL
            client.count = 0
            memcpy(client.address, address, ADDRESS_BYTES)
            place[0] = client
    if client == NULL or client.count >= hub.limits.per_client:
        enters = False
    else:
        client.count += 1
    pthread_mutex_unlock(&hub.clients_lock)
    return enters


cdef inline void client_leaves(Hub* hub, const Peer* peer) noexcept nogil:
    cdef uint8_t[16] address         # ADDRESS_BYTES
    cdef ClientCount** place
    cdef ClientCount* client
    if not is_counted(hub, peer):
        return
    name_client(peer, address)
    pthread_mutex_lock(&hub.clients_lock)
    place = client_place(hub, address)
    client = place[0]
    if client != NULL:
        client.count -= 1
        if client.count == 0:
            place[0] = client.next
            free(client)
    pthread_mutex_unlock(&hub.clients_lock)

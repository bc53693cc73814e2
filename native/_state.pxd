"""The data plane's state: connections, the threads that own them, and what crosses to Python.

A `Worker` is one thread with one epoll instance. It alone touches its connections, from accept to
close. An `Exchange` is a request that Python answers, shared by the worker and Python: what is
marked `guarded` is touched under the worker's lock only, and what is marked `worker` by the worker
only. Everything that waits is in a list of structs that exist anyway, so no ring can overflow.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from native._body cimport Body, Warming
from native._linux cimport pthread_mutex_t
from native._record cimport Journal, Note, Record
from native._key_samples cimport Samples
from native._ring cimport Ring
from native._seal cimport Mark
from native._table cimport Table
from native._text cimport Span
from native._token cimport TokenKey, Verified

cdef enum:
    READ_BYTES = 32768           # how much one recv takes, and so the most that waits unparsed
    INPUT_BYTES = 65536
    SCRATCH_BYTES = 131072
    HEADROOM_BYTES = 40960       # what one answer's head may need of the scratch
    ROWS_BYTES = 32768           # of an index, for one segment: about two thousand samples
    MADE_BYTES = 16384           # the lines of a segment that is made
    POOLED = 64
    POOLED_PER_ANSWER = 36       # sixteen ranges with what stands between them
    TURN_BYTES = 1048576         # what one connection may send before others have their turn
    TURN_PASSES = 16
    TURN_REQUESTS = 20
    ROUND_TURNS = 2              # how many queued turns are taken before new events are looked at
    HEAVY_MS = 100               # how long whoever used up a turn only has queued ones
    IN_HIGH_BYTES = 262144
    DRAIN_BYTES = 262144         # an unread request body up to this long keeps its connection
    PROGRESS_BYTES = 65536       # what a client must take, or send of a body, within its time
    BUCKETS = 13
    SPENT_GENERATION = 0xffffffff

cdef enum ConnectionState:
    READING                      # a head is expected
    CROSSED                      # Python answers
    DRAINING                     # the rest of a request's body is thrown away
    LINGERING                    # answered and shut down; what still comes is thrown away
    DEAD

cdef enum Timer:
    # A list of connections for each time that may run out; all in a list have the same time.
    IDLE_TIMER
    HEAD_TIMER
    BODY_TIMER
    SEND_TIMER
    LINGER_TIMER
    TIMERS
    NO_TIMER

cdef enum BodyState:
    NO_BODY
    BY_LENGTH
    CHUNK_SIZE
    CHUNK_PADDING
    CHUNK_EXTENSION
    CHUNK_SIZE_LF
    CHUNK_DATA
    CHUNK_CR
    CHUNK_LF
    TRAILER_START
    TRAILER_LINE
    TRAILER_LF
    TRAILER_END_LF
    BROKEN_BODY

cdef enum Event:
    # What a worker tells Python about an exchange.
    NEW = 1
    BODY = 2                     # bytes of the request's body, its end, or that it is broken
    WRITABLE = 4
    GONE = 8

cdef enum Ending:
    OPEN
    ENDED
    CUT                          # close once what was written has gone out
    RESET

cdef struct Out:
    # Bytes on their way to a client. A pooled one lasts as long as the worker's turn with it.
    Out* next
    Body* body                   # held; NULL when `at` points to bytes
    const uint8_t* at
    uint64_t offset              # in the body, or in the fragment of a sealed one
    uint64_t length
    bint pooled
    bint counted                 # from Python, which waits when too much is unsent
    bint sent_by_file
    uint64_t warm                # its file was in memory up to here, or a reader has read it
    Mark mark                    # of a sealed body: what is known to go on from

cdef struct Peer:
    uint8_t[16] address          # IPv4 as IPv4-mapped IPv6
    bint trusted

cdef struct Connection:
    int fd
    uint32_t place
    uint32_t generation
    uint8_t state
    uint8_t timer
    uint8_t touched              # its time began anew since the list was looked at
    bint readable                # level as we know it: epoll tells of edges only
    bint writable
    bint hung_up
    bint closing                 # nothing more is read; close when all is sent
    bint heedful                 # closing, while the client may still be sending
    bint keep_alive
    bint unparsed                # `input` may hold a whole head
    bint queued                  # in `again`
    int64_t heavy_until_ms       # it used up its turn: those who ask for little go first
    bint served                  # it has asked for something
    bint reused                  # it had asked for something before its latest request
    bint cold                    # a reader reads what is to be sent next
    bint gathered                # what it is to be sent goes with the batch
    Connection* earlier
    Connection* later
    Connection* again
    int64_t stamp_ms
    uint8_t* input
    uint32_t input_length
    Out* out
    Out* out_last
    uint64_t progress
    uint64_t sent                # in all
    Record* records              # of the answers under way, for the access log
    Record* records_last
    Exchange* exchange
    uint8_t body_state
    uint32_t body_line           # bytes of a chunk's line or of the trailer so far
    uint64_t body_left
    uint64_t drained
    Peer peer

cdef struct Exchange:
    int refs
    Worker* worker
    void* object                 # guarded: the Python object, borrowed
    Connection* connection       # worker
    Exchange* next_event         # guarded
    Exchange* next_ready         # guarded
    uint32_t events              # guarded
    bint event_queued            # guarded
    bint ready_queued            # guarded
    bint taken                   # guarded: Python has seen it
    int unsent                   # atomic: bytes pushed and not yet sent
    int waiting                  # atomic: Python waits for WRITABLE
    int low_bytes                # atomic: it is to come once no more than this is unsent
    Out* out                     # guarded
    Out* out_last                # guarded
    int ending                   # guarded
    Note note                    # guarded: for the access log
    Out* body                    # guarded
    Out* body_last               # guarded
    uint64_t body_bytes          # of memory that holds the body; guarded
    bint body_ended              # guarded
    bint body_broken             # guarded
    bint keep_alive
    Peer peer
    uint32_t head_length
    uint8_t* head                # behind this struct

cdef struct Counters:
    # Written by one thread; read by any. Padded on both sides: see `Worker`.
    uint64_t requests
    uint64_t hits
    uint64_t made                # of them, segments made for the request
    uint64_t crossed
    uint64_t refused             # heads that are no HTTP we accept
    uint64_t preflights
    uint64_t sent_bytes          # of hits' bodies and whatever else went out
    uint64_t body_bytes          # of hits' bodies alone
    uint64_t accepted
    uint64_t turned_away
    uint64_t crowded             # of them, those whose address had as many as it may
    uint64_t expired[5]          # by timer: TIMERS
    uint64_t refusals[8]         # in the order of `Refusal` in _worker.pxd
    uint64_t tokens_refused[4]   # from MISSING on, in the order of `Admission` in _token.pxd
    uint64_t disk_waits          # for bytes of a file that were not in memory
    uint64_t disk_failures
    uint64_t batched             # sends that went with others in one call
    uint64_t statuses[6]
    uint64_t hit_seconds[13]     # BUCKETS, then more
    uint64_t hit_us
    uint64_t open

cdef struct Limits:
    int64_t[5] timer_ms          # TIMERS
    uint64_t connections         # of one worker
    uint32_t per_client          # of all workers, but of no trusted proxy; 0: any number

cdef struct Network:
    uint8_t[16] address
    int bits

cdef struct Texts:
    # What does not change between answers, written by Python once.
    Span preflight
    Span refusals[8]             # in the order of `Refusal` in _worker.pxd
    # The status, and the document around length, path and request id; see `_answer.pxd`.
    Span problem_412[5]
    Span problem_416[5]
    # The status and the fields, and the document around a name, path and request id.
    Span token_refused[4][5]
    Span fill_key                # what an edge below us shows; NULL when there is none
    bint for_edges               # nobody else asks: no tokens, and the fill key for everything

cdef struct ClientCount:
    ClientCount* next
    uint8_t[16] address
    uint32_t count

cdef struct Hub:
    # What all workers share.
    int fd                       # wakes Python
    int sleeping                 # atomic: Python wants to be woken
    Table table
    Limits limits
    Texts texts
    Network* trusted
    int trusted_count
    TokenKey* keys
    int key_count
    pthread_mutex_t clients_lock
    ClientCount* clients[1024]
    int draining                 # atomic
    int stopping                 # atomic
    bint batches                 # where the kernel lets us
    int watched                  # atomic: somebody wants to know which keys are asked for
    int64_t drained_until_ms
    uint64_t bounds_us[13]

cdef struct TimerList:
    Connection* first
    Connection* last

cdef struct Gathered:
    # A send of the batch, whose bytes are in the ring's.
    Connection* connection
    uint64_t hits
    int64_t began_us

cdef struct Worker:
    Hub* hub
    int poll
    int listener
    int wake_fd
    int sleeping                 # atomic
    int has_ready                # atomic
    pthread_mutex_t lock
    Exchange* events             # guarded: for Python
    Exchange* events_last        # guarded
    Exchange* ready              # guarded: for the worker
    Warming* warmed              # guarded: from the readers
    uint8_t[64] padding
    Counters counters
    uint8_t[64] more_padding
    Connection** connections
    uint32_t connection_count    # places ever used
    uint32_t connection_room
    Connection* spare
    uint64_t open
    TimerList[5] timers          # TIMERS
    Connection* again            # whose turn comes, first come first served
    Connection* again_last
    int64_t now_ms
    int64_t began_us             # when what is read just now came
    double wall_s
    const uint8_t* status        # the status of the answer queued last, after a space
    Journal* journal             # NULL without an access log
    Samples* samples
    int64_t date_s
    uint8_t[29] date
    uint64_t random
    bint accepting
    int64_t accept_after_ms
    uint8_t* input               # INPUT_BYTES
    uint8_t* scratch             # SCRATCH_BYTES
    uint8_t* sealing             # SEAL_ROOM of _seal.pxd; NULL before it is needed
    uint8_t* key                 # LONGEST_KEY of _target.pxd
    uint8_t* rows                # ROWS_BYTES
    uint8_t* made                # MADE_BYTES
    uint8_t* sample              # SAMPLE_BYTES of _made_seal.pxd; NULL before it is needed
    Verified* verified           # REMEMBERED of _token.pxd
    uint32_t scratch_used
    Out[64] pool                 # POOLED
    int pooled
    uint64_t turn_bytes
    uint32_t turn_requests
    Ring* ring                   # NULL: every send is a call of its own
    bint gathering               # answers of this round of events go together
    Gathered[32] gathered        # RING_SENDS
    uint8_t[64] last_padding     # behind it begins the next thread's

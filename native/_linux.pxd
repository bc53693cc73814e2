"""What the data plane asks of Linux and of the compiler: declarations, and nothing of our own."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from posix.types cimport mode_t, off_t

cdef extern from * nogil:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <arpa/inet.h>
    #include <errno.h>
    #include <fcntl.h>
    #include <linux/sock_diag.h>
    #include <netinet/in.h>
    #include <netinet/tcp.h>
    #include <pthread.h>
    #include <signal.h>
    #include <string.h>
    #include <sys/epoll.h>
    #include <sys/eventfd.h>
    #include <sys/mman.h>
    #include <sys/random.h>
    #include <sys/sendfile.h>
    #include <sys/socket.h>
    #include <sys/stat.h>
    #include <sys/syscall.h>
    #include <sys/uio.h>
    #include <time.h>
    #include <unistd.h>

    static inline int sluice_errno(void) { return errno; }

    #ifndef SYS_cachestat
    #define SYS_cachestat 451    /* one number for all architectures; Linux 6.5 */
    #endif
    /* How many pages of this part of a file are in memory, or -1 where the kernel cannot say. */
    static inline int64_t sluice_cached_pages(int fd, uint64_t offset, uint64_t length) {
        uint64_t range[2] = {offset, length}, found[5];
        if (syscall(SYS_cachestat, fd, range, found, 0) != 0)
            return -1;
        return (int64_t)found[0];
    }
    /* About how many bytes a socket takes before it is full, which is over what it asks for once
       it is; -1 where the kernel does not say. */
    static inline int64_t sluice_send_room(int fd) {
        uint32_t about[SK_MEMINFO_VARS];
        socklen_t length = sizeof about;
        if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, about, &length) != 0)
            return -1;
        return about[SK_MEMINFO_SNDBUF] > about[SK_MEMINFO_WMEM_QUEUED]
            ? (int64_t)(about[SK_MEMINFO_SNDBUF] - about[SK_MEMINFO_WMEM_QUEUED])
            : 0;
    }
    static inline int64_t sluice_file_size(int fd) {
        struct stat about;
        return fstat(fd, &about) == 0 && S_ISREG(about.st_mode) ? (int64_t)about.st_size : -1;
    }
    /* SCHED_ATTR_SIZE_VER0 of <linux/sched/types.h>, which newer C libraries declare themselves. */
    struct sluice_sched_attr {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    };
    /* For the calling thread if it is an ordinary one; whatever else it was given stays. */
    static inline void sluice_ask_for_slice(uint64_t ns) {
        struct sluice_sched_attr now = {.size = sizeof now};
        if (syscall(SYS_sched_getattr, 0, &now, sizeof now, 0) != 0 || now.policy != 0)
            return;
        now.size = sizeof now;
        now.runtime = ns;
        syscall(SYS_sched_setattr, 0, &now, 0);
    }
    static inline int sluice_dup(int fd) { return fcntl(fd, F_DUPFD_CLOEXEC, 0); }
    /* Sequentially consistent unless the name says otherwise. */
    static inline int sluice_load(const int *at) { return __atomic_load_n(at, __ATOMIC_SEQ_CST); }
    static inline int sluice_peek(const int *at) { return __atomic_load_n(at, __ATOMIC_RELAXED); }
    static inline void sluice_store(int *at, int value) {
        __atomic_store_n(at, value, __ATOMIC_SEQ_CST);
    }
    static inline int sluice_swap(int *at, int value) {
        return __atomic_exchange_n(at, value, __ATOMIC_SEQ_CST);
    }
    static inline int sluice_add(int *at, int value) {
        return __atomic_add_fetch(at, value, __ATOMIC_ACQ_REL);
    }
    static inline uint64_t sluice_count(const uint64_t *at) {
        return __atomic_load_n(at, __ATOMIC_RELAXED);
    }
    /* For a counter that one thread writes and others read. */
    static inline void sluice_tally(uint64_t *at, uint64_t more) {
        __atomic_store_n(at, *at + more, __ATOMIC_RELAXED);
    }
    """
    int sluice_errno()
    int64_t sluice_cached_pages(int fd, uint64_t offset, uint64_t length)
    int64_t sluice_send_room(int fd)
    int64_t sluice_file_size(int fd)
    int sluice_dup(int fd)
    void sluice_ask_for_slice(uint64_t ns)
    int sluice_load(const int* at)
    int sluice_peek(const int* at)
    void sluice_store(int* at, int value)
    int sluice_swap(int* at, int value)
    int sluice_add(int* at, int value)
    uint64_t sluice_count(const uint64_t* at)
    void sluice_tally(uint64_t* at, uint64_t more)

    enum: EAGAIN, EINTR, EIO, EMFILE, ENFILE, ENOBUFS, ENOMEM, ECONNABORTED

    # ---- files and memory
    enum: MFD_CLOEXEC, PROT_READ, PROT_WRITE, MAP_SHARED, MAP_NORESERVE, MADV_NOHUGEPAGE
    enum: MAP_PRIVATE, MAP_ANONYMOUS
    enum: FALLOC_FL_PUNCH_HOLE, FALLOC_FL_KEEP_SIZE
    void* MAP_FAILED
    int memfd_create(const char* name, unsigned int flags)
    int ftruncate(int fd, off_t length)
    int fallocate(int fd, int mode, off_t offset, off_t length)
    void* mmap(void* at, size_t length, int protection, int flags, int fd, off_t offset)
    int madvise(void* at, size_t length, int advice)
    int munmap(void* at, size_t length)
    int mincore(void* at, size_t length, unsigned char* pages)
    int close(int fd)
    ssize_t read(int fd, void* data, size_t length)
    ssize_t pread(int fd, void* data, size_t length, off_t offset)
    enum: RWF_NOWAIT
    ssize_t preadv2(int fd, const iovec* pieces, int count, off_t offset, int flags)
    ssize_t write(int fd, const void* data, size_t length)
    ssize_t getrandom(void* data, size_t length, unsigned int flags)

    # ---- threads
    ctypedef struct pthread_mutex_t:
        pass
    int pthread_mutex_init(pthread_mutex_t* mutex, void* attributes)
    int pthread_mutex_destroy(pthread_mutex_t* mutex)
    int pthread_mutex_lock(pthread_mutex_t* mutex)
    int pthread_mutex_unlock(pthread_mutex_t* mutex)
    ctypedef struct pthread_cond_t:
        pass
    int pthread_cond_init(pthread_cond_t* condition, void* attributes)
    int pthread_cond_destroy(pthread_cond_t* condition)
    int pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex)
    int pthread_cond_signal(pthread_cond_t* condition)
    int pthread_cond_broadcast(pthread_cond_t* condition)
    ctypedef struct sigset_t:
        pass
    enum: SIG_BLOCK
    int sigfillset(sigset_t* signals)
    int pthread_sigmask(int how, const sigset_t* signals, sigset_t* before)

    # ---- clocks
    struct timespec:
        int64_t tv_sec
        int64_t tv_nsec
    enum: CLOCK_MONOTONIC, CLOCK_MONOTONIC_COARSE, CLOCK_REALTIME, CLOCK_REALTIME_COARSE
    int clock_gettime(int clock, timespec* now)

    # ---- readiness
    enum: EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP, EPOLLRDHUP, EPOLLET
    enum: EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CLOEXEC, EFD_CLOEXEC, EFD_NONBLOCK
    ctypedef union epoll_data_t:
        uint64_t u64
    struct epoll_event:
        uint32_t events
        epoll_data_t data
    int epoll_create1(int flags)
    int epoll_ctl(int poll, int what, int fd, epoll_event* event)
    int epoll_wait(int poll, epoll_event* events, int room, int timeout_ms)
    int eventfd(unsigned int value, int flags)

    # ---- sockets
    ctypedef unsigned int socklen_t
    struct sockaddr:
        unsigned short sa_family
    struct in_addr:
        uint32_t s_addr
    struct sockaddr_in:
        in_addr sin_addr
    struct in6_addr:
        uint8_t s6_addr[16]
    struct sockaddr_in6:
        in6_addr sin6_addr
    struct sockaddr_storage:
        unsigned short ss_family
    struct iovec:
        void* iov_base
        size_t iov_len
    struct msghdr:
        iovec* msg_iov
        size_t msg_iovlen
    struct linger:
        int l_onoff
        int l_linger
    enum: AF_INET, AF_INET6, SOL_SOCKET, SO_LINGER, SO_SNDBUF, IPPROTO_TCP, TCP_NODELAY
    enum: SOCK_NONBLOCK, SOCK_CLOEXEC, MSG_NOSIGNAL, MSG_MORE, MSG_DONTWAIT, MSG_TRUNC, SHUT_WR
    const char* inet_ntop(int family, const void* address, char* text, socklen_t room)
    int accept4(int fd, sockaddr* peer, socklen_t* length, int flags)
    int setsockopt(int fd, int level, int name, const void* value, socklen_t length)
    int shutdown(int fd, int how)
    ssize_t recv(int fd, void* data, size_t length, int flags)
    ssize_t send(int fd, const void* data, size_t length, int flags)
    ssize_t sendmsg(int fd, const msghdr* message, int flags)
    ssize_t sendfile(int out, int source, off_t* offset, size_t count)


cdef inline void tally(uint64_t* counter, uint64_t more) noexcept nogil:
    """Add to a counter of the own thread that others read without asking."""
    sluice_tally(counter, more)


cdef inline int64_t now_ms() noexcept nogil:
    """Give the milliseconds of a clock that never steps; coarse, which costs next to nothing."""
    cdef timespec at
    clock_gettime(CLOCK_MONOTONIC_COARSE, &at)
    return at.tv_sec * 1000 + at.tv_nsec // 1000000


cdef inline int64_t now_us() noexcept nogil:
    cdef timespec at
    clock_gettime(CLOCK_MONOTONIC, &at)
    return at.tv_sec * 1000000 + at.tv_nsec // 1000


cdef inline double wall_s() noexcept nogil:
    """Give the seconds since the epoch."""
    cdef timespec at
    clock_gettime(CLOCK_REALTIME, &at)
    return <double>at.tv_sec + <double>at.tv_nsec * 1e-9

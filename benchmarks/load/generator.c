/* Asks for one resource, or a few in turn, over many connections, as fast as it is answered.
 *
 * One thread, one epoll. A body is not copied: what follows a head is received with MSG_TRUNC,
 * which on a TCP socket drops the bytes in the kernel (tcp(7)), so that the generator's core has
 * time to spare and the server's core is what is measured. Heads are read: every answer must have
 * the expected status and Content-Length, or the run fails. The bytes themselves are compared by
 * another client, once, before the time is taken.
 *
 * Usage: generator PORTS CONNECTIONS DEPTH SOURCES MSS STATUS LENGTH LIMIT_S REQUEST
 *                 [LENGTH REQUEST]...
 *
 *   PORTS    one, or several with commas between: the connections go to each of them in turn
 *   DEPTH    requests sent in one write; the next follow when all of them are answered
 *   SOURCES  loopback addresses to connect from, 0 for the kernel's choice
 *   MSS      TCP_MAXSEG set before connect, 0 for the kernel's choice
 *   LIMIT_S  how long all connections, and then each round, may take
 *   REQUEST  one head, its empty line included; of several, each connection sends the next one
 *            when it is to send, and all have the same STATUS; DEPTH is 1 then
 *
 * It connects, asks once on every connection, says "ready", and reads a number of requests from
 * its input. It sends that many, says "REQUESTS NANOSECONDS P50_NS P99_NS", and reads the next
 * number. The end of the input ends it; until then the connections stay open.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

enum {
    MOST_PORTS = 16,
    INPUT_BYTES = 16384,   /* what a connection holds of heads and short bodies */
    FIRST_BYTES = 4096,    /* read of a new answer; a long body's rest is dropped unread */
    EVENTS = 64,
    SUB_BITS = 4,          /* 16 steps for each doubling: latencies within 6 % */
    BUCKETS = 64 << SUB_BITS,
};

struct connection {
    int fd;
    int due;               /* answers to come */
    uint64_t asked_ns;
    size_t length;         /* of the body that was asked for */
    size_t body_due;       /* bytes of the present body that are still on their way */
    size_t held;           /* bytes of input[] in use */
    char input[INPUT_BYTES];
};

static struct {
    int connections, depth, sources, mss, status;
    uint16_t ports[MOST_PORTS];
    int servers;
    uint64_t limit_ns;
    int kinds;
    struct request {
        char *text;        /* DEPTH times the request */
        size_t bytes;      /* of one */
        size_t length;     /* of the body that answers it */
    } *requests;
} plan;

static uint64_t to_send, to_receive;
static int next_kind;
static uint64_t latencies[BUCKETS];

static void fail(const char *format, ...) {
    va_list values;
    va_start(values, format);
    fputs("generator: ", stderr);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
    va_end(values);
    exit(1);
}

static void require(int holds, const char *what) {
    if (!holds)
        fail("%s: %s", what, strerror(errno));
}

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- latencies: a histogram whose buckets are a sixteenth of their power of two ---- */

static int bucket_of(uint64_t ns) {
    if (ns < (1 << SUB_BITS))
        return (int)ns;
    int shift = 63 - __builtin_clzll(ns) - SUB_BITS;
    return ((shift + 1) << SUB_BITS) + (int)((ns >> shift) & ((1 << SUB_BITS) - 1));
}

static uint64_t bucket_ns(int bucket) {
    if (bucket < (1 << SUB_BITS))
        return (uint64_t)bucket;
    int shift = (bucket >> SUB_BITS) - 1;
    return ((uint64_t)(1 << SUB_BITS) + (bucket & ((1 << SUB_BITS) - 1))) << shift;
}

static uint64_t percentile_ns(uint64_t total, int percent) {
    uint64_t below = 0;
    for (int bucket = 0; bucket < BUCKETS; bucket++) {
        below += latencies[bucket];
        if (below * 100 >= total * (uint64_t)percent)
            return bucket_ns(bucket);
    }
    return 0;
}

/* ---- asking ---- */

static void ask(struct connection *c) {
    int count = to_send < (uint64_t)plan.depth ? (int)to_send : plan.depth;
    if (count == 0)
        return;
    struct request *request = &plan.requests[next_kind];
    next_kind = (next_kind + 1) % plan.kinds;
    c->length = request->length;
    size_t bytes = request->bytes * (size_t)count;
    ssize_t sent = send(c->fd, request->text, bytes, MSG_NOSIGNAL);
    require(sent >= 0, "send");
    if ((size_t)sent != bytes)
        fail("the server left %d requests of some hundred bytes unread", count);
    to_send -= (uint64_t)count;
    c->due = count;
    c->asked_ns = now_ns();
}

/* ---- reading answers ---- */

static int has_expected_length(const char *head, const char *end, size_t length) {
    static const char name[] = "content-length:";
    for (const char *line = head; line < end; line = memchr(line, '\n', (size_t)(end - line)) + 1) {
        if (strncasecmp(line, name, sizeof name - 1) == 0)
            return strtoull(line + sizeof name - 1, NULL, 10) == length;
    }
    return 0;
}

/* The head must be what was planned; `end` is behind its empty line. */
static void check_head(const char *head, const char *end, size_t length) {
    if (end - head < 16 || strncmp(head, "HTTP/1.1 ", 9) != 0 || atoi(head + 9) != plan.status)
        fail("expected status %d, got: %.*s", plan.status, 32, head);
    if (!has_expected_length(head, end, length))
        fail("expected Content-Length %zu, got:\n%.*s", length, (int)(end - head), head);
}

static void finish_answer(struct connection *c) {
    latencies[bucket_of(now_ns() - c->asked_ns)]++;
    to_receive--;
    c->due--;
}

/* Take the answers that input[] holds; what is left of a body is to be dropped in the kernel. */
static void take_answers(struct connection *c) {
    char *at = c->input, *stop = c->input + c->held;
    while (c->body_due == 0 && c->due > 0) {
        char *end = memmem(at, (size_t)(stop - at), "\r\n\r\n", 4);
        if (end == NULL)
            break;
        check_head(at, end + 4, c->length);
        at = end + 4;
        size_t here = (size_t)(stop - at) < c->length ? (size_t)(stop - at) : c->length;
        at += here;
        c->body_due = c->length - here;
        if (c->body_due == 0)
            finish_answer(c);
    }
    c->held = (size_t)(stop - at);
    memmove(c->input, at, c->held);
}

static ssize_t receive(struct connection *c, char *into, size_t bytes, int flags) {
    ssize_t got = recv(c->fd, into, bytes, flags);
    if (got < 0 && errno == EAGAIN)
        return 0;
    require(got >= 0, "recv");
    if (got == 0)
        fail("the server closed a connection that was to stay open");
    return got;
}

static void drop_body(struct connection *c) {
    static char nothing[1]; /* not written to: MSG_TRUNC */
    c->body_due -= (size_t)receive(c, nothing, c->body_due, MSG_TRUNC);
    if (c->body_due == 0)
        finish_answer(c);
}

static void read_head(struct connection *c) {
    size_t room = sizeof c->input - c->held;
    if (room == 0)
        fail("a head of more than %d bytes", INPUT_BYTES);
    size_t wanted = plan.depth == 1 && room > FIRST_BYTES ? FIRST_BYTES : room;
    c->held += (size_t)receive(c, c->input + c->held, wanted, 0);
    take_answers(c);
}

static void on_readable(struct connection *c) {
    if (c->body_due == 0)
        read_head(c);
    if (c->body_due > 0)
        drop_body(c);
    if (c->due == 0)
        ask(c);
}

/* ---- rounds ---- */

/* Send `count` requests and receive their answers; return how long that took. */
static uint64_t run_round(int epoll, struct connection *all, uint64_t count) {
    struct epoll_event events[EVENTS];
    uint64_t begun_ns = now_ns();
    memset(latencies, 0, sizeof latencies);
    to_send = to_receive = count;
    for (int i = 0; i < plan.connections; i++)
        ask(&all[i]);
    while (to_receive > 0) {
        int ready = epoll_wait(epoll, events, EVENTS, 1000);
        require(ready >= 0 || errno == EINTR, "epoll_wait");
        for (int i = 0; i < ready; i++)
            on_readable(events[i].data.ptr);
        if (now_ns() - begun_ns > plan.limit_ns)
            fail("out of time with %llu answers to come", (unsigned long long)to_receive);
    }
    return now_ns() - begun_ns;
}

/* ---- connecting ---- */

static struct sockaddr_in loopback(uint32_t host, uint16_t port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(host)};
}

static void set(int fd, int level, int option, int value, const char *what) {
    require(setsockopt(fd, level, option, &value, sizeof value) == 0, what);
}

static int connected_socket(int number) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    require(fd >= 0, "socket");
    set(fd, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
    if (plan.mss > 0)
        set(fd, IPPROTO_TCP, TCP_MAXSEG, plan.mss, "TCP_MAXSEG");
    if (plan.sources > 0) {
        /* 127.0.1.1, .2, …; ports are chosen at connect, so each address has them all. */
        uint32_t host = INADDR_LOOPBACK + 256u + (uint32_t)(number % plan.sources);
        struct sockaddr_in source = loopback(host, 0);
        set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1, "IP_BIND_ADDRESS_NO_PORT");
        require(bind(fd, (struct sockaddr *)&source, sizeof source) == 0, "bind");
    }
    struct sockaddr_in server = loopback(INADDR_LOOPBACK, plan.ports[number % plan.servers]);
    require(connect(fd, (struct sockaddr *)&server, sizeof server) == 0, "connect");
    require(fcntl(fd, F_SETFL, O_NONBLOCK) == 0, "fcntl");
    return fd;
}

static struct connection *connect_all(int epoll) {
    struct connection *all = calloc((size_t)plan.connections, sizeof *all);
    require(all != NULL, "calloc");
    for (int i = 0; i < plan.connections; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
        all[i].fd = connected_socket(i);
        require(epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].fd, &event) == 0, "epoll_ctl");
    }
    return all;
}

static char *repeated(const char *text, int times) {
    size_t bytes = strlen(text);
    char *all = malloc(bytes * (size_t)times);
    require(all != NULL, "malloc");
    for (int i = 0; i < times; i++)
        memcpy(all + bytes * (size_t)i, text, bytes);
    return all;
}

static void read_ports(const char *text) {
    char *end;
    do {
        require(plan.servers < MOST_PORTS, "PORTS");
        plan.ports[plan.servers++] = (uint16_t)strtoul(text, &end, 10);
        text = end + 1;
    } while (*end == ',');
}

int main(int argc, char **argv) {
    if (argc < 10 || argc % 2 != 0)
        fail("takes nine arguments or more; they are explained in its source");
    read_ports(argv[1]);
    plan.connections = atoi(argv[2]);
    plan.depth = atoi(argv[3]);
    plan.sources = atoi(argv[4]);
    plan.mss = atoi(argv[5]);
    plan.status = atoi(argv[6]);
    plan.limit_ns = strtoull(argv[8], NULL, 10) * 1000000000u;
    plan.kinds = 1 + (argc - 10) / 2;
    plan.requests = calloc((size_t)plan.kinds, sizeof *plan.requests);
    require(plan.requests != NULL, "calloc");
    for (int kind = 0; kind < plan.kinds; kind++) {
        const char *length = kind == 0 ? argv[7] : argv[8 + 2 * kind];
        const char *text = argv[9 + 2 * kind];
        plan.requests[kind] = (struct request){
            repeated(text, plan.depth), strlen(text), strtoull(length, NULL, 10)};
    }

    int epoll = epoll_create1(EPOLL_CLOEXEC);
    require(epoll >= 0, "epoll_create1");
    struct connection *all = connect_all(epoll);

    /* One request on each: the server has accepted, and both sides have their buffers. */
    int depth = plan.depth;
    plan.depth = 1;
    run_round(epoll, all, (uint64_t)plan.connections);
    plan.depth = depth;
    puts("ready");
    fflush(stdout);

    unsigned long long count;
    while (scanf("%llu", &count) == 1) {
        uint64_t ns = run_round(epoll, all, count);
        printf("%llu %llu %llu %llu\n", count, (unsigned long long)ns,
               (unsigned long long)percentile_ns(count, 50),
               (unsigned long long)percentile_ns(count, 99));
        fflush(stdout);
    }
    return 0;
}

/* Viewers who behave: they ask for one resource at a fixed pace, and look at every byte.
 *
 * Requests fall due at equal intervals, whatever the server does, and each goes out on the next
 * connection that is free. A latency counts from the moment the request fell due until its last
 * byte came, so that a server that stalls is not asked less for it and every request that had to
 * wait shows. A wrong status, length or byte, a close or reset in the middle and an answer that
 * takes longer than LIMIT_MS are errors; the connection is then opened anew.
 *
 * Usage: viewers PORT CONNECTIONS PER_S LIMIT_MS BODY_FILE REQUEST
 *
 * It reads a number of milliseconds from its input, asks for that long, and says
 * "REQUESTS ERRORS P50_NS P99_NS MOST_NS"; then it reads the next number. The end of the input
 * ends it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_BYTES = 8192, MOST_CONNECTIONS = 256, READ_BYTES = 65536 };

struct viewer {
    int fd;              /* -1: to be opened */
    int busy;
    int in_body;
    uint64_t due_ns;     /* of the request under way */
    size_t held;         /* bytes of head[] in use */
    size_t seen;         /* bytes of the body that came and were right */
    char head[HEAD_BYTES];
};

static struct {
    uint16_t port;
    int connections;
    uint64_t interval_ns, limit_ns;
    char *body;
    size_t body_bytes;
    const char *request;
    size_t request_bytes;
} plan;

static struct viewer viewers[MOST_CONNECTIONS];
static uint64_t *latencies;
static size_t answered, room, errors;

static void require(int holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "viewers: %s: %s\n", what, strerror(errno));
        exit(1);
    }
}

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void read_body_file(const char *path) {
    FILE *file = fopen(path, "rb");
    require(file != NULL && fseek(file, 0, SEEK_END) == 0, path);
    plan.body_bytes = (size_t)ftell(file);
    rewind(file);
    plan.body = malloc(plan.body_bytes + 1);
    require(plan.body != NULL, "malloc");
    require(fread(plan.body, 1, plan.body_bytes, file) == plan.body_bytes, path);
    fclose(file);
}

static void open_viewer(struct viewer *v) {
    struct sockaddr_in server = {.sin_family = AF_INET,
                                 .sin_port = htons(plan.port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    v->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    require(v->fd >= 0, "socket");
    setsockopt(v->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    require(connect(v->fd, (struct sockaddr *)&server, sizeof server) == 0, "connect");
    require(fcntl(v->fd, F_SETFL, O_NONBLOCK) == 0, "fcntl");
    v->busy = 0;
}

static void fail(struct viewer *v, const char *why) {
    fprintf(stderr, "viewers: %s after %zu of %zu bytes\n", why, v->seen, plan.body_bytes);
    errors++;
    close(v->fd);
    open_viewer(v);
}

static void ask(struct viewer *v, uint64_t due_ns) {
    v->busy = 1;
    v->in_body = 0;
    v->held = v->seen = 0;
    v->due_ns = due_ns;
    ssize_t sent = send(v->fd, plan.request, plan.request_bytes, MSG_NOSIGNAL);
    if (sent != (ssize_t)plan.request_bytes)
        fail(v, "could not ask");
}

static void finish(struct viewer *v) {
    if (answered == room) {
        room = room ? room * 2 : 65536;
        latencies = realloc(latencies, room * sizeof *latencies);
        require(latencies != NULL, "realloc");
    }
    latencies[answered++] = now_ns() - v->due_ns;
    v->busy = 0;
}

/* Whether these bytes are those that belong here; takes them in. */
static int right(struct viewer *v, const char *bytes, size_t count) {
    if (count > plan.body_bytes - v->seen || memcmp(bytes, plan.body + v->seen, count) != 0)
        return 0;
    v->seen += count;
    return 1;
}

static int good_head(const char *head) {
    const char *length = strcasestr(head, "\r\ncontent-length:");
    return strncmp(head, "HTTP/1.1 200 ", 13) == 0 && length != NULL &&
           strtoull(length + 17, NULL, 10) == plan.body_bytes;
}

/* Take bytes in; 0 when they are not what they should be. */
static int take(struct viewer *v, const char *bytes, size_t count) {
    if (v->in_body)
        return right(v, bytes, count);
    if (count > HEAD_BYTES - 1 - v->held)
        count = HEAD_BYTES - 1 - v->held;
    memcpy(v->head + v->held, bytes, count);
    v->held += count;
    v->head[v->held] = 0;
    char *end = strstr(v->head, "\r\n\r\n");
    if (end == NULL)
        return v->held < HEAD_BYTES - 1;
    end[2] = 0;
    v->in_body = 1;
    end += 4;
    return good_head(v->head) && right(v, end, (size_t)(v->head + v->held - end));
}

static void receive(struct viewer *v) {
    static char bytes[READ_BYTES];
    for (;;) {
        /* A head is read for itself, so that none of its body is cut off by head[]. */
        size_t most = v->in_body ? READ_BYTES : HEAD_BYTES - 1 - v->held;
        ssize_t count = recv(v->fd, bytes, most, 0);
        if (count < 0 && errno == EAGAIN)
            return;
        if (count <= 0) {
            fail(v, count == 0 ? "closed" : strerror(errno));
            return;
        }
        if (!v->busy || !take(v, bytes, (size_t)count)) {
            fail(v, "not what was stored");
            return;
        }
        if (v->in_body && v->seen == plan.body_bytes) {
            finish(v);
            return;
        }
    }
}

static struct viewer *free_viewer(void) {
    static int last;
    for (int i = 0; i < plan.connections; i++) {
        last = (last + 1) % plan.connections;
        if (!viewers[last].busy)
            return &viewers[last];
    }
    return NULL;
}

static void look_for_the_late(uint64_t at_ns) {
    for (int i = 0; i < plan.connections; i++)
        if (viewers[i].busy && at_ns - viewers[i].due_ns > plan.limit_ns)
            fail(&viewers[i], "late");
}

static int any_busy(void) {
    for (int i = 0; i < plan.connections; i++)
        if (viewers[i].busy)
            return 1;
    return 0;
}

/* Wait for bytes, or until `until_ns`. */
static void wait_until(uint64_t until_ns) {
    struct pollfd polled[MOST_CONNECTIONS];
    uint64_t at_ns = now_ns();
    uint64_t left_ns = until_ns > at_ns ? until_ns - at_ns : 0;
    struct timespec wait = {(time_t)(left_ns / 1000000000u), (long)(left_ns % 1000000000u)};
    for (int i = 0; i < plan.connections; i++)
        polled[i] = (struct pollfd){.fd = viewers[i].fd, .events = POLLIN};
    int ready = ppoll(polled, (nfds_t)plan.connections, &wait, NULL);
    require(ready >= 0 || errno == EINTR, "poll");
    for (int i = 0; ready > 0 && i < plan.connections; i++)
        if (polled[i].revents)
            receive(&viewers[i]);
}

static void watch(uint64_t lasting_ns) {
    uint64_t begun_ns = now_ns(), due_ns = begun_ns, at_ns;
    answered = errors = 0;
    while ((at_ns = now_ns()) < begun_ns + lasting_ns || any_busy()) {
        struct viewer *next;
        while (due_ns <= at_ns && due_ns < begun_ns + lasting_ns && (next = free_viewer())) {
            ask(next, due_ns);
            due_ns += plan.interval_ns;
        }
        look_for_the_late(at_ns);
        int waits_for_time = due_ns > at_ns && due_ns < begun_ns + lasting_ns;
        wait_until(waits_for_time ? due_ns : at_ns + 50000000u);
    }
}

static int by_size(const void *one, const void *other) {
    uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
    return (a > b) - (a < b);
}

static uint64_t percentile(size_t hundredths) {
    return answered ? latencies[(answered - 1) * hundredths / 100] : 0;
}

int main(int argc, char **argv) {
    if (argc != 7) {
        fputs("viewers: takes six arguments; they are explained in its source\n", stderr);
        return 1;
    }
    plan.port = (uint16_t)atoi(argv[1]);
    plan.connections = atoi(argv[2]);
    plan.interval_ns = 1000000000u / strtoull(argv[3], NULL, 10);
    plan.limit_ns = strtoull(argv[4], NULL, 10) * 1000000u;
    plan.request = argv[6];
    plan.request_bytes = strlen(argv[6]);
    require(plan.connections > 0 && plan.connections <= MOST_CONNECTIONS, "CONNECTIONS");
    read_body_file(argv[5]);
    for (int i = 0; i < plan.connections; i++)
        open_viewer(&viewers[i]);

    unsigned long long lasting_ms;
    while (scanf("%llu", &lasting_ms) == 1) {
        watch(lasting_ms * 1000000u);
        qsort(latencies, answered, sizeof *latencies, by_size);
        printf("%zu %zu %llu %llu %llu\n", answered + errors, errors,
               (unsigned long long)percentile(50), (unsigned long long)percentile(99),
               (unsigned long long)percentile(100));
        fflush(stdout);
    }
    return 0;
}

/* A bad network in user space: stands between nodes that talk over TCP, and delays, loses,
 * throttles, holds and cuts, each direction by itself.
 *
 *     byz-relay A-B:LISTEN:TARGET …
 *
 * takes what node A dials at 127.0.0.1 port LISTEN to port TARGET, where node B listens. Prints
 * "ready", then obeys lines on stdin, each answered with "ok" (or what is wrong with it):
 *
 *     delay A B MS [JITTER_MS]  what A says reaches B so much later
 *     loss A B PERMILLE         so many pieces are lost; TCP's sender repeats them after a time-out
 *                               that doubles, and what follows waits behind them
 *     rate A B BYTES_PER_S      0: as fast as it goes
 *     hold A B | flow A B       nothing arrives (A is not told) | what was held goes on
 *     cut A B | join A B        links between the two end at once and new ones are refused | not
 *     reset A B                 links between the two end at once; new ones are welcome
 *     bytes A B                 answers with the number of bytes that came through
 *
 * "*" stands for every node. Ends when stdin does. */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROUTES_MAX 128
#define NAME_BYTES 8
#define PIECE_BYTES 2048
#define HELD_BYTES_MAX (8u << 20) /* then A's socket is not read: TCP tells A */
#define REPEAT_SECONDS 0.2        /* Linux's smallest retransmission time-out */

/* What happens to one direction of a route. */
struct weather {
    double delay, jitter; /* seconds */
    double loss;          /* 0 to 1 */
    double rate;          /* bytes a second; 0: no limit */
    bool held;
    uint64_t bytes;
};

struct route {
    char a[NAME_BYTES], b[NAME_BYTES];
    uint16_t target;
    bool cut;
    struct weather forth, back;
    ev_io listener;
};

struct piece {
    STAILQ_ENTRY(piece) next;
    ev_tstamp due;
    size_t size, sent;
    uint8_t bytes[];
};

/* One direction of one connection. */
struct pipe_half {
    struct connection *connection;
    struct weather *weather;
    int from, to;
    STAILQ_HEAD(, piece) pieces;
    size_t held;
    ev_tstamp last_due;
    ev_tstamp line_free; /* what was written has passed, at the line's rate */
    bool ended;          /* `from` says no more */
    ev_io read, write;
    ev_timer wait;
};

struct connection {
    LIST_ENTRY(connection) all;
    struct route *route;
    int dialler, listener;
    struct pipe_half forth, back;
};

static struct ev_loop *loop;
static struct route routes[ROUTES_MAX];
static unsigned route_count;
static LIST_HEAD(, connection) connections = LIST_HEAD_INITIALIZER(connections);

static void set_nonblocking(int fd)
{
    int on = 1;
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* ---- the end of a connection ---- */

static void half_free(struct pipe_half *h)
{
    struct piece *piece;
    ev_io_stop(loop, &h->read);
    ev_io_stop(loop, &h->write);
    ev_timer_stop(loop, &h->wait);
    while ((piece = STAILQ_FIRST(&h->pieces))) {
        STAILQ_REMOVE_HEAD(&h->pieces, next);
        free(piece);
    }
}

static void connection_end(struct connection *c)
{
    static const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    int sockets[] = {c->dialler, c->listener};
    half_free(&c->forth);
    half_free(&c->back);
    LIST_REMOVE(c, all);
    for (unsigned i = 0; i < 2; i++) {
        (void)setsockopt(sockets[i], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(sockets[i]);
    }
    free(c);
}

/* ---- one direction ---- */

static ev_tstamp due_of(const struct pipe_half *h)
{
    const struct weather *w = h->weather;
    ev_tstamp due = ev_now(loop) + w->delay + w->jitter * drand48();
    for (double repeat = REPEAT_SECONDS; drand48() < w->loss; repeat *= 2)
        due += repeat;
    return due < h->last_due ? h->last_due : due; /* a stream keeps its order */
}

/* When the piece may go: a thin line takes one after the other. */
static ev_tstamp time_of(const struct pipe_half *h, const struct piece *piece)
{
    bool waits = h->weather->rate > 0 && h->line_free > piece->due;
    return waits ? h->line_free : piece->due;
}

/* False: the connection broke. */
static bool write_piece(struct pipe_half *h, struct piece *piece)
{
    while (piece->sent < piece->size) {
        ssize_t written = write(h->to, piece->bytes + piece->sent, piece->size - piece->sent);
        if (written < 0 && errno == EAGAIN) {
            ev_io_start(loop, &h->write);
            return true;
        }
        if (written <= 0)
            return false;
        piece->sent += (size_t)written;
    }
    STAILQ_REMOVE_HEAD(&h->pieces, next);
    h->held -= piece->size;
    h->weather->bytes += piece->size;
    if (h->weather->rate > 0)
        h->line_free = ev_now(loop) + (double)piece->size / h->weather->rate;
    free(piece);
    return true;
}

/* Writes what is due, and sees to what is not. */
static void pump(struct pipe_half *h)
{
    struct piece *piece;
    ev_io_stop(loop, &h->write);
    ev_timer_stop(loop, &h->wait);
    ev_now_update(loop);
    while (!h->weather->held && !ev_is_active(&h->write) && (piece = STAILQ_FIRST(&h->pieces))) {
        if (time_of(h, piece) > ev_now(loop)) {
            ev_timer_set(&h->wait, time_of(h, piece) - ev_now(loop), 0.);
            ev_timer_start(loop, &h->wait);
            break;
        }
        if (!write_piece(h, piece)) {
            connection_end(h->connection);
            return;
        }
    }
    if (h->ended && STAILQ_EMPTY(&h->pieces))
        shutdown(h->to, SHUT_WR);
    if (!h->ended && h->held < HELD_BYTES_MAX)
        ev_io_start(loop, &h->read);
    struct connection *c = h->connection;
    if (c->forth.ended && c->back.ended && STAILQ_EMPTY(&c->forth.pieces) &&
        STAILQ_EMPTY(&c->back.pieces))
        connection_end(c);
}

static void on_read(struct ev_loop *l, ev_io *io, int events)
{
    struct pipe_half *h = io->data;
    struct piece *piece = malloc(sizeof *piece + PIECE_BYTES);
    assert(piece);
    ssize_t got = read(h->from, piece->bytes, PIECE_BYTES);
    if (got <= 0)
        free(piece);
    if (got < 0 && errno != EAGAIN) {
        connection_end(h->connection);
        return;
    }
    if (got == 0)
        h->ended = true;
    if (got > 0) {
        piece->size = (size_t)got;
        piece->sent = 0;
        piece->due = h->last_due = due_of(h);
        h->held += piece->size;
        STAILQ_INSERT_TAIL(&h->pieces, piece, next);
    }
    if (h->ended || h->held >= HELD_BYTES_MAX)
        ev_io_stop(loop, &h->read);
    pump(h);
}

static void on_write(struct ev_loop *l, ev_io *io, int events)
{
    pump(io->data);
}

static void on_due(struct ev_loop *l, ev_timer *timer, int events)
{
    pump(timer->data);
}

static void half_start(
    struct pipe_half *h, struct connection *c, struct weather *weather, int from, int to)
{
    *h = (struct pipe_half){.connection = c, .weather = weather, .from = from, .to = to};
    STAILQ_INIT(&h->pieces);
    ev_io_init(&h->read, on_read, from, EV_READ);
    ev_io_init(&h->write, on_write, to, EV_WRITE);
    ev_timer_init(&h->wait, on_due, 0., 0.);
    h->read.data = h->write.data = h->wait.data = h;
    ev_io_start(loop, &h->read);
}

/* ---- new connections ---- */

static int dial(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address)) {
        close(fd); /* on loopback: refused at once, or connected at once */
        return -1;
    }
    return fd;
}

static void on_accept(struct ev_loop *l, ev_io *io, int events)
{
    struct route *route = io->data;
    int dialler = accept(io->fd, NULL, NULL);
    if (dialler < 0)
        return;
    int listener = route->cut ? -1 : dial(route->target);
    struct connection *c = listener < 0 ? NULL : calloc(1, sizeof *c);
    if (!c) {
        close(dialler);
        if (listener >= 0)
            close(listener);
        return;
    }
    set_nonblocking(dialler);
    set_nonblocking(listener);
    c->route = route;
    c->dialler = dialler;
    c->listener = listener;
    LIST_INSERT_HEAD(&connections, c, all);
    half_start(&c->forth, c, &route->forth, dialler, listener);
    half_start(&c->back, c, &route->back, listener, dialler);
}

static bool route_open(struct route *route, uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 128)) {
        perror("byz-relay");
        return false;
    }
    ev_io_init(&route->listener, on_accept, fd, EV_READ);
    route->listener.data = route;
    ev_io_start(loop, &route->listener);
    return true;
}

static bool route_add(const char *text)
{
    unsigned port, target;
    struct route *route = &routes[route_count];
    if (route_count == ROUTES_MAX ||
        sscanf(text, "%7[^-]-%7[^:]:%u:%u", route->a, route->b, &port, &target) != 4 || port == 0 ||
        port > UINT16_MAX || target == 0 || target > UINT16_MAX) {
        fprintf(stderr, "byz-relay: \"%s\" is not A-B:LISTEN:TARGET\n", text);
        return false;
    }
    route->target = (uint16_t)target;
    route_count++;
    return route_open(route, (uint16_t)port);
}

/* ---- commands ---- */

static bool is(const char *pattern, const char *name)
{
    return strcmp(pattern, "*") == 0 || strcmp(pattern, name) == 0;
}

static void end_connections(const struct route *route)
{
    struct connection *c, *next;
    for (c = LIST_FIRST(&connections); c; c = next) {
        next = LIST_NEXT(c, all);
        if (c->route == route)
            connection_end(c);
    }
}

static void pump_all(void)
{
    struct connection *c, *next;
    for (c = LIST_FIRST(&connections); c; c = next) {
        next = LIST_NEXT(c, all);
        ev_feed_event(loop, &c->forth.wait, EV_TIMER);
        ev_feed_event(loop, &c->back.wait, EV_TIMER);
    }
}

struct command {
    char verb[16], a[NAME_BYTES], b[NAME_BYTES];
    double value, more;
    uint64_t bytes; /* the answer */
};

static bool change_weather(struct command *c, struct weather *w)
{
    if (strcmp(c->verb, "delay") == 0) {
        w->delay = c->value / 1000;
        w->jitter = c->more / 1000;
    } else if (strcmp(c->verb, "loss") == 0) {
        w->loss = c->value / 1000;
    } else if (strcmp(c->verb, "rate") == 0) {
        w->rate = c->value;
    } else if (strcmp(c->verb, "hold") == 0 || strcmp(c->verb, "flow") == 0) {
        w->held = c->verb[0] == 'h';
    } else if (strcmp(c->verb, "bytes") == 0) {
        c->bytes += w->bytes;
    } else {
        return false;
    }
    return true;
}

static bool change_route(const struct command *c, struct route *route)
{
    if (strcmp(c->verb, "cut") == 0 || strcmp(c->verb, "join") == 0)
        route->cut = c->verb[0] == 'c';
    else if (strcmp(c->verb, "reset") != 0)
        return false;
    if (strcmp(c->verb, "join") != 0)
        end_connections(route);
    return true;
}

static void obey(const char *line)
{
    struct command c = {0};
    bool known = false;
    if (sscanf(line, "%15s %7s %7s %lf %lf", c.verb, c.a, c.b, &c.value, &c.more) < 3) {
        puts("a verb and two nodes are needed");
        return;
    }
    for (unsigned i = 0; i < route_count; i++) {
        struct route *r = &routes[i];
        bool forth = is(c.a, r->a) && is(c.b, r->b), back = is(c.a, r->b) && is(c.b, r->a);
        if (forth)
            known |= change_weather(&c, &r->forth);
        if (back)
            known |= change_weather(&c, &r->back);
        if (forth || back)
            known |= change_route(&c, r);
    }
    pump_all();
    if (!known)
        puts("no such verb, or no such nodes");
    else if (strcmp(c.verb, "bytes") == 0)
        printf("ok %" PRIu64 "\n", c.bytes);
    else
        puts("ok");
}

static void on_stdin(struct ev_loop *l, ev_io *io, int events)
{
    static char text[4096];
    static size_t size;
    ssize_t got = read(0, text + size, sizeof text - 1 - size);
    if (got <= 0) {
        ev_break(loop, EVBREAK_ALL);
        return;
    }
    size += (size_t)got;
    text[size] = '\0';
    char *line = text, *end;
    while ((end = strchr(line, '\n'))) {
        *end = '\0';
        obey(line);
        line = end + 1;
    }
    size = strlen(line);
    memmove(text, line, size);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    loop = ev_default_loop(EVFLAG_AUTO);
    for (int i = 1; i < argc; i++)
        if (!route_add(argv[i]))
            return 2;
    ev_io commands;
    ev_io_init(&commands, on_stdin, 0, EV_READ);
    ev_io_start(loop, &commands);
    puts("ready");
    fflush(stdout);
    ev_run(loop, 0);
    return 0;
}

#include "proxy/exec/backend.h"

#include "common/limits.h"
#include "proxy/log.h"

#include <assert.h>
#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define CONNECT_SECONDS_MAX 10.0
#define REASON_BYTES_MAX 512
/* The longest list, a sync behind each of its entries, and what stands around them. */
#define PENDING_MAX (2 * ENTRIES_MAX + 64)
/* PQgetResult returns NULL once behind each query; more in a row means that we lost our place. */
#define NULLS_MAX 3
/* Messages that stand before a query's first row: its description, at most. */
#define PREFACE_BYTES_MAX (1 << 20)

enum backend_state {
    BACKEND_INVALID = 0,
    BACKEND_CONNECTING,
    BACKEND_READY,
    BACKEND_DYING, /* the connection is closed; to be reported from the loop */
    BACKEND_DEAD,
};

struct pending {
    backend_answer *answer;
    void *context;
    unsigned tag;
    bool is_sync;
    bool row_by_row;
    bool answered; /* its last result came; only libpq's NULL is missing */
};

struct backend {
    struct ev_loop *loop;
    struct backend_owner owner;
    void *lent_context;
    void (*lost)(void *context, struct backend *backend, const char *reason);
    PGconn *conn;
    enum backend_state state;
    int pid;
    bool paused;
    bool flooded;
    unsigned nulls;
    size_t message_bytes_max;
    size_t unparsed; /* bytes read, at least, since libpq last made something of them */
    struct ev_io io;
    struct ev_timer timer; /* of connecting */
    struct ev_idle kick;   /* never started: only fed, to be called back from the loop */
    char reason[REASON_BYTES_MAX];

    struct pending *queue; /* a ring */
    unsigned first;
    unsigned count;
    unsigned capacity;
};

void backend_environment_clear(void)
{
    static const char *const names[] = {"PGOPTIONS", "PGDATESTYLE", "PGTZ", "PGGEQO",
        "PGCLIENTENCODING", "PGAPPNAME", "PGSERVICE", "PGSERVICEFILE"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unsetenv(names[i]);
}

/* ---- death ---- */

static void watch(struct backend *b, int events)
{
    int fd = PQsocket(b->conn);
    if (ev_is_active(&b->io) && b->io.fd == fd && (b->io.events & (EV_READ | EV_WRITE)) == events)
        return;
    ev_io_stop(b->loop, &b->io);
    if (fd < 0 || events == 0)
        return;
    ev_io_set(&b->io, fd, events);
    ev_io_start(b->loop, &b->io);
}

static void close_connection(struct backend *b)
{
    ev_io_stop(b->loop, &b->io);
    ev_timer_stop(b->loop, &b->timer);
    PQfinish(b->conn);
    b->conn = NULL;
}

static void die(struct backend *b, const char *reason)
{
    if (b->state == BACKEND_DYING || b->state == BACKEND_DEAD)
        return;
    snprintf(b->reason, sizeof b->reason, "%s", reason);
    b->reason[strcspn(b->reason, "\n")] = '\0'; /* libpq explains itself in several lines */
    b->state = BACKEND_DYING;
    b->count = 0;
    close_connection(b);
    ev_feed_event(b->loop, &b->kick, EV_CUSTOM);
}

static void report_death(struct backend *b)
{
    b->state = BACKEND_DEAD;
    void (*lost)(void *, struct backend *, const char *) = b->lost;
    b->lost = NULL;
    if (lost != NULL)
        lost(b->lent_context, b, b->reason);
    /* last: the owner frees the session */
    b->owner.dead(b->owner.context, b, b->reason);
}

/* ---- the queue of what is pending ---- */

static struct pending *head(struct backend *b)
{
    assert(b->count > 0);
    return &b->queue[b->first];
}

static bool queue_grow(struct backend *b)
{
    unsigned capacity = b->capacity == 0 ? 64 : b->capacity * 2;
    struct pending *queue = calloc(capacity, sizeof *queue);
    if (queue == NULL)
        return false;
    for (unsigned i = 0; i < b->count; i++)
        queue[i] = b->queue[(b->first + i) % b->capacity];
    free(b->queue);
    b->queue = queue;
    b->first = 0;
    b->capacity = capacity;
    return true;
}

/* libpq wants to be told just before a query's first result is read; a query that it skips because
 * of an earlier error has none. */
static void arm_head(struct backend *b)
{
    if (b->count > 0 && head(b)->row_by_row && PQsetSingleRowMode(b->conn) != 1 &&
        PQpipelineStatus(b->conn) != PQ_PIPELINE_ABORTED)
        die(b, "libpq refuses to hand out row by row");
}

static bool push(struct backend *b, struct pending pending)
{
    assert(b->count < PENDING_MAX);
    if (b->count == b->capacity && !queue_grow(b)) {
        die(b, "out of memory");
        return false;
    }
    b->queue[(b->first + b->count) % b->capacity] = pending;
    b->count++;
    if (b->count == 1)
        arm_head(b);
    return b->state == BACKEND_READY;
}

static void advance(struct backend *b)
{
    assert(b->count > 0);
    b->first = (b->first + 1) % b->capacity;
    b->count--;
}

static void pop(struct backend *b)
{
    advance(b);
    arm_head(b);
}

/* ---- reading ---- */

static void take_null(struct backend *b)
{
    if (head(b)->answered)
        pop(b);
    else if (++b->nulls > NULLS_MAX)
        die(b, "libpq ended a query that has no result");
}

static void take_result(struct backend *b, const PGresult *result)
{
    /* Where a query is sent while libpq skips others behind an error, it forgets the NULL. */
    if (head(b)->answered)
        advance(b);
    if (b->count == 0) {
        die(b, "PostgreSQL answered what nobody asked");
        return;
    }
    struct pending *pending = head(b);
    switch (PQresultStatus(result)) {
    case PGRES_PIPELINE_SYNC:
        if (!pending->is_sync)
            die(b, "libpq answered a query with a sync");
        else
            pop(b);
        return;
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH:
        die(b, "COPY cannot be answered in a pipeline");
        return;
    case PGRES_SINGLE_TUPLE:
        break;
    case PGRES_EMPTY_QUERY:
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_BAD_RESPONSE:
    case PGRES_NONFATAL_ERROR:
    case PGRES_FATAL_ERROR:
    case PGRES_PIPELINE_ABORTED:
        pending->answered = true;
        break;
    }
    if (pending->is_sync)
        die(b, "PostgreSQL answered what nobody asked");
    else if (pending->answer != NULL)
        pending->answer(pending->context, pending->tag, result);
}

static void take_one(struct backend *b)
{
    PGresult *result = PQgetResult(b->conn);
    b->unparsed = 0;
    if (PQstatus(b->conn) == CONNECTION_BAD) {
        /* what libpq then gives out is its own error, not PostgreSQL's answer */
        die(b, PQerrorMessage(b->conn));
    } else if (result == NULL) {
        take_null(b);
    } else {
        b->nulls = 0;
        take_result(b, result);
    }
    PQclear(result);
}

static void take_results(struct backend *b)
{
    while (b->state == BACKEND_READY && !b->paused && b->count > 0 && !PQisBusy(b->conn))
        take_one(b);
}

/* libpq keeps a message in memory until it is whole, and a row may be a gigabyte. It does not say
 * how much it has; what the kernel held before each read is a lower bound, so what this calls too
 * long is too long. */
static void check_flood(struct backend *b)
{
    if (b->unparsed > b->message_bytes_max + PREFACE_BYTES_MAX) {
        b->flooded = true;
        die(b, "PostgreSQL sent a message that is too long");
    }
}

static void count_waiting(struct backend *b)
{
    int waiting = 0;
    if (ioctl(PQsocket(b->conn), FIONREAD, &waiting) == 0 && waiting > 0)
        b->unparsed += (size_t)waiting;
}

/* check_flood may or may not notice a message that is little longer than it allows. So that all
 * replicas say the same, everything that it could notice is too long here, and here counts what is
 * not shown, too. */
size_t backend_message_size(const PGresult *result)
{
    char *text = PQresultVerboseErrorMessage(result, PQERRORS_VERBOSE, PQSHOW_CONTEXT_ALWAYS);
    size_t size = text == NULL ? SIZE_MAX : strlen(text);
    PQfreemem(text);
    return size;
}

static void on_notice(void *context, const PGresult *result)
{
    struct backend *b = context;
    b->unparsed = 0;
    if (backend_message_size(result) > b->message_bytes_max)
        b->flooded = true;
}

static void read_some(struct backend *b)
{
    count_waiting(b);
    if (PQconsumeInput(b->conn) == 0) {
        die(b, PQerrorMessage(b->conn));
        return;
    }
    take_results(b);
    if (b->state == BACKEND_READY && b->flooded)
        die(b, "PostgreSQL sent a notice that is too long");
    if (b->state == BACKEND_READY && !b->paused)
        check_flood(b);
}

/* ---- writing ---- */

static void flush_some(struct backend *b)
{
    if (b->state != BACKEND_READY)
        return;
    int left = PQflush(b->conn);
    if (left < 0)
        die(b, PQerrorMessage(b->conn));
    else
        watch(b, (b->paused ? 0 : EV_READ) | (left > 0 ? EV_WRITE : 0));
}

bool backend_query(struct backend *b, const struct backend_query *q)
{
    if (b->state != BACKEND_READY)
        return false;
    assert(q->parameter_count >= 0 && q->parameter_count <= PARAMETERS_MAX);
    if (PQsendQueryParams(
            b->conn, q->sql, q->parameter_count, q->types, q->values, NULL, NULL, 0) != 1) {
        die(b, PQerrorMessage(b->conn));
        return false;
    }
    return push(b, (struct pending){.answer = q->answer,
                       .context = q->context,
                       .tag = q->tag,
                       .row_by_row = q->row_by_row});
}

bool backend_sync(struct backend *b)
{
    if (b->state != BACKEND_READY)
        return false;
    if (PQpipelineSync(b->conn) != 1) {
        die(b, PQerrorMessage(b->conn));
        return false;
    }
    if (!push(b, (struct pending){.is_sync = true}))
        return false;
    flush_some(b);
    return b->state == BACKEND_READY;
}

bool backend_command(
    struct backend *b, const char *sql, backend_answer *answer, void *context, unsigned tag)
{
    struct backend_query query = {.sql = sql, .answer = answer, .context = context, .tag = tag};
    return backend_query(b, &query) && backend_sync(b);
}

/* ---- connecting ---- */

static void connected(struct backend *b)
{
    ev_timer_stop(b->loop, &b->timer);
    PQsetNoticeReceiver(b->conn, on_notice, b);
    if (PQsetnonblocking(b->conn, 1) != 0 || PQenterPipelineMode(b->conn) != 1) {
        die(b, PQerrorMessage(b->conn));
        return;
    }
    b->state = BACKEND_READY;
    b->pid = PQbackendPID(b->conn);
    watch(b, EV_READ);
    b->owner.ready(b->owner.context, b);
}

static void connect_some(struct backend *b)
{
    switch (PQconnectPoll(b->conn)) {
    case PGRES_POLLING_OK:
        connected(b);
        return;
    case PGRES_POLLING_READING:
        /* libpq may have changed to another socket with the same number */
        ev_io_stop(b->loop, &b->io);
        watch(b, EV_READ);
        return;
    case PGRES_POLLING_WRITING:
        ev_io_stop(b->loop, &b->io);
        watch(b, EV_WRITE);
        return;
    case PGRES_POLLING_FAILED:
    case PGRES_POLLING_ACTIVE:
        break;
    }
    die(b, PQerrorMessage(b->conn));
}

static void on_io(struct ev_loop *loop, struct ev_io *io, int events)
{
    struct backend *b = io->data;
    if (b->state == BACKEND_CONNECTING) {
        connect_some(b);
        return;
    }
    if ((events & EV_READ) != 0 && b->state == BACKEND_READY)
        read_some(b);
    flush_some(b);
}

static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    die(timer->data, "PostgreSQL did not answer the connection in time");
}

static void on_kick(struct ev_loop *loop, struct ev_idle *kick, int events)
{
    struct backend *b = kick->data;
    if (b->state == BACKEND_DYING) {
        report_death(b);
    } else if (b->state == BACKEND_READY) {
        take_results(b); /* what libpq had read before a pause */
        flush_some(b);
    }
}

/* The conninfo's keywords with ours in place of its own. */
static PGconn *start_connection(const struct backend_target *target)
{
    PQconninfoOption *options = PQconninfoParse(target->conninfo, NULL);
    if (options == NULL)
        return NULL;
    unsigned count = 0, room = 4;
    for (PQconninfoOption *o = options; o->keyword != NULL; o++)
        room++;
    const char **keywords = calloc(room, sizeof *keywords);
    const char **values = calloc(room, sizeof *values);
    PGconn *conn = NULL;
    if (keywords != NULL && values != NULL) {
        for (PQconninfoOption *o = options; o->keyword != NULL; o++) {
            if (o->val == NULL || strcmp(o->keyword, "application_name") == 0 ||
                strcmp(o->keyword, "options") == 0 ||
                (strcmp(o->keyword, "user") == 0 && target->user != NULL))
                continue;
            keywords[count] = o->keyword;
            values[count++] = o->val;
        }
        keywords[count] = "application_name";
        values[count++] = "byzproxy";
        keywords[count] = "user";
        values[count] = target->user;
        count += target->user != NULL;
        /* never the server's: a batch's flush must be one */
        keywords[count] = "options";
        values[count] =
            target->lazy_commit ? "-c synchronous_commit=off" : "-c synchronous_commit=on";
        conn = PQconnectStartParams(keywords, values, 0);
    }
    free(keywords);
    free(values);
    PQconninfoFree(options);
    return conn;
}

struct backend *backend_new(
    struct ev_loop *loop, const struct backend_target *target, const struct backend_owner *owner)
{
    struct backend *b = calloc(1, sizeof *b);
    if (b == NULL)
        return NULL;
    b->conn = start_connection(target);
    if (b->conn == NULL) {
        free(b);
        return NULL;
    }
    b->loop = loop;
    b->owner = *owner;
    b->state = BACKEND_CONNECTING;
    b->message_bytes_max = target->message_bytes_max;
    ev_init(&b->io, on_io);
    ev_timer_init(&b->timer, on_timer, CONNECT_SECONDS_MAX, 0.);
    ev_idle_init(&b->kick, on_kick);
    b->io.data = b->timer.data = b->kick.data = b;
    ev_timer_start(loop, &b->timer);
    if (PQstatus(b->conn) == CONNECTION_BAD)
        die(b, PQerrorMessage(b->conn));
    else
        watch(b, EV_WRITE);
    return b;
}

void backend_free(struct backend *b)
{
    if (b == NULL)
        return;
    if (b->conn != NULL)
        close_connection(b);
    ev_clear_pending(b->loop, &b->io);
    ev_clear_pending(b->loop, &b->timer);
    ev_clear_pending(b->loop, &b->kick);
    free(b->queue);
    free(b);
}

/* ---- the rest ---- */

void backend_lend(struct backend *b, void *context,
    void (*lost)(void *context, struct backend *backend, const char *reason))
{
    b->lent_context = context;
    b->lost = lost;
}

unsigned backend_pending(const struct backend *b)
{
    return b->count;
}

void backend_disown(struct backend *b)
{
    for (unsigned i = 0; i < b->count; i++)
        b->queue[(b->first + i) % b->capacity].answer = NULL;
}

void backend_pause(struct backend *b, bool paused)
{
    if (b->paused == paused)
        return;
    b->paused = paused;
    if (b->state == BACKEND_READY)
        ev_feed_event(b->loop, &b->kick, EV_CUSTOM);
}

void backend_kill(struct backend *b, const char *reason)
{
    die(b, reason);
}

bool backend_is_ready(const struct backend *b)
{
    return b->state == BACKEND_READY;
}

bool backend_flooded(const struct backend *b)
{
    return b->flooded;
}

int backend_pid(const struct backend *b)
{
    return b->pid;
}

#include "proxy/exec/speculate.h"

#include "proxy/exec/judge.h"
#include "proxy/exec/refusal.h"
#include "proxy/exec/send.h"
#include "proxy/exec/transcript.h"
#include "proxy/log.h"

#include <assert.h>
#include <ev.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 256
/* Operations of one transaction that wait for the one that runs. */
#define QUEUE_MAX 16
#define SESSION_WAIT_SECONDS_MAX 10.0
/* Between two cancels of a statement that does not stop. */
#define PRESS_SECONDS 0.5
#define PRESSES_MAX 3
/* While a client's link takes no more. */
#define FLUSH_SECONDS 0.005
#define FLUSH_SECONDS_MAX 30.0
#define FRAMES_BYTES_MAX (4 * FRAME_BODY_BYTES_MAX)

#define TEXT_LOST "rolled back in favour of an earlier commit; retry the transaction"

enum speculation_state {
    SPECULATION_INVALID = 0,
    SPECULATION_EMPTY,    /* no session: no operation came yet */
    SPECULATION_CLAIMING, /* an operation waits for a session or for the snapshot */
    SPECULATION_RUNNING,  /* a statement is with PostgreSQL, or its answer with the client */
    SPECULATION_IDLE,     /* in its transaction, nothing to do */
    SPECULATION_LOST,     /* what was executed is gone; the transaction must be tried again */
};

struct speculation {
    struct speculations *all;
    struct transaction transaction;
    enum speculation_state state;
    struct backend *session; /* from CLAIMING (once granted) to IDLE */
    struct pool_claim claim;
    struct operation_queue queue;
    struct waiting_operation *running;
    struct answer *answer;
    struct buffer frames; /* for the client, see answer.h */
    size_t frames_sent;
    double frames_since; /* the client's link refuses them since then; 0: it does not */
    bool owner_gone;
    bool answered; /* the running operation has its last result */
    bool preamble_failed;
    bool timed_out;   /* the running statement took too long, */
    unsigned presses; /* … and cancels were sent for it */
    struct transcript log;
    struct ev_timer timer; /* of waiting for a session, or of the statement */
    struct ev_timer flush;
    struct speculation *next;
};

struct speculations {
    struct speculations_parts parts;
    struct sender *sender;
    struct buffer scratch;
    bool held;
    unsigned count;
    struct speculation *buckets[BUCKETS];
};

static void start_next(struct speculation *s);

/* ---- finding ---- */

static unsigned bucket_of(struct transaction_id id)
{
    return (unsigned)((id.session ^ (id.number * 0x9e3779b97f4a7c15ull) ^ id.client) % BUCKETS);
}

static struct speculation *find(const struct speculations *all, struct transaction_id id)
{
    struct speculation *s = all->buckets[bucket_of(id)];
    while (s != NULL && !transaction_id_equal(s->transaction.id, id))
        s = s->next;
    return s;
}

static struct speculation *find_pid(const struct speculations *all, int pid)
{
    for (unsigned i = 0; i < BUCKETS; i++)
        for (struct speculation *s = all->buckets[i]; s != NULL; s = s->next)
            if (s->session != NULL && backend_pid(s->session) == pid)
                return s;
    return NULL;
}

/* ---- answering ---- */

/* Sends what the client's link takes. True: nothing is left. */
static bool flush_frames(struct speculation *s)
{
    const struct exec_ops *ops = s->all->parts.ops;
    while (s->frames_sent < s->frames.size && !s->owner_gone) {
        struct reader r =
            reader_of(slice_of(s->frames.data + s->frames_sent, s->frames.size - s->frames_sent));
        uint8_t type = get_u8(&r);
        struct slice body = get_bytes(&r, FRAME_BODY_BYTES_MAX);
        assert(!r.failed); /* our own encoding */
        if (!ops->result(ops->context, s->transaction.id.client, s->transaction.id.session,
                (enum message_type)type, body))
            return false;
        s->frames_sent = s->frames.size - reader_left(&r);
    }
    buffer_clear(&s->frames);
    s->frames_sent = 0;
    s->frames_since = 0;
    return true;
}

static void operation_done(struct speculation *s)
{
    operation_free(s->all->parts.budget, s->running);
    s->running = NULL;
    s->state = SPECULATION_IDLE;
    start_next(s);
}

/* Goes on with the answer, or waits until the client's link takes more; PostgreSQL waits too. */
static void push_answer(struct speculation *s)
{
    struct ev_loop *loop = s->all->parts.loop;
    if (s->frames.failed) {
        log_line(LEVEL_WARNING, "out of memory for a result; the client will not get it");
        s->owner_gone = true;
    }
    if (!flush_frames(s)) {
        if (s->frames_since == 0)
            s->frames_since = ev_now(loop);
        if (ev_now(loop) - s->frames_since > FLUSH_SECONDS_MAX)
            s->owner_gone = true; /* and the next time everything is dropped */
        backend_pause(s->session, true);
        ev_timer_set(&s->flush, FLUSH_SECONDS, 0.);
        ev_timer_start(loop, &s->flush);
        return;
    }
    backend_pause(s->session, false);
    if (s->answered && s->state == SPECULATION_RUNNING)
        operation_done(s);
}

static void on_flush(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    push_answer(timer->data);
}

static void refuse(struct speculations *all, unsigned client, struct result_key key,
    const char sqlstate[static 5], const char *text)
{
    refusal_send(all->parts.ops, client, key, sqlstate, text);
}

static void refuse_waiting(struct speculation *s, const char sqlstate[static 5], const char *text)
{
    struct operation_budget *budget = s->all->parts.budget;
    while (s->queue.first != NULL) {
        struct waiting_operation *w = operations_remove(&s->queue, &s->queue.first);
        refuse(s->all, w->client, w->key, sqlstate, text);
        operation_free(budget, w);
    }
}

/* ---- ending ---- */

static void drop_answer(struct speculation *s)
{
    ev_timer_stop(s->all->parts.loop, &s->flush);
    buffer_clear(&s->frames);
    s->frames_sent = 0;
    s->frames_since = 0;
}

/* What was executed is gone; says so to everybody who waits, now and later. */
static void lose(struct speculation *s, const char sqlstate[static 5], const char *text)
{
    struct speculations *all = s->all;
    ev_timer_stop(all->parts.loop, &s->timer);
    pool_unclaim(all->parts.pool, &s->claim);
    drop_answer(s);
    s->session = NULL;
    s->state = SPECULATION_LOST;
    if (s->running != NULL)
        refuse(all, s->running->client, s->running->key, sqlstate, text);
    operation_free(all->parts.budget, s->running);
    s->running = NULL;
    refuse_waiting(s, SQLSTATE_CONFLICT, TEXT_LOST);
}

static void give_session_up(struct speculation *s)
{
    struct backend *session = s->session;
    s->session = NULL;
    if (session == NULL)
        return;
    if (s->state == SPECULATION_CLAIMING) /* granted, but nothing was sent yet */
        pool_return(s->all->parts.pool, session);
    else
        abandon_session(s->all->parts.abandon, session);
}

static void on_lost(void *context, struct backend *session, const char *reason)
{
    struct speculation *s = context;
    bool flooded = backend_flooded(session);
    log_line(LEVEL_LOG, "a speculative session ended: %s", reason);
    lose(s, flooded ? SQLSTATE_TOO_LARGE : SQLSTATE_CONFLICT,
        flooded ? "the result is too large" : "the coordinator lost its session; retry");
}

static void remove_speculation(struct speculation *s)
{
    struct speculations *all = s->all;
    for (struct speculation **at = &all->buckets[bucket_of(s->transaction.id)]; *at != NULL;
         at = &(*at)->next) {
        if (*at == s) {
            *at = s->next;
            break;
        }
    }
    all->count--;
    pool_unclaim(all->parts.pool, &s->claim);
    ev_timer_stop(all->parts.loop, &s->timer);
    ev_timer_stop(all->parts.loop, &s->flush);
    while (s->queue.first != NULL)
        operation_free(all->parts.budget, operations_remove(&s->queue, &s->queue.first));
    operation_free(all->parts.budget, s->running);
    transcript_free(&s->log);
    answer_free(s->answer);
    buffer_free(&s->frames);
    free(s);
}

/* ---- running ---- */

static void set_timer(struct speculation *s, double seconds)
{
    ev_timer_stop(s->all->parts.loop, &s->timer);
    ev_timer_set(&s->timer, seconds, 0.);
    ev_timer_start(s->all->parts.loop, &s->timer);
}

/* Stops the running statement: by cancelling, and when that does not help by ending the session. */
static void press(struct speculation *s)
{
    struct admin *admin = s->all->parts.admin;
    int pid = backend_pid(s->session);
    if (s->presses < PRESSES_MAX) {
        s->presses++;
        admin_cancel(admin, pid);
        set_timer(s, PRESS_SECONDS);
        return;
    }
    struct backend *session = s->session;
    admin_terminate(admin, pid);
    backend_lend(session, NULL, NULL);
    backend_kill(session, "a statement did not stop");
    lose(s, "57014", "the statement did not end in time, nor when it was cancelled");
}

static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct speculation *s = timer->data;
    if (s->state == SPECULATION_RUNNING && !s->answered) {
        s->timed_out = true;
        press(s);
    } else if (s->state == SPECULATION_CLAIMING) {
        give_session_up(s);
        pool_unclaim(s->all->parts.pool, &s->claim);
        s->state = SPECULATION_EMPTY;
        refuse_waiting(s, "53300", "all sessions of the coordinator are busy");
    }
}

static void note_answer(struct speculation *s)
{
    if (!transcript_add(&s->log, &s->running->statement, answer_end(s->answer), &s->all->scratch)) {
        /* an operation that is not in the log would make the log lie */
        struct backend *session = s->session;
        lose(s, SQLSTATE_CONFLICT, "out of memory");
        abandon_session(s->all->parts.abandon, session);
        return;
    }
    ev_timer_stop(s->all->parts.loop, &s->timer);
    s->answered = true;
    push_answer(s);
}

/* It caught the cancel, and came to a result all the same. In the list it would hold up the order
 * on every replica for as long as it took here, and longer. */
static void lose_overdue(struct speculation *s)
{
    struct backend *session = s->session;
    lose(s, "57014", "the statement did not end in time");
    abandon_session(s->all->parts.abandon, session);
}

static void on_result(void *context, unsigned tag, const PGresult *result)
{
    struct speculation *s = context;
    if (PQresultStatus(result) == PGRES_PIPELINE_ABORTED || s->preamble_failed) {
        struct backend *session = s->session;
        lose(s, SQLSTATE_CONFLICT, "the coordinator lost the transaction's snapshot; retry");
        abandon_session(s->all->parts.abandon, session);
        return;
    }
    bool too_large = answer_is_too_large(s->answer);
    if (answer_take(s->answer, result)) {
        if (s->timed_out && !answer_end(s->answer)->failed)
            lose_overdue(s);
        else
            note_answer(s);
        return;
    }
    if (!too_large && answer_is_too_large(s->answer))
        press(s); /* what still comes is read and dropped */
    push_answer(s);
}

static void on_preamble(void *context, unsigned tag, const PGresult *result)
{
    struct speculation *s = context;
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        return;
    log_line(LEVEL_WARNING, "a snapshot could not be adopted: %s", PQresultErrorMessage(result));
    s->preamble_failed = true;
}

static void send_own(struct speculation *s, const char *sql)
{
    struct backend_query query = {.sql = sql, .answer = on_preamble, .context = s};
    (void)backend_query(s->session, &query);
}

static void send_preamble(struct speculation *s)
{
    char adopt[128];
    snprintf(adopt, sizeof adopt, "SET TRANSACTION SNAPSHOT '%s'",
        snapshots_name(s->all->parts.snapshots, s->transaction.epoch));
    send_own(s, "BEGIN ISOLATION LEVEL REPEATABLE READ");
    send_own(s, adopt);
    (void)sender_start(s->session, &s->transaction, s->all->parts.config, false, on_preamble, s, 0);
    send_own(s, "SAVEPOINT byz_init");
}

static void send_operation(struct speculation *s)
{
    s->running = operations_remove(&s->queue, &s->queue.first);
    s->state = SPECULATION_RUNNING;
    s->answered = false;
    s->presses = 0;
    s->timed_out = false;
    answer_start(s->answer, s->running->key, s->running->statement.text);
    set_timer(s, s->all->parts.config->statement_timeout_ms / 1000.0);
    (void)sender_statement(s->all->sender, s->session, &s->running->statement, on_result, s, 0);
    (void)backend_sync(s->session);
}

/* The snapshot is there, the session too. */
static void begin(struct speculation *s)
{
    switch (snapshots_state(s->all->parts.snapshots, s->transaction.epoch)) {
    case SNAPSHOT_PENDING:
        return; /* speculations_snapshots_changed comes back */
    case SNAPSHOT_LOST:
        give_session_up(s);
        lose(s, SQLSTATE_CONFLICT, "the coordinator lost the transaction's snapshot; retry");
        return;
    case SNAPSHOT_READY:
        break;
    }
    s->preamble_failed = false;
    send_preamble(s);
    send_operation(s);
}

static void on_granted(void *context, struct backend *session)
{
    struct speculation *s = context;
    assert(s->state == SPECULATION_CLAIMING);
    s->session = session;
    backend_lend(session, s, on_lost);
    if (!s->all->held)
        begin(s);
}

/* A cancel that came too late would hit the next statement: lets it hit an empty one. */
static void on_washed(void *context, unsigned tag, const PGresult *result)
{
    start_next(context);
}

static void start_next(struct speculation *s)
{
    struct speculations *all = s->all;
    if (s->queue.first == NULL || all->held)
        return;
    if (s->state == SPECULATION_EMPTY) {
        s->state = SPECULATION_CLAIMING;
        double seconds = all->parts.config->statement_timeout_ms / 1000.0;
        set_timer(s, seconds < SESSION_WAIT_SECONDS_MAX ? seconds : SESSION_WAIT_SECONDS_MAX);
        pool_claim(all->parts.pool, &s->claim);
    } else if (s->state == SPECULATION_CLAIMING && s->session != NULL) {
        begin(s);
    } else if (s->state == SPECULATION_IDLE) {
        if (admin_is_cancelling(all->parts.admin, backend_pid(s->session)))
            (void)backend_command(s->session, "", on_washed, s, 0);
        else
            send_operation(s);
    }
}

/* ---- calls ---- */

static struct speculation *add(struct speculations *all, const struct transaction *t)
{
    struct speculation *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    buffer_init(&s->frames, FRAMES_BYTES_MAX);
    const struct config *config = all->parts.config;
    struct answer_limits limits = {
        .bytes_max = config->result_bytes_max, .rows_max = RESULT_ROWS_MAX};
    s->answer = answer_new(&limits, &s->frames);
    if (s->answer == NULL) {
        free(s);
        return NULL;
    }
    s->all = all;
    s->transaction = *t;
    s->state = SPECULATION_EMPTY;
    s->claim = (struct pool_claim){.use = POOL_SPECULATION, .context = s, .granted = on_granted};
    operations_init(&s->queue);
    transcript_init(&s->log);
    ev_init(&s->timer, on_timer);
    ev_init(&s->flush, on_flush);
    s->timer.data = s->flush.data = s;
    struct speculation **bucket = &all->buckets[bucket_of(t->id)];
    s->next = *bucket;
    *bucket = s;
    all->count++;
    return s;
}

static uint32_t next_index(const struct speculation *s)
{
    /* what was answered is in the log, even while its answer is on its way */
    bool unlogged = s->running != NULL && !s->answered;
    return s->log.count + (unlogged ? 1 : 0) + s->queue.count;
}

void speculations_operation(struct speculations *all, const struct transaction *t, unsigned client,
    const struct operation *operation)
{
    struct result_key key = {operation->session, operation->transaction, operation->index};
    struct speculation *s = find(all, t->id);
    if (s == NULL)
        s = add(all, t);
    if (s == NULL) {
        refuse(all, client, key, "53200", "out of memory");
        return;
    }
    s->owner_gone = false;
    if (s->state == SPECULATION_LOST)
        refuse(all, client, key, SQLSTATE_CONFLICT, TEXT_LOST);
    else if (operation->index >= all->parts.config->operations_max)
        refuse(all, client, key, "54000", "too many operations in one transaction");
    else if (operation->index != next_index(s))
        refuse(all, client, key, "55000", "not the transaction's next operation");
    else if (s->queue.count >= QUEUE_MAX ||
             operations_push(&s->queue, all->parts.budget, client, operation) == NULL)
        refuse(all, client, key, "53300", "too many operations are waiting");
    else
        start_next(s);
}

void speculations_cancel(struct speculations *all, struct transaction_id id)
{
    struct speculation *s = find(all, id);
    if (s == NULL)
        return;
    give_session_up(s);
    remove_speculation(s);
}

void speculations_end(struct speculations *all, struct transaction_id id)
{
    struct speculation *s = find(all, id);
    if (s == NULL)
        return;
    if (s->running != NULL && !s->answered)
        refuse(all, s->running->client, s->running->key, "25P01", "the transaction has ended");
    refuse_waiting(s, "25P01", "the transaction has ended");
    give_session_up(s);
    remove_speculation(s);
}

void speculations_client_gone(struct speculations *all, unsigned client, uint64_t session)
{
    for (unsigned i = 0; i < BUCKETS; i++) {
        for (struct speculation *s = all->buckets[i]; s != NULL; s = s->next) {
            if (s->transaction.id.client != client || s->transaction.id.session != session)
                continue;
            s->owner_gone = true;
            while (s->queue.first != NULL)
                operation_free(all->parts.budget, operations_remove(&s->queue, &s->queue.first));
        }
    }
}

struct backend *speculations_hand_over(struct speculations *all, struct transaction_id id,
    struct slice entries, uint32_t entry_count, bool *ret_equal)
{
    struct speculation *s = find(all, id);
    /* a cancel on its way would meet the list */
    if (s == NULL || s->state != SPECULATION_IDLE ||
        admin_is_cancelling(all->parts.admin, backend_pid(s->session))) {
        speculations_end(all, id);
        return NULL;
    }
    *ret_equal = transcript_equals(&s->log, entries, entry_count, &all->scratch);
    struct backend *session = s->session;
    s->session = NULL;
    backend_disown(session);
    backend_lend(session, NULL, NULL);
    speculations_end(all, id);
    return session;
}

bool speculations_take_back(struct speculations *all, int pid)
{
    struct speculation *s = find_pid(all, pid);
    if (s == NULL)
        return false;
    give_session_up(s);
    lose(s, SQLSTATE_CONFLICT, TEXT_LOST);
    return true;
}

static void start_all(struct speculations *all)
{
    for (unsigned i = 0; i < BUCKETS; i++) {
        struct speculation *next;
        for (struct speculation *s = all->buckets[i]; s != NULL; s = next) {
            next = s->next;
            start_next(s);
        }
    }
}

void speculations_hold(struct speculations *all, bool held)
{
    if (all->held == held)
        return;
    all->held = held;
    if (!held)
        start_all(all);
}

void speculations_snapshots_changed(struct speculations *all)
{
    start_all(all);
}

unsigned speculations_count(const struct speculations *all)
{
    return all->count;
}

struct speculations *speculations_new(const struct speculations_parts *parts)
{
    struct speculations *all = calloc(1, sizeof *all);
    if (all == NULL)
        return NULL;
    all->parts = *parts;
    buffer_init(&all->scratch, 2 * REQUEST_BODY_BYTES_MAX);
    all->sender = sender_new();
    if (all->sender == NULL) {
        free(all);
        return NULL;
    }
    return all;
}

void speculations_free(struct speculations *all)
{
    if (all == NULL)
        return;
    for (unsigned i = 0; i < BUCKETS; i++)
        while (all->buckets[i] != NULL)
            remove_speculation(all->buckets[i]);
    sender_free(all->sender);
    buffer_free(&all->scratch);
    free(all);
}

static const char *state_word(enum speculation_state state)
{
    switch (state) {
    case SPECULATION_INVALID:
        break;
    case SPECULATION_EMPTY:
        return "empty";
    case SPECULATION_CLAIMING:
        return "waiting";
    case SPECULATION_RUNNING:
        return "running";
    case SPECULATION_IDLE:
        return "idle";
    case SPECULATION_LOST:
        return "lost";
    }
    return "?";
}

static const char *doing(const struct speculation *s)
{
    bool held = s->all->held && s->queue.first != NULL;
    switch (s->state) {
    case SPECULATION_INVALID:
        break;
    case SPECULATION_EMPTY:
        return held ? "the order, which waits for a lock" : "its client";
    case SPECULATION_CLAIMING:
        if (s->session == NULL)
            return "a free session of this replica";
        return held ? "the order, which waits for a lock" : "its snapshot";
    case SPECULATION_RUNNING:
        return s->answered ? "its client, to take the result" : "its statement";
    case SPECULATION_IDLE:
        return held ? "the order, which waits for a lock"
                    : "its client: the next statement, or the end";
    case SPECULATION_LOST:
        return "its client, who must try again";
    }
    assert(!"a state of a speculation");
    return "";
}

bool speculations_info(
    const struct speculations *all, struct transaction_id id, struct speculation_info *ret)
{
    const struct speculation *s = find(all, id);
    if (s == NULL)
        return false;
    *ret = (struct speculation_info){.operations = s->log.count,
        .pid = s->session != NULL ? backend_pid(s->session) : 0,
        .running = s->state == SPECULATION_RUNNING && !s->answered,
        .doing = doing(s)};
    return true;
}

void speculations_status(const struct speculations *all, struct buffer *b)
{
    for (unsigned i = 0; i < BUCKETS; i++) {
        for (const struct speculation *s = all->buckets[i]; s != NULL; s = s->next) {
            char line[160];
            int size = snprintf(line, sizeof line,
                "speculation=client %u session %" PRIx64 " transaction %" PRIu64 " epoch %" PRIu64
                " operations %" PRIu32 " %s\n",
                s->transaction.id.client, s->transaction.id.session, s->transaction.id.number,
                s->transaction.epoch, s->log.count, state_word(s->state));
            put_raw(b, line, (size_t)size);
        }
    }
}

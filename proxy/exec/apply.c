#include "proxy/exec/apply.h"

#include "proxy/exec/batch.h"
#include "proxy/exec/judge.h"
#include "proxy/exec/transaction_seed.h"
#include "proxy/log.h"

#include <assert.h>
#include <ev.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEDGER_BYTES_MAX (64 << 20)
#define REASON_BYTES_MAX 256

/* The commits of one batch are one flush: a record that is flushed carries all before it. */
#define FLUSH_SQL "SELECT pg_catalog.pg_logical_emit_message(true, 'byzantium', '')"
/* By sequence numbers alone, so that the table is equal on all replicas; the latest place stays. */
#define PRUNE_SQL                                                                                  \
    "DELETE FROM byzantium.applied WHERE seq < $1"                                                 \
    " AND epoch < (SELECT max(epoch) FROM byzantium.applied)"
#define APPLIED_OF_BATCH_SQL "SELECT index, barrier FROM byzantium.applied WHERE seq = $1"

enum apply_state {
    APPLY_INVALID = 0,
    APPLY_NONE,     /* between batches */
    APPLY_LOADING,  /* asks PostgreSQL what it has of a batch that it has seen before */
    APPLY_ORDERS,   /* commits and rollbacks, one after another */
    APPLY_WAITING,  /* … one of them is being executed */
    APPLY_PRUNING,  /* byzantium.applied, at a checkpoint */
    APPLY_FLUSHING, /* makes the batch's last commits durable */
};

struct apply {
    struct apply_parts parts;
    struct apply_events events;
    struct ordered *ordered;
    enum apply_state state;
    bool open;
    bool stopped;
    bool replaying;               /* the log may hold outcomes of batches to come */
    bool dirty;                   /* something was committed that is not flushed */
    struct applied_place applied; /* as PostgreSQL said when it was opened */
    struct batch_copy *first;     /* the one being applied */
    struct batch_copy **last;
    unsigned waiting; /* batches */
    unsigned index;   /* of the request being applied */
    /* the request that ran when PostgreSQL died; crashed_seq 0: none */
    uint64_t crashed_seq;
    unsigned crashed_index;
    struct buffer undo; /* the ledger before the batch */
    struct buffer scratch;
    struct ev_idle kick; /* only fed */
    struct apply_counters counters;
    struct epoch_answer agreed; /* the ledger's epochs after the last whole batch */
};

static void step(struct apply *a);

void apply_wake(struct apply *a)
{
    ev_feed_event(a->parts.loop, &a->kick, EV_CUSTOM);
}

static void stop(struct apply *a, const char *reason)
{
    a->stopped = true;
    a->state = APPLY_NONE;
    a->events.stopped(a->events.context, reason);
}

/* ---- transactions end ---- */

static struct transaction_id id_of(const struct batch_request *r)
{
    return (struct transaction_id){
        .client = r->request.client,
        .session = r->request.session,
        .number = r->order.kind == ORDER_BEGIN ? r->request.number : r->order.transaction,
    };
}

static void end_transaction(struct apply *a, struct batch_request *r, struct outcome outcome)
{
    struct transaction t = *ledger_find(a->parts.ledger, id_of(r));
    r->outcome = ledger_end(a->parts.ledger, t.id, outcome);
    ballot_settle(a->parts.ballot, a->index, &r->outcome);
    speculations_end(a->parts.speculations, t.id);
    snapshots_release(a->parts.snapshots, t.epoch);
    if (r->outcome.kind == OUTCOME_COMMITTED)
        a->counters.committed++;
    else if (r->outcome.kind == OUTCOME_ABORTED)
        a->counters.aborted++;
}

static void on_expired(void *context, const struct transaction *t)
{
    struct apply *a = context;
    speculations_end(a->parts.speculations, t->id);
    snapshots_release(a->parts.snapshots, t->epoch);
    log_line(LEVEL_LOG, "transaction %" PRIu64 " of client %u timed out and is rolled back",
        t->id.number, t->id.client);
}

/* ---- commits and rollbacks ---- */

/* Is this place in the order one that PostgreSQL had reached when it was opened? */
static bool is_passed(const struct apply *a)
{
    uint64_t seq = a->first->seq;
    return seq < a->applied.seq || (seq == a->applied.seq && a->index <= a->applied.index);
}

/* The outcome that is fixed by order and content alone; OUTCOME_INVALID: it must be executed. */
static struct outcome outcome_by_order(const struct apply *a, const struct batch_request *r)
{
    if (r->malformed != NULL)
        return judge_make(OUTCOME_REFUSED, VERDICT_NONE, "22023", 0);
    const struct transaction *t = ledger_find(a->parts.ledger, id_of(r));
    if (t == NULL)
        return judge_make(OUTCOME_REFUSED, VERDICT_NONE, "25P01", 0);
    if (r->order.kind == ORDER_ROLLBACK && r->order.entry_count == 0)
        return judge_make(OUTCOME_ROLLED_BACK, VERDICT_NONE, SQLSTATE_SUCCESS, 0);
    if (ledger_barred(a->parts.ledger, t))
        return judge_make(OUTCOME_ABORTED, VERDICT_NONE, SQLSTATE_CONFLICT, 0);
    if (r->order.entry_count > a->parts.config->operations_max)
        return judge_make(OUTCOME_ABORTED, VERDICT_NONE, SQLSTATE_TOO_LARGE, 0);
    return (struct outcome){0};
}

/* The outcome that this replica remembers, in its log or in PostgreSQL; OUTCOME_INVALID: none. */
static struct outcome outcome_by_memory(const struct batch_request *r)
{
    if (r->recorded.kind == OUTCOME_COMMITTED || r->recorded.kind == OUTCOME_ROLLED_BACK ||
        r->recorded.kind == OUTCOME_ABORTED)
        return r->recorded;
    if (!r->applied)
        return (struct outcome){0};
    struct outcome committed = judge_make(OUTCOME_COMMITTED,
        r->order.entry_count > 0 ? VERDICT_CONFIRMED : VERDICT_NONE, SQLSTATE_SUCCESS, 0);
    committed.barrier = r->applied_barrier;
    return committed;
}

static void execute(struct apply *a, const struct batch_request *r)
{
    char reason[REASON_BYTES_MAX];
    uint64_t epoch = ledger_epoch(a->parts.ledger);
    bool passed = is_passed(a);
    if (!passed && a->counters.database_epoch != epoch) {
        snprintf(reason, sizeof reason,
            "PostgreSQL is at epoch %" PRIu64 " where the agreed order is at %" PRIu64
            ": it lost commits, or it was changed behind the proxy's back",
            a->counters.database_epoch, epoch);
        stop(a, reason);
        return;
    }
    struct ordered_job job = {
        .seq = a->first->seq,
        .index = a->index,
        .transaction = *ledger_find(a->parts.ledger, id_of(r)),
        .order = r->order,
        .epoch = epoch + 1,
        .flush = !batch_copy_more_commits(a->first, a->index),
        .passed = passed,
        .must_not_run = a->crashed_seq == a->first->seq && a->crashed_index == a->index,
    };
    a->state = APPLY_WAITING;
    ordered_start(a->ordered, &job);
}

static void on_over(void *context, const struct outcome *outcome)
{
    struct apply *a = context;
    assert(a->state == APPLY_WAITING);
    struct batch_request *r = &a->first->requests[a->index];
    bool passed = is_passed(a);
    end_transaction(a, r, *outcome);
    if (r->outcome.kind == OUTCOME_COMMITTED && !passed) {
        a->counters.database_epoch = r->outcome.epoch;
        a->dirty = batch_copy_more_commits(a->first, a->index);
    }
    a->index++;
    a->state = APPLY_ORDERS;
    apply_wake(a);
}

static void on_impossible(void *context, const char *reason)
{
    stop(context, reason);
}

static void on_doubtful(void *context, const char *reason)
{
    struct apply *a = context;
    a->events.doubtful(a->events.context, reason);
}

/* Puts one outcome down that needs no execution. False: what we remember contradicts itself. */
static bool take_known(struct apply *a, struct batch_request *r, struct outcome outcome)
{
    if (outcome.kind == OUTCOME_REFUSED) {
        r->outcome = outcome;
        return true;
    }
    end_transaction(a, r, outcome);
    if (r->outcome.kind != OUTCOME_COMMITTED)
        return true;
    if (r->outcome.epoch > a->counters.database_epoch) {
        stop(a, "PostgreSQL lost commits that were acknowledged");
        return false;
    }
    if (outcome.epoch != 0 && outcome.epoch != r->outcome.epoch) {
        stop(a, "the log's outcomes are not those of this order");
        return false;
    }
    /* PostgreSQL may have it in memory alone, if it was the connection that broke */
    a->dirty = true;
    return true;
}

/* Applies requests until one has to be waited for. True: all are over. */
static bool apply_orders(struct apply *a)
{
    for (; a->index < a->first->count; a->index++) {
        struct batch_request *r = &a->first->requests[a->index];
        if (r->skip || (r->malformed == NULL && r->order.kind == ORDER_BEGIN))
            continue;
        struct outcome outcome = outcome_by_order(a, r);
        if (outcome.kind == OUTCOME_INVALID)
            outcome = outcome_by_memory(r);
        if (outcome.kind == OUTCOME_INVALID) {
            execute(a, r);
            return false;
        }
        if (!take_known(a, r, outcome))
            return false;
    }
    return true;
}

/* ---- the rest of a batch ---- */

/* A new epoch's snapshot, or one that was lost and can still be taken. */
static void export_current(struct apply *a)
{
    const struct ledger *ledger = a->parts.ledger;
    uint64_t epoch = ledger_epoch(ledger);
    unsigned count = ledger_open_count(ledger);
    if (a->open && count > 0 && ledger_at(ledger, count - 1)->epoch == epoch &&
        a->counters.database_epoch == epoch)
        snapshots_export(a->parts.snapshots, epoch);
}

static void give_seed(struct apply *a, struct transaction_id id)
{
    uint8_t seed[DIGEST_BYTES];
    transaction_seed(a->first->seed, ledger_find(a->parts.ledger, id), seed);
    ledger_give_seed(a->parts.ledger, id, seed);
}

static void apply_begins(struct apply *a)
{
    for (unsigned i = 0; i < a->first->count; i++) {
        struct batch_request *r = &a->first->requests[i];
        if (r->skip || r->malformed != NULL || r->order.kind != ORDER_BEGIN)
            continue;
        r->outcome = ledger_begin(
            a->parts.ledger, id_of(r), r->order.coordinator, a->first->seq, a->first->timestamp_us);
        if (r->outcome.kind != OUTCOME_BEGUN)
            continue;
        give_seed(a, id_of(r));
        snapshots_hold(a->parts.snapshots, r->outcome.epoch);
    }
}

static void release_held(struct apply *a, const struct batch_copy *batch)
{
    for (unsigned i = 0; i < batch->count; i++) {
        const struct batch_request *r = &batch->requests[i];
        if (r->outcome.kind != OUTCOME_BEGUN)
            continue;
        const struct transaction *t = ledger_find(a->parts.ledger, id_of(r));
        if (t == NULL)
            continue;
        struct transaction copy = *t;
        held_release(a->parts.held, &copy);
    }
}

static void note_agreed(struct apply *a)
{
    a->agreed = (struct epoch_answer){
        .epoch = ledger_epoch(a->parts.ledger),
        .barrier_epoch = ledger_barrier_epoch(a->parts.ledger),
    };
}

static void complete(struct apply *a)
{
    struct batch_copy *batch = a->first;
    a->first = batch->next;
    if (a->first == NULL)
        a->last = &a->first;
    a->waiting--;
    a->state = APPLY_NONE;
    a->counters.executed = batch->seq;
    note_agreed(a);
    ballot_close(a->parts.ballot, batch->seq);

    struct slice results[BATCH_REQUESTS_MAX];
    struct buffer state = BUFFER_INIT(LEDGER_BYTES_MAX);
    buffer_clear(&a->scratch);
    batch_copy_results(batch, &a->scratch, results);
    if (batch->checkpoint)
        ledger_encode(a->parts.ledger, &state);
    if (a->scratch.failed || state.failed) {
        stop(a, "out of memory");
    } else {
        a->parts.ops->executed(a->parts.ops->context, batch->seq, results, batch->count,
            buffer_slice(&state), ledger_open_count(a->parts.ledger));
        release_held(a, batch);
    }
    buffer_free(&state);
    batch_copy_free(batch);
    apply_wake(a);
}

static void on_flushed(void *context, unsigned tag, const PGresult *result)
{
    struct apply *a = context;
    if (a->state != APPLY_FLUSHING)
        return;
    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
        a->events.doubtful(a->events.context, PQresultErrorMessage(result));
        return;
    }
    a->dirty = false;
    complete(a);
}

static void flush(struct apply *a)
{
    if (!a->dirty) {
        complete(a);
        return;
    }
    a->state = APPLY_FLUSHING;
    /* if it cannot be asked, the administration session is dying, and all starts again */
    (void)admin_query(a->parts.admin, FLUSH_SQL, 0, NULL, on_flushed, a);
}

static void on_pruned(void *context, unsigned tag, const PGresult *result)
{
    struct apply *a = context;
    if (a->state != APPLY_PRUNING)
        return;
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        log_line(
            LEVEL_WARNING, "could not prune byzantium.applied: %s", PQresultErrorMessage(result));
    flush(a);
}

static void prune(struct apply *a)
{
    uint64_t kept = 2 * (uint64_t)a->parts.config->checkpoint_interval;
    if (!a->first->checkpoint || a->first->seq <= kept) {
        flush(a);
        return;
    }
    char seq[24];
    snprintf(seq, sizeof seq, "%" PRIu64, a->first->seq - kept);
    const char *const values[] = {seq};
    a->state = APPLY_PRUNING;
    (void)admin_query(a->parts.admin, PRUNE_SQL, 1, values, on_pruned, a);
}

static void finish(struct apply *a)
{
    ledger_expire(a->parts.ledger, a->first->timestamp_us, on_expired, a);
    apply_begins(a);
    /* before anything is committed again */
    export_current(a);
    prune(a);
}

/* ---- the beginning of a batch ---- */

static void on_loaded(void *context, unsigned tag, const PGresult *result)
{
    struct apply *a = context;
    if (a->state != APPLY_LOADING)
        return;
    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
        a->events.doubtful(a->events.context, PQresultErrorMessage(result));
        return;
    }
    for (int row = 0; row < PQntuples(result); row++) {
        unsigned long index = strtoul(PQgetvalue(result, row, 0), NULL, 10);
        if (index >= a->first->count)
            continue;
        a->first->requests[index].applied = true;
        a->first->requests[index].applied_barrier = strcmp(PQgetvalue(result, row, 1), "t") == 0;
    }
    a->state = APPLY_ORDERS;
    apply_wake(a);
}

static void load(struct apply *a)
{
    char seq[24];
    snprintf(seq, sizeof seq, "%" PRIu64, a->first->seq);
    const char *const values[] = {seq};
    a->state = APPLY_LOADING;
    (void)admin_query(a->parts.admin, APPLIED_OF_BATCH_SQL, 1, values, on_loaded, a);
}

static void recall(struct apply *a)
{
    if (!a->replaying)
        return;
    struct slice recorded;
    if (a->parts.ops->recorded(a->parts.ops->context, a->first->seq, &recorded) == 1) {
        if (!batch_copy_recall(a->first, recorded))
            log_line(LEVEL_WARNING, "the log's outcomes of batch %" PRIu64 " do not fit it",
                a->first->seq);
    } else if (a->first->seq > a->applied.seq) {
        a->replaying = false;
    }
}

static void begin(struct apply *a)
{
    buffer_clear(&a->undo);
    ledger_encode(a->parts.ledger, &a->undo);
    if (a->undo.failed || !ballot_open(a->parts.ballot, a->first->seq, a->first->count)) {
        stop(a, "out of memory");
        return;
    }
    batch_copy_reset(a->first);
    a->index = 0;
    recall(a);
    a->state = APPLY_ORDERS;
    if (a->first->seq <= a->applied.seq)
        load(a);
}

static void step(struct apply *a)
{
    if (!a->open || a->stopped)
        return;
    if (a->state == APPLY_NONE)
        export_current(a); /* again, if a keeper lost it while nothing was committed */
    if (a->state == APPLY_NONE && a->first != NULL)
        begin(a);
    if (a->state == APPLY_WAITING)
        ordered_wake(a->ordered);
    else if (a->state == APPLY_ORDERS && apply_orders(a))
        finish(a);
}

static void on_kick(struct ev_loop *loop, struct ev_idle *kick, int events)
{
    step(kick->data);
}

/* ---- calls ---- */

bool apply_deliver(struct apply *a, const struct pbft_delivery *delivery)
{
    if (a->waiting >= a->parts.config->window)
        return false;
    struct batch_copy *batch = batch_copy_new(delivery);
    if (batch == NULL)
        return false;
    /* in order, without gaps */
    if (a->counters.executed == 0 && a->first == NULL)
        a->counters.executed = batch->seq - 1;
    assert(batch->seq == a->counters.executed + a->waiting + 1);
    *a->last = batch;
    a->last = &batch->next;
    a->waiting++;
    apply_wake(a);
    return true;
}

static void hold_again(struct apply *a)
{
    snapshots_release_all(a->parts.snapshots);
    for (unsigned i = 0; i < ledger_open_count(a->parts.ledger); i++)
        snapshots_hold(a->parts.snapshots, ledger_at(a->parts.ledger, i)->epoch);
}

void apply_restored(struct apply *a)
{
    note_agreed(a);
    hold_again(a);
}

void apply_open(struct apply *a, const struct applied_place *applied)
{
    assert(!a->open);
    a->open = true;
    a->applied = *applied;
    a->counters.database_epoch = applied->epoch;
    export_current(a);
    apply_wake(a);
}

/* The batch in progress never was: the ledger as it was before it. */
static void undo(struct apply *a)
{
    if (a->state == APPLY_NONE)
        return;
    const char *reason = ledger_decode(a->parts.ledger, buffer_slice(&a->undo));
    assert(reason == NULL); /* our own encoding */
    a->state = APPLY_NONE;
    a->dirty = false;
}

void apply_close(struct apply *a)
{
    if (!a->open)
        return;
    a->open = false;
    if (ordered_interrupt(a->ordered)) {
        a->crashed_seq = a->first->seq;
        a->crashed_index = a->index;
    }
    undo(a);
    hold_again(a);
}

const struct apply_counters *apply_counters(const struct apply *a)
{
    return &a->counters;
}

/* The log is lazy about what was executed, PostgreSQL is not: a batch's commits are flushed before
 * anything is told of it. So what this replica told before a crash is never above applied.epoch. */
bool apply_epoch(const struct apply *a, struct epoch_answer *ret)
{
    if (!a->open || a->stopped || a->agreed.epoch < a->applied.epoch)
        return false;
    *ret = a->agreed;
    return true;
}

const struct ordered *apply_ordered(const struct apply *a)
{
    return a->ordered;
}

struct apply *apply_new(const struct apply_parts *parts, const struct apply_events *events)
{
    struct apply *a = calloc(1, sizeof *a);
    if (a == NULL)
        return NULL;
    a->parts = *parts;
    a->events = *events;
    a->state = APPLY_NONE;
    a->replaying = true;
    a->last = &a->first;
    buffer_init(&a->undo, LEDGER_BYTES_MAX);
    buffer_init(&a->scratch, BATCH_REQUESTS_MAX * REPLY_BYTES_MAX);
    ev_idle_init(&a->kick, on_kick);
    a->kick.data = a;
    struct ordered_events ordered_events = {
        .context = a, .over = on_over, .impossible = on_impossible, .doubtful = on_doubtful};
    a->ordered = ordered_new(&parts->ordered, &ordered_events);
    if (a->ordered == NULL) {
        free(a);
        return NULL;
    }
    return a;
}

void apply_free(struct apply *a)
{
    if (a == NULL)
        return;
    ev_clear_pending(a->parts.loop, &a->kick);
    ordered_free(a->ordered);
    while (a->first != NULL) {
        struct batch_copy *batch = a->first;
        a->first = batch->next;
        batch_copy_free(batch);
    }
    buffer_free(&a->undo);
    buffer_free(&a->scratch);
    free(a);
}

/* An executor without PostgreSQL, behind the real one's interface (proxy/exec/exec.h): with it the
 * daemon is byzproxy-null, whose agreement, log and links can be tested and measured alone.
 *
 * A batch is executed within exec_deliver, in the real executor's order: ends, then expirations,
 * then begins. BEGIN and COMMIT come to what the real ledger says; a COMMIT always succeeds,
 * because nothing is executed that could fail. State comes from checkpoints and from executing the
 * batches behind them again, and from nowhere else: so a restart shows what the log holds. */
#include "proxy/exec/exec.h"

#include "proxy/exec/batch.h"
#include "tests/agreement/null_state.h"

#include <assert.h>
#include <ev.h>
#include <stdlib.h>
#include <string.h>

#define STATE_BYTES_MAX (48u << 20)

struct exec {
    struct ev_loop *loop;
    struct exec_ops ops;
    struct ledger *ledger;
    struct null_state state;
    struct buffer scratch;
    uint64_t executed;
    uint64_t committed, aborted; /* since the start */
    ev_timer start;
};

static struct outcome outcome_of(enum outcome_kind kind, const char sqlstate[static 5])
{
    struct outcome outcome = {.kind = kind, .verdict = VERDICT_NONE};
    memcpy(outcome.sqlstate, sqlstate, sizeof outcome.sqlstate);
    return outcome;
}

static struct transaction_id id_of(const struct batch_request *r)
{
    bool begins = r->order.kind == ORDER_BEGIN;
    return (struct transaction_id){.client = r->request.client,
        .session = r->request.session,
        .number = begins ? r->request.number : r->order.transaction};
}

/* ---- one batch ---- */

static struct outcome end_one(struct exec *e, const struct batch_request *r)
{
    if (r->malformed)
        return outcome_of(OUTCOME_REFUSED, "22023");
    if (!ledger_find(e->ledger, id_of(r)))
        return outcome_of(OUTCOME_REFUSED, "25P01");
    bool commits = r->order.kind == ORDER_COMMIT;
    e->committed += commits;
    e->aborted += !commits;
    return ledger_end(e->ledger, id_of(r),
        outcome_of(commits ? OUTCOME_COMMITTED : OUTCOME_ROLLED_BACK, "00000"));
}

static bool is_begin(const struct batch_request *r)
{
    return !r->malformed && r->order.kind == ORDER_BEGIN;
}

static void on_expired(void *context, const struct transaction *t)
{
    struct exec *e = context;
    e->aborted++;
}

static void execute(struct exec *e, struct batch_copy *batch)
{
    for (unsigned i = 0; i < batch->count; i++) {
        struct batch_request *r = &batch->requests[i];
        if (!r->skip && !is_begin(r))
            r->outcome = end_one(e, r);
    }
    ledger_expire(e->ledger, batch->timestamp_us, on_expired, e);
    for (unsigned i = 0; i < batch->count; i++) {
        struct batch_request *r = &batch->requests[i];
        if (!r->skip && is_begin(r))
            r->outcome = ledger_begin(
                e->ledger, id_of(r), r->order.coordinator, batch->seq, batch->timestamp_us);
    }
    for (unsigned i = 0; i < batch->count; i++)
        if (!batch->requests[i].skip)
            null_state_add(&e->state, batch, &batch->requests[i]);
}

bool exec_deliver(struct exec *e, const struct pbft_delivery *delivery)
{
    struct batch_copy *batch = batch_copy_new(delivery);
    if (!batch)
        return false;
    assert(e->executed == 0 || batch->seq == e->executed + 1);
    struct slice results[BATCH_REQUESTS_MAX];
    struct buffer state = BUFFER_INIT(STATE_BYTES_MAX);
    execute(e, batch);
    e->executed = batch->seq;
    buffer_clear(&e->scratch);
    batch_copy_results(batch, &e->scratch, results);
    if (batch->checkpoint) {
        null_state_put(&state, &e->state);
        ledger_encode(e->ledger, &state);
    }
    if (e->scratch.failed || state.failed)
        e->ops.fatal(e->ops.context, "the null executor is out of memory");
    else
        e->ops.executed(e->ops.context, batch->seq, results, batch->count, buffer_slice(&state),
            ledger_open_count(e->ledger));
    buffer_free(&state);
    batch_copy_free(batch);
    return true;
}

const char *exec_restore(struct exec *e, struct slice app_state)
{
    struct reader r = reader_of(app_state);
    const char *reason = null_state_get(&r, &e->state);
    if (reason)
        return reason;
    return ledger_decode(e->ledger, get_slice(&r, reader_left(&r)));
}

/* ---- what is only of use with a database ---- */

/* There is nothing to run statements on. */
void exec_operation(struct exec *e, unsigned client, const struct operation *operation)
{
    struct buffer body = BUFFER_INIT(4096);
    struct result_end end = {.key = {.session = operation->session,
                                 .transaction = operation->transaction,
                                 .index = operation->index},
        .failed = true,
        .sqlstate = {'0', 'A', '0', '0', '0'},
        .text = slice_text("this replica has no database")};
    result_end_encode(&body, &end);
    if (!body.failed)
        (void)e->ops.result(
            e->ops.context, client, operation->session, MESSAGE_RESULT_END, buffer_slice(&body));
    buffer_free(&body);
}

void exec_cancel(struct exec *e, unsigned client, const struct cancel *cancel)
{
}

void exec_client_gone(struct exec *e, unsigned client, uint64_t session)
{
}

void exec_vote(struct exec *e, unsigned replica, const struct vote *vote)
{
}

bool exec_publish(
    struct exec *e, const struct exec_publication *publication, exec_published *done, void *context)
{
    return false;
}

/* ---- questions ---- */

void exec_info(const struct exec *e, struct exec_info *ret)
{
    *ret = (struct exec_info){.ready = true,
        .executed = e->executed,
        .epoch = ledger_epoch(e->ledger),
        .transactions_open = ledger_open_count(e->ledger),
        .committed = e->committed,
        .aborted = e->aborted};
}

/* Not before everything is executed again that the log shows as executed. */
bool exec_epoch(const struct exec *e, struct epoch_answer *ret)
{
    struct slice results;
    if (e->ops.recorded(e->ops.context, e->executed + 1, &results) == 1)
        return false;
    *ret = (struct epoch_answer){
        .epoch = ledger_epoch(e->ledger), .barrier_epoch = ledger_barrier_epoch(e->ledger)};
    return true;
}

void exec_transactions(const struct exec *e, unsigned count_max,
    void (*show)(void *context, const struct exec_transaction *transaction), void *context)
{
    for (unsigned i = 0; i < ledger_open_count(e->ledger) && i < count_max; i++) {
        struct exec_transaction t = {.transaction = ledger_at(e->ledger, i), .doing = "nothing"};
        show(context, &t);
    }
}

void exec_status_text(const struct exec *e, struct buffer *b)
{
    null_state_text(&e->state, b);
}

/* ---- life ---- */

static void on_start(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct exec *e = timer->data;
    e->ops.ready(e->ops.context);
}

struct exec *exec_new(struct ev_loop *loop, const struct config *config, unsigned self,
    const char *conninfo, const struct exec_ops *ops)
{
    struct exec *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    struct ledger_options options = {.replica_count = config->replica_count,
        .transactions_max = config->transactions_max,
        .transactions_per_client_max = config->transactions_per_client_max,
        .transaction_timeout_us = (uint64_t)config->transaction_timeout_ms * 1000};
    e->loop = loop;
    e->ops = *ops;
    e->ledger = ledger_new(&options);
    buffer_init(&e->scratch, BATCH_REQUESTS_MAX * REPLY_BYTES_MAX);
    ev_timer_init(&e->start, on_start, 0., 0.);
    e->start.data = e;
    ev_timer_start(loop, &e->start);
    if (e->ledger)
        return e;
    exec_free(e);
    return NULL;
}

void exec_free(struct exec *e)
{
    if (!e)
        return;
    ev_timer_stop(e->loop, &e->start);
    ledger_free(e->ledger);
    buffer_free(&e->scratch);
    free(e);
}

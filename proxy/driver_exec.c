/* Between core and executor: batches down, results and votes up. */
#include "proxy/driver_internal.h"

#include "proxy/log.h"

#include <assert.h>
#include <inttypes.h>

/* Batches that the executor holds at once; the rest wait in the log (deliveries.h). */
#define EXEC_AHEAD_MAX 16
#define STUCK_UPKEEPS 2

/* ---- batches down ---- */

static bool has_room(const struct driver *d)
{
    struct exec_info info;
    exec_info(d->exec, &info);
    return info.ready && !info.stopped && d->handed - d->executed < EXEC_AHEAD_MAX;
}

/* Hands one batch to the executor. False: not now. */
static bool hand_over_one(struct driver *d, const struct waiting *waiting)
{
    struct slice record;
    struct pbft_delivery delivery;
    assert(waiting->seq == d->handed + 1);
    if (store_read(d->store, PBFT_RECORD_BATCH, waiting->seq, &record) != 1) {
        driver_end_store(d);
        return false;
    }
    const char *reason = delivery_from_record(waiting, record, &d->delivery_memory, &delivery);
    if (reason) {
        log_line(LEVEL_FATAL, "the durable log: batch %" PRIu64 ": %s", waiting->seq, reason);
        driver_end(d, PROXY_EXIT_FAILURE);
        return false;
    }
    /* The executor may finish the batch within the call: it counts as handed over before. */
    d->handed = waiting->seq;
    if (exec_deliver(d->exec, &delivery))
        return true;
    d->handed = waiting->seq - 1;
    return false;
}

void driver_hand_over(struct driver *d)
{
    const struct waiting *waiting;
    while (
        !d->ended && !d->stopping && (waiting = deliveries_next(&d->deliveries)) && has_room(d)) {
        if (!hand_over_one(d, waiting))
            return;
        deliveries_pop(&d->deliveries);
    }
}

/* ---- results up ---- */

static void on_executed(void *context, uint64_t seq, const struct slice *results, unsigned count,
    struct slice state, unsigned open_transactions)
{
    struct driver *d = context;
    assert(seq == d->executed + 1 && seq <= d->handed);
    d->executed = seq;
    d->open_transactions = open_transactions;
    if (seq > d->options.config->window)
        vote_log_forget(&d->votes, seq - d->options.config->window);
    struct pbft_event event = {.type = PBFT_EXECUTED,
        .seq = seq,
        .results = results,
        .result_count = count,
        .app_state = state,
        .more_time = open_transactions > 0};
    driver_step(d, &event);
}

static void on_vote(void *context, const struct vote *vote)
{
    struct driver *d = context;
    vote_log_add(&d->votes, vote);
    driver_send_vote(d, PBFT_TO_ALL, vote);
}

static bool on_result(
    void *context, unsigned client, uint64_t session, enum message_type type, struct slice body)
{
    struct driver *d = context;
    return net_offer(d->net, client, session, type, body);
}

static int on_recorded(void *context, uint64_t seq, struct slice *ret_results)
{
    struct driver *d = context;
    int found = store_read(d->store, PBFT_RECORD_OUTCOMES, seq, ret_results);
    if (found < 0)
        driver_end_store(d);
    return found == 1;
}

/* The executor itself has said so in the log. */
static void on_ready(void *context)
{
    struct driver *d = context;
    driver_report_soon(d);
    log_line(LEVEL_DEBUG, "%u batches wait to be executed", d->deliveries.count);
}

static void on_stopped(void *context, const char *reason)
{
    driver_report_soon(context);
    log_hint("The others go on; this replica only takes part in their agreement as long as it can. "
             "Repair the cause if it is a local one and start byzproxy again; else set the replica "
             "up anew from the copy of one that agrees with the others.");
}

static void on_suspect(void *context, const struct suspicion *suspicion)
{
    driver_suspect(context, suspicion);
}

static void on_fatal(void *context, const char *reason)
{
    struct driver *d = context;
    log_line(LEVEL_FATAL, "PostgreSQL does not fit the configuration: %s", reason);
    log_hint("A replica that differs does not join. Correct PostgreSQL or the connection string, "
             "then start byzproxy again.");
    driver_end(d, PROXY_EXIT_POSTGRES);
}

struct exec_ops driver_exec_ops(struct driver *d)
{
    return (struct exec_ops){.context = d,
        .executed = on_executed,
        .vote = on_vote,
        .result = on_result,
        .recorded = on_recorded,
        .ready = on_ready,
        .stopped = on_stopped,
        .suspect = on_suspect,
        .fatal = on_fatal};
}

/* ---- lost votes ---- */

static bool stands_still(struct driver *d)
{
    if (d->executed == d->handed || d->executed != d->stuck_at) {
        d->stuck_at = d->executed;
        d->stuck_upkeeps = 0;
        return false;
    }
    return ++d->stuck_upkeeps >= STUCK_UPKEEPS;
}

/* Votes that were cast while a link was away are in nobody's queue. Replicas that have executed the
 * batch have its outcomes in their logs, and those count as their votes. */
void driver_ask_for_votes(struct driver *d)
{
    if (!stands_still(d))
        return;
    d->stuck_upkeeps = 0;
    struct pbft_info info;
    pbft_info(d->core, &info);
    uint64_t count = d->handed - d->executed;
    struct fetch fetch = {.seq = d->executed + 1,
        .count = (uint32_t)(count < FETCH_BATCHES_MAX ? count : FETCH_BATCHES_MAX)};
    buffer_clear(&d->scratch);
    fetch_encode(&d->scratch, &fetch);
    for (unsigned i = 0; i < d->options.config->replica_count; i++)
        if (i != d->options.self && info.peer_executed[i] >= fetch.seq)
            net_send(d->net, i, MESSAGE_FETCH, buffer_slice(&d->scratch));
}

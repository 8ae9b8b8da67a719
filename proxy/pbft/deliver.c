#include "proxy/pbft/deliver.h"

#include "proxy/pbft/core.h"
#include "proxy/pbft/timestamp.h"

#include <assert.h>

/* ---- towards the executor ---- */

/* Orders each request of a batch in the exactly-once table and decides what must not run (again).
 * Every replica decides alike, because the table depends on the order alone. */
static void order_requests(struct pbft *core, const struct batch *batch, unsigned index)
{
    struct reader r = reader_of(batch->requests);
    for (uint32_t i = 0; i < batch->request_count; i++) {
        struct request *request = &core->requests[index][i];
        const char *reason = request_take(&r, request);
        assert(reason == NULL); /* checked when the batch came */
        core->skip[index][i] = client_table_order(&core->ordered, request->client, request->session,
                                   request->number) != FRESH;
        if (!core->skip[index][i])
            pending_count(&core->pending, request->client);
        const struct pending_entry *waited =
            pending_find(&core->pending, request->client, request->session);
        if (waited != NULL)
            suspicion_ordered(core, waited);
        pending_done(&core->pending, request->client, request->session, request->number);
    }
}

static void deliver(struct pbft *core, struct slot *slot)
{
    unsigned index = core->update->delivery_count++;
    uint64_t ordered_before = core->ordered.used;
    order_requests(core, &slot->batch, index);
    slot->time_us = timestamp_agreed(core, &slot->batch);
    seed_apply(&core->ordered_seed, &core->options.crypto, &slot->batch);
    core->update->deliveries[index] = (struct pbft_delivery){
        .batch = slot->batch,
        .timestamp_us = slot->time_us,
        .requests = core->requests[index],
        .skip = core->skip[index],
        .checkpoint = checkpoint_is_due(core, slot->seq),
    };
    seed_of(&core->ordered_seed, &core->options.crypto, slot->seq,
        core->update->deliveries[index].seed);
    slot_move(slot, SLOT_DELIVERED);
    core->delivered = slot->seq;
    core->delivered_timestamp_us = slot->time_us;
    timestamp_delivered(core);
    suspicion_delivered(core, &slot->batch, core->ordered.used > ordered_before);
}

void deliver_all(struct pbft *core)
{
    struct slot *slot = slots_at(&core->slots, core->delivered + 1);
    while (core->diverged == NULL && slot != NULL && slot->state == SLOT_COMMITTED) {
        if (core->update->delivery_count == PBFT_DELIVERIES_MAX) {
            core->again = true;
            return;
        }
        deliver(core, slot);
        slot = slots_at(&core->slots, core->delivered + 1);
    }
}

/* ---- back from the executor ---- */

/* Takes the result of one request into the table and answers the client. */
static void take_result(struct pbft *core, const struct request *request, struct slice result)
{
    switch (client_table_order(&core->done, request->client, request->session, request->number)) {
    case FRESH:
        client_session_set_result(
            client_table_find(&core->done, request->client, request->session), result);
        emit_reply(core, request->client, request->session, request->number, result);
        return;
    case FRESHNESS_FORGOTTEN:
        assert(result.size == 0);
        emit_forgotten(core, request->client, request->session, request->number);
        return;
    case FRESHNESS_LAST: /* answered when it was executed, and again whenever the client asks */
    case FRESHNESS_OLD:
        assert(result.size == 0);
        return;
    case FRESHNESS_INVALID:
        break;
    }
    assert(!"a table's judgement");
}

/* Lazy, but for checkpoints: a signed CHECKPOINT promises that this replica can serve everything up
 * to it, so what says that it is final must be flushed before the promise leaves. (If f+1 correct
 * replicas forgot it, nobody else could ever catch up.) */
static void record_outcomes(struct pbft *core, const struct pbft_event *event)
{
    size_t begin = emit_begin(core);
    put_u32(&core->out, event->result_count);
    for (unsigned i = 0; i < event->result_count; i++)
        put_bytes(&core->out, event->results[i]);
    emit_record(core, PBFT_RECORD_OUTCOMES, checkpoint_is_due(core, event->seq), event->seq,
        emit_end(core, begin));
}

void deliver_executed(struct pbft *core, const struct pbft_event *event)
{
    assert(event->seq == core->executed + 1 && event->seq <= core->delivered);
    struct slot *slot = slots_at(&core->slots, event->seq);
    assert(slot != NULL && event->result_count == slot->batch.request_count);
    struct reader r = reader_of(slot->batch.requests);
    for (unsigned i = 0; i < event->result_count; i++) {
        struct request request;
        const char *reason = request_take(&r, &request);
        assert(reason == NULL);
        take_result(core, &request, event->results[i]);
    }
    record_outcomes(core, event);
    slot_move(slot, SLOT_EXECUTED);
    core->executed = event->seq;
    core->executed_timestamp_us = slot->time_us;
    seed_apply(&core->done_seed, &core->options.crypto, &slot->batch);
    core->more_time = event->more_time;
    core->said_more_time = true;
    if (checkpoint_is_due(core, event->seq))
        checkpoint_take(core, event->seq, event->app_state);
}

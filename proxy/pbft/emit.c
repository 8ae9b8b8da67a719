/* Writing the update of the step under way. The counts that a step can reach are bounded by the
 * rules that call these; to exceed an array would be our own bug. */
#include "proxy/pbft/core.h"

#include <assert.h>
#include <string.h>

size_t emit_begin(const struct pbft *core)
{
    return core->out.size;
}

struct slice emit_end(const struct pbft *core, size_t begin)
{
    assert(!core->out.failed && begin <= core->out.size);
    return slice_of(core->out.data + begin, core->out.size - begin);
}

void emit_send(struct pbft *core, unsigned to, enum message_type type, struct slice body)
{
    assert(to == PBFT_TO_ALL || (to < core->replica_count && to != core->options.self));
    assert(core->update->send_count < PBFT_SENDS_MAX);
    core->update->sends[core->update->send_count++] =
        (struct pbft_send){.to = to, .type = type, .body = body};
}

void emit_record(
    struct pbft *core, enum pbft_record_type type, bool durable, uint64_t seq, struct slice value)
{
    assert(core->update->persist_count < PBFT_RECORDS_MAX);
    core->update->persist[core->update->persist_count++] =
        (struct pbft_record){.type = type, .durable = durable, .seq = seq, .value = value};
}

void emit_reply(
    struct pbft *core, unsigned client, uint64_t session, uint64_t number, struct slice result)
{
    struct reply reply = {
        .view = core->view.number, .session = session, .number = number, .result = result};
    size_t begin = emit_begin(core);
    reply_encode(&core->out, &reply);
    assert(core->update->reply_count < PBFT_REPLIES_MAX);
    core->update->replies[core->update->reply_count++] =
        (struct pbft_reply){.client = client, .body = emit_end(core, begin), .session = session};
}

void emit_forgotten(struct pbft *core, unsigned client, uint64_t session, uint64_t number)
{
    /* 08003, connection does not exist: what PostgreSQL's clients know for a session that is gone.
     */
    struct outcome outcome = {.kind = OUTCOME_REFUSED};
    memcpy(outcome.sqlstate, "08003", sizeof outcome.sqlstate);
    uint8_t bytes[REPLY_BYTES_MAX];
    struct buffer b = {.data = bytes, .capacity = sizeof bytes, .size_max = sizeof bytes};
    outcome_put(&b, &outcome);
    assert(!b.failed);
    emit_reply(core, client, session, number, buffer_slice(&b));
}

#include "proxy/pbft/request.h"

#include "proxy/pbft/core.h"

#include <assert.h>

bool request_is_signed(struct pbft *core, const struct request *request)
{
    const struct pbft_crypto *crypto = &core->options.crypto;
    buffer_clear(&core->scratch);
    request_put_signed_part(&core->scratch, request);
    assert(!core->scratch.failed);
    return crypto->verify_client(crypto->context, request->client, core->scratch.data,
        core->scratch.size, request->signature);
}

/* The last reply again, if it is known by now; else it will be sent when it is. */
static void repeat_reply(struct pbft *core, const struct request *request)
{
    const struct client_session *s =
        client_table_find(&core->done, request->client, request->session);
    if (s != NULL && s->number == request->number)
        emit_reply(core, request->client, request->session, request->number,
            slice_of(s->result, s->result_size));
}

static const char *add_to_pending(struct pbft *core, const struct request *request)
{
    const struct pending_entry *e = pending_find(&core->pending, request->client, request->session);
    bool is_new = e == NULL || e->number < request->number;
    /* Before it takes anything's place: a proposal with a bad signature would be this primary's
     * lie. Backups need not pay for this. */
    if (is_new && core_is_primary(core) && !request_is_signed(core, request))
        return "request with a wrong signature";
    buffer_clear(&core->scratch);
    request_encode(&core->scratch, request);
    assert(!core->scratch.failed);
    enum pending_result result =
        pending_add(&core->pending, request, buffer_slice(&core->scratch), core->now_us);
    assert(result != PENDING_INVALID);
    core->update->refused = result == PENDING_FULL;
    if (result == PENDING_KEPT && core_is_primary(core))
        pending_find(&core->pending, request->client, request->session)->verified = true;
    return NULL;
}

const char *request_receive(struct pbft *core, const struct request *request)
{
    assert(request->client < core->options.client_count);
    if (request->number == 0)
        return "requests are numbered from 1";
    if (request->body.size > REQUEST_BODY_BYTES_MAX)
        return "the request is too long";
    switch (
        client_table_judge(&core->ordered, request->client, request->session, request->number)) {
    case FRESH:
        return add_to_pending(core, request);
    case FRESHNESS_LAST:
        repeat_reply(core, request);
        return NULL;
    case FRESHNESS_OLD:
        return NULL;
    case FRESHNESS_FORGOTTEN:
        emit_forgotten(core, request->client, request->session, request->number);
        return NULL;
    case FRESHNESS_INVALID:
        break;
    }
    assert(!"a table's judgement");
    return NULL;
}

/* ---- passed on by backups ---- */

/* Its bytes end with the signature over all before it. */
bool request_entry_is_signed(struct pbft *core, struct pending_entry *entry)
{
    if (entry->verified)
        return true;
    buffer_clear(&core->scratch);
    pending_read(&core->pending, entry, &core->scratch);
    assert(!core->scratch.failed && core->scratch.size > SIGNATURE_BYTES);
    const struct pbft_crypto *crypto = &core->options.crypto;
    size_t size = core->scratch.size - SIGNATURE_BYTES;
    const uint8_t *signature = core->scratch.data + size;
    entry->verified =
        crypto->verify_client(crypto->context, entry->client, core->scratch.data, size, signature);
    return entry->verified;
}

bool request_relay(struct pbft *core, const struct pending_entry *entry)
{
    assert(!core_is_primary(core));
    if (core->relays.size_max - core->relays.size < entry->size)
        return false;
    size_t begin = core->relays.size;
    pending_read(&core->pending, entry, &core->relays);
    emit_send(core, core_primary(core), MESSAGE_RELAY,
        slice_of(core->relays.data + begin, core->relays.size - begin));
    return true;
}

/* The backups will hold it against this primary if it is not ordered soon. So what its client sent
 * to this replica alone must not keep it out, or come before it. What is here already keeps its
 * place: under load backups relay what has only waited as everything does. */
static const char *take_relayed(struct pbft *core, const struct request *request)
{
    const struct pending_entry *e = pending_find(&core->pending, request->client, request->session);
    if (e != NULL && e->number >= request->number)
        return NULL;
    const char *reason = request_receive(core, request);
    if (core->update->refused) {
        core->update->refused = false;
        pending_yield(&core->pending, request->client);
        reason = request_receive(core, request);
    }
    if (reason == NULL)
        pending_prefer(&core->pending, request->client, request->session);
    return reason;
}

const char *relay_receive(struct pbft *core, unsigned from, struct slice body)
{
    struct request request;
    const char *reason = request_decode(body, &request);
    if (reason != NULL)
        return reason;
    if (request.client >= core->options.client_count)
        return "a request of an unknown client";
    /* Meant for the primary of another view, or nothing that this replica has to do with. */
    if (!core->view.active || !core_is_primary(core))
        return NULL;
    return take_relayed(core, &request);
}

/* ---- requests inside batches ---- */

const char *request_check_limits(const struct pbft *core, const struct batch *batch)
{
    if (batch->request_count > core->options.batch_requests_max)
        return "batch with too many requests";
    /* A single one may be larger than a batch: see propose.c. */
    if (batch->request_count > 1 && batch->requests.size > core->options.batch_bytes_max)
        return "batch with too many bytes";
    struct reader r = reader_of(batch->requests);
    for (uint32_t i = 0; i < batch->request_count; i++) {
        struct request request;
        const char *reason = request_take(&r, &request);
        if (reason != NULL)
            return reason;
        if (request.client >= core->options.client_count)
            return "a request of an unknown client";
    }
    return NULL;
}

const char *request_check_authentic(struct pbft *core, const struct batch *batch)
{
    struct reader r = reader_of(batch->requests);
    for (uint32_t i = 0; i < batch->request_count; i++) {
        const uint8_t *begin = r.at;
        struct request request;
        const char *reason = request_take(&r, &request);
        if (reason != NULL)
            return reason;
        struct slice encoded = slice_of(begin, (size_t)(r.at - begin));
        if (!pending_holds(&core->pending, &request, encoded) && !request_is_signed(core, &request))
            return "a request that its client neither sent here nor signed";
    }
    return NULL;
}

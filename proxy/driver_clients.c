/* Messages of clients. */
#include "proxy/driver_internal.h"

#include "proxy/net/links.h"

static const char *take_request(
    struct driver *d, struct link *link, unsigned client, struct slice body)
{
    struct request request;
    const char *reason = request_decode(body, &request);
    if (reason)
        return reason;
    if (request.client != client) {
        d->dropped[DROP_FOREIGN]++;
        return "a request in another client's name";
    }
    reason = net_client_session(d->net, link, request.session);
    if (reason)
        return reason;
    d->report.clients[client].requests++;
    struct pbft_event event = {.type = PBFT_REQUEST, .request = &request};
    driver_step(d, &event);
    d->dropped[DROP_BUSY] += d->update.refused;
    return d->update.invalid;
}

static const char *take_operation(
    struct driver *d, struct link *link, unsigned client, struct slice body)
{
    struct operation operation;
    const char *reason = operation_decode(body, &operation);
    if (!reason)
        reason = net_client_session(d->net, link, operation.session);
    if (reason)
        return reason;
    d->report.clients[client].operations++;
    exec_operation(d->exec, client, &operation);
    return NULL;
}

static const char *take_cancel(
    struct driver *d, struct link *link, unsigned client, struct slice body)
{
    struct cancel cancel;
    const char *reason = cancel_decode(body, &cancel);
    if (!reason)
        reason = net_client_session(d->net, link, cancel.session);
    if (!reason)
        exec_cancel(d->exec, client, &cancel);
    return reason;
}

static const char *answer_status(struct driver *d, struct link *link, struct slice body)
{
    if (body.size != 0)
        return "STATUS_QUERY has no body";
    /* An answer costs a thousand times what asking costs. */
    if (link_queued(link) > CLIENT_QUEUE_MARK)
        return NULL;
    struct buffer text = BUFFER_INIT(STATUS_TEXT_BYTES_MAX);
    driver_status(d, &text);
    net_answer(link, MESSAGE_STATUS_TEXT, buffer_slice(&text));
    buffer_free(&text);
    return NULL;
}

/* The read-only path of agreement. Nobody answers whose state might not be one that the order has
 * made, or that is older than what it told before (exec_epoch). Silence is all that a client needs:
 * it asks again, and then has a BEGIN ordered. */
static bool may_answer(const struct driver *d, struct epoch_answer *ret)
{
    struct pbft_info info;
    pbft_info(d->core, &info);
    return !d->stopping && !d->diverged && !info.silent && exec_epoch(d->exec, ret);
}

static void answer_epoch(struct driver *d, struct link *link, const struct query *query)
{
    struct epoch_answer epoch;
    if (!may_answer(d, &epoch))
        return;
    struct buffer encoded = BUFFER_INIT(REPLY_BYTES_MAX);
    epoch_answer_put(&encoded, &epoch);
    struct query_answer answer = {
        .session = query->session, .number = query->number, .answer = buffer_slice(&encoded)};
    buffer_clear(&d->scratch);
    query_answer_encode(&d->scratch, &answer);
    if (!encoded.failed && !d->scratch.failed)
        net_answer(link, MESSAGE_ANSWER, buffer_slice(&d->scratch));
    buffer_free(&encoded);
}

static const char *take_query(struct driver *d, struct link *link, struct slice body)
{
    struct query query;
    const char *reason = query_decode(body, &query);
    if (!reason)
        reason = net_client_session(d->net, link, query.session);
    if (reason)
        return reason;
    /* Who asks without reading the answers gets no more of them. */
    if (link_queued(link) > CLIENT_QUEUE_MARK)
        return NULL;
    switch (query.kind) {
    case QUERY_INVALID:
        break;
    case QUERY_EPOCH:
        answer_epoch(d, link, &query);
    }
    return NULL;
}

static const char *route(
    struct driver *d, struct link *link, unsigned client, uint8_t type, struct slice body)
{
    switch ((enum message_type)type) {
    case MESSAGE_REQUEST:
        return take_request(d, link, client, body);
    case MESSAGE_OPERATION:
        return take_operation(d, link, client, body);
    case MESSAGE_CANCEL:
        return take_cancel(d, link, client, body);
    case MESSAGE_STATUS_QUERY:
        return answer_status(d, link, body);
    case MESSAGE_QUERY:
        return take_query(d, link, body);
    case MESSAGE_INVALID:
    case MESSAGE_HELLO:
    case MESSAGE_GOODBYE:
    case MESSAGE_REPLY:
    case MESSAGE_RESULT_COLUMNS:
    case MESSAGE_RESULT_ROWS:
    case MESSAGE_RESULT_END:
    case MESSAGE_STATUS_TEXT:
    case MESSAGE_ANSWER:
    case MESSAGE_PRE_PREPARE:
    case MESSAGE_PREPARE:
    case MESSAGE_COMMIT:
    case MESSAGE_CHECKPOINT:
    case MESSAGE_STATUS:
    case MESSAGE_FETCH:
    case MESSAGE_STABLE:
    case MESSAGE_CONTRIBUTION:
    case MESSAGE_RELAY:
    case MESSAGE_VIEW_CHANGE:
    case MESSAGE_NEW_VIEW:
    case MESSAGE_WANT:
    case MESSAGE_CONTENT:
    case MESSAGE_BATCH:
    case MESSAGE_VOTE:
        break;
    }
    return driver_unexpected(d);
}

const char *driver_client_message(
    void *context, struct link *link, unsigned client, uint8_t type, struct slice body)
{
    struct driver *d = context;
    if (d->ended)
        return NULL;
    uint64_t before = d->dropped[DROP_UNEXPECTED] + d->dropped[DROP_FOREIGN];
    const char *reason = route(d, link, client, type, body);
    if (reason && d->dropped[DROP_UNEXPECTED] + d->dropped[DROP_FOREIGN] == before)
        d->dropped[DROP_MALFORMED]++;
    return reason;
}

void driver_client_gone(void *context, unsigned client, uint64_t session)
{
    struct driver *d = context;
    exec_client_gone(d->exec, client, session);
}

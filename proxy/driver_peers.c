/* Messages of other replicas. */
#include "proxy/driver_internal.h"

#include "proxy/catch_up.h"
#include "proxy/log.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define FETCH_QUEUE_MARK (16u << 20) /* a peer with so much to read gets no more batches */

static void suspect_message(struct driver *d, unsigned replica, uint8_t type, const char *reason)
{
    char detail[SUSPICION_DETAIL_BYTES_MAX];
    snprintf(detail, sizeof detail, "%s: %s", message_name(type), reason);
    driver_suspect_replica(d, SUSPICION_INVALID_MESSAGE, replica, detail);
}

static void liar(struct driver *d, unsigned replica, uint8_t type, const char *reason)
{
    uint64_t refused = 0;
    d->dropped[DROP_AGREEMENT]++;
    if (ratelimit_allow(&d->liar_lines[replica], driver_now_us(), &refused))
        log_line(LEVEL_WARNING,
            "a message %s of replica %u was dropped: %s (%" PRIu64 " such lines left out)",
            message_name(type), replica, reason, refused);
    suspect_message(d, replica, type, reason);
}

static void agreement(struct driver *d, unsigned replica, uint8_t type, struct slice body)
{
    struct pbft_event event = {.type = PBFT_MESSAGE,
        .from = replica,
        .message_type = (enum message_type)type,
        .message_body = body};
    driver_step(d, &event);
    if (d->update.invalid)
        liar(d, replica, type, d->update.invalid);
}

/* A damaged old record is no reason to stop: nothing is promised on it any more, the others have it
 * too, and to stop whenever somebody asks for it would make one fault two. */
static void show_damage(struct driver *d, unsigned replica)
{
    if (d->damage_shown)
        return;
    d->damage_shown = true;
    log_line(LEVEL_WARNING, "replica %u cannot be given a batch of the durable log: %s", replica,
        store_error(d->store));
    log_hint("The others have it too. Look for the disk's fault before more is damaged.");
}

static const char *take_fetch(struct driver *d, unsigned replica, struct slice body)
{
    struct fetch fetch;
    const char *reason = fetch_decode(body, &fetch);
    if (reason)
        return reason;
    uint64_t refused;
    if (net_peer_queued(d->net, replica) > FETCH_QUEUE_MARK ||
        !ratelimit_allow(&d->fetches[replica], driver_now_us(), &refused)) {
        d->dropped[DROP_FETCH]++;
        return NULL;
    }
    size_t sent = 0;
    for (uint32_t i = 0; i < fetch.count && sent < CATCH_UP_BYTES_MAX; i++) {
        int found = catch_up_encode(d->store, fetch.seq + i, &d->scratch);
        if (found < 0)
            show_damage(d, replica);
        if (found <= 0)
            break;
        net_send(d->net, replica, MESSAGE_BATCH, buffer_slice(&d->scratch));
        sent += d->scratch.size;
    }
    return NULL;
}

struct vote_source {
    struct driver *driver;
    unsigned replica;
};

static void on_recorded_vote(void *context, const struct vote *vote)
{
    struct vote_source *source = context;
    exec_vote(source->driver->exec, source->replica, vote);
}

/* A committed batch from another's log: agreement for the core, outcomes for the votes. */
static const char *take_batch(struct driver *d, unsigned replica, struct slice body)
{
    struct fetched fetched;
    const char *reason = fetched_decode(body, &fetched);
    if (reason)
        return reason;
    agreement(d, replica, MESSAGE_BATCH, body);
    struct vote_source source = {d, replica};
    return catch_up_votes(&fetched, on_recorded_vote, &source);
}

static const char *take_vote(struct driver *d, unsigned replica, struct slice body)
{
    struct vote vote;
    const char *reason = vote_decode(body, &vote);
    if (!reason)
        exec_vote(d->exec, replica, &vote);
    return reason;
}

const char *driver_unexpected(struct driver *d)
{
    d->dropped[DROP_UNEXPECTED]++;
    return "a message of a type that this sender may not send";
}

static const char *route_peer(struct driver *d, unsigned replica, uint8_t type, struct slice body)
{
    switch ((enum message_type)type) {
    case MESSAGE_PRE_PREPARE:
    case MESSAGE_PREPARE:
    case MESSAGE_COMMIT:
    case MESSAGE_CHECKPOINT:
    case MESSAGE_STATUS:
    case MESSAGE_STABLE:
    case MESSAGE_CONTRIBUTION:
    case MESSAGE_RELAY:
    case MESSAGE_VIEW_CHANGE:
    case MESSAGE_NEW_VIEW:
    case MESSAGE_WANT:
    case MESSAGE_CONTENT:
        agreement(d, replica, type, body);
        return NULL;
    case MESSAGE_FETCH:
        return take_fetch(d, replica, body);
    case MESSAGE_BATCH:
        return take_batch(d, replica, body);
    case MESSAGE_VOTE:
        return take_vote(d, replica, body);
    case MESSAGE_INVALID:
    case MESSAGE_HELLO:
    case MESSAGE_GOODBYE:
    case MESSAGE_REQUEST:
    case MESSAGE_OPERATION:
    case MESSAGE_STATUS_QUERY:
    case MESSAGE_CANCEL:
    case MESSAGE_QUERY:
    case MESSAGE_REPLY:
    case MESSAGE_RESULT_COLUMNS:
    case MESSAGE_RESULT_ROWS:
    case MESSAGE_RESULT_END:
    case MESSAGE_STATUS_TEXT:
    case MESSAGE_ANSWER:
        break;
    }
    return driver_unexpected(d); /* also a type that no enum has */
}

const char *driver_peer_message(void *context, unsigned replica, uint8_t type, struct slice body)
{
    struct driver *d = context;
    if (d->ended)
        return NULL;
    uint64_t unexpected_before = d->dropped[DROP_UNEXPECTED];
    const char *reason = route_peer(d, replica, type, body);
    if (reason && d->dropped[DROP_UNEXPECTED] == unexpected_before)
        d->dropped[DROP_MALFORMED]++;
    if (reason)
        suspect_message(d, replica, type, reason);
    return reason;
}

void driver_send_vote(struct driver *d, unsigned to, const struct vote *vote)
{
    buffer_clear(&d->scratch);
    vote_encode(&d->scratch, vote);
    assert(!d->scratch.failed);
    net_send(d->net, to, MESSAGE_VOTE, buffer_slice(&d->scratch));
}

/* What was said while the link was away is said again. */
void driver_peer_up(void *context, unsigned replica)
{
    struct driver *d = context;
    struct pbft_info info;
    driver_report_soon(d);
    pbft_info(d->core, &info);
    for (unsigned i = 0; i < d->votes.count; i++) {
        const struct vote *vote = vote_log_at(&d->votes, i);
        if (vote->seq > info.peer_executed[replica])
            driver_send_vote(d, replica, vote);
    }
}

void driver_peer_down(void *context, unsigned replica)
{
    driver_report_soon(context);
}

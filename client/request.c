#include "client/request.h"

#include "client/clock.h"
#include "client/conn.h"

#include <assert.h>

#define RETRANSMIT_US_MIN 500000u
#define RETRANSMIT_US_MAX 4000000u

/* ---- making and sending ---- */

static bool encode_request(struct byz_conn *conn, struct slice order)
{
    struct request_run *run = &conn->request;
    struct request request = {
        .client = (uint16_t)conn->client,
        .session = run->session,
        .number = run->number,
        .body = order,
    };
    buffer_clear(&run->body);
    run->body.size_max = REQUEST_BODY_BYTES_MAX + REQUEST_OVERHEAD_BYTES;
    request_put_signed_part(&run->body, &request);
    if (run->body.failed)
        return false;
    sign(conn->key, conn->config->identity, SIGN_REQUEST, run->body.data, run->body.size,
        request.signature);
    buffer_clear(&run->body);
    request_encode(&run->body, &request);
    return !run->body.failed;
}

/* BEGIN too: an epoch that only f+1 replicas name may seem to be gone to the next reader. */
static unsigned replies_needed(const struct byz_conn *conn)
{
    unsigned faults = conn->config->faults;
    return conn->info.reads ? 2 * faults + 1 : faults + 1;
}

static bool prepare(struct byz_conn *conn, const struct order *order)
{
    struct request_run *run = &conn->request;
    struct buffer encoded = BUFFER_INIT(REQUEST_BODY_BYTES_MAX);
    run->session = conn->session.id;
    run->number = ++conn->session.number;
    run->repeated = false;
    run->accused = 0;
    quorum_start(&run->quorum, conn->config->replica_count, replies_needed(conn));
    order_encode(&encoded, order);
    bool good = !encoded.failed && encode_request(conn, buffer_slice(&encoded));
    buffer_free(&encoded);
    return good;
}

/* To every replica that has not answered. One that has not yet taken all that was queued for it
 * does not get more. */
static void send_to_all(struct byz_conn *conn)
{
    const struct request_run *run = &conn->request;
    for (unsigned i = 0; i < conn->config->replica_count; i++) {
        if (quorum_has(&run->quorum, i))
            continue;
        if (!run->repeated)
            links_renew_allowance(conn->links, i);
        if (!run->repeated || links_idle(conn->links, i))
            (void)links_send(conn->links, i, MESSAGE_REQUEST, buffer_slice(&run->body));
    }
}

void request_link_up(struct byz_conn *conn, unsigned replica)
{
    struct request_run *run = &conn->request;
    if (!run->waiting || quorum_has(&run->quorum, replica))
        return;
    run->repeated = true;
    (void)links_send(conn->links, replica, MESSAGE_REQUEST, buffer_slice(&run->body));
}

/* ---- replies ---- */

static const char *outcome_reason(struct slice result, struct outcome *ret)
{
    struct reader r = reader_of(result);
    const char *reason = outcome_take(&r, ret);
    if (reason == NULL && !reader_done(&r))
        reason = "bytes follow an outcome";
    return reason;
}

static void accuse_dissenters(struct byz_conn *conn)
{
    struct request_run *run = &conn->request;
    uint32_t fresh = quorum_dissenters(&run->quorum) & ~run->accused;
    run->accused |= fresh;
    for (unsigned i = 0; fresh >> i != 0; i++)
        if ((fresh >> i & 1) != 0)
            suspicion_note(&conn->suspicion, i, BYZ_SUSPICION_WRONG_REPLY,
                "replica %u reported an outcome that %u other replicas contradict", i,
                run->quorum.needed);
}

enum frame_verdict request_take_reply(
    struct byz_conn *conn, unsigned replica, struct slice body, const char **ret_reason)
{
    struct request_run *run = &conn->request;
    struct reply reply;
    struct outcome outcome;
    *ret_reason = reply_decode(body, &reply);
    if (*ret_reason == NULL)
        *ret_reason = outcome_reason(reply.result, &outcome);
    if (*ret_reason != NULL)
        return FRAME_INVALID;
    if (run->number == 0 || reply.session != run->session || reply.number != run->number ||
        quorum_has(&run->quorum, replica))
        return FRAME_UNASKED;
    quorum_add(&run->quorum, replica, reply.result);
    accuse_dissenters(conn);
    return FRAME_ASKED;
}

/* ---- waiting ---- */

static void wait_for_decision(struct byz_conn *conn, uint64_t until_us)
{
    struct request_run *run = &conn->request;
    uint64_t interval_us = RETRANSMIT_US_MIN;
    uint64_t again_us = clock_now_us() + interval_us;
    while (quorum_state(&run->quorum) == QUORUM_WAITING) {
        uint64_t now_us = clock_now_us();
        if (now_us >= until_us)
            return;
        if (now_us >= again_us) {
            run->repeated = true;
            send_to_all(conn);
            interval_us =
                interval_us >= RETRANSMIT_US_MAX / 2 ? RETRANSMIT_US_MAX : interval_us * 2;
            again_us = now_us + interval_us;
        }
        links_poll(conn->links, again_us < until_us ? again_us : until_us);
    }
}

enum request_result request_order(struct byz_conn *conn, const struct order *order,
    uint64_t until_us, struct outcome *ret_outcome)
{
    struct request_run *run = &conn->request;
    if (!prepare(conn, order))
        return REQUEST_NO_MEMORY;
    run->waiting = true;
    send_to_all(conn);
    wait_for_decision(conn, until_us);
    run->waiting = false;
    switch (quorum_state(&run->quorum)) {
    case QUORUM_INVALID:
    case QUORUM_WAITING:
        return REQUEST_TIMEOUT;
    case QUORUM_IMPOSSIBLE:
        return REQUEST_DISAGREEMENT;
    case QUORUM_DECIDED:
        break;
    }
    const char *reason = outcome_reason(quorum_result(&run->quorum), ret_outcome);
    assert(reason == NULL); /* checked before it was counted */
    session_saw(&conn->session, ret_outcome->epoch);
    return REQUEST_DECIDED;
}

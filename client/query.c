#include "client/query.h"

#include "client/clock.h"
#include "client/conn.h"

#define QUERY_BYTES_MAX 64

/* A link that is down, or has not taken all that was queued before, is left out: its replica is one
 * of those that may be silent. */
static void ask(struct byz_conn *conn)
{
    struct query_run *run = &conn->query;
    struct query query = {
        .session = conn->session.id, .number = ++run->number, .kind = QUERY_EPOCH};
    struct buffer body = BUFFER_INIT(QUERY_BYTES_MAX);
    query_encode(&body, &query);
    for (unsigned i = 0; i < conn->config->replica_count && !body.failed; i++) {
        links_renew_allowance(conn->links, i);
        if (links_idle(conn->links, i))
            (void)links_send(conn->links, i, MESSAGE_QUERY, buffer_slice(&body));
    }
    buffer_free(&body);
    reads_asked(&run->reads, clock_now_us());
}

bool query_epoch(struct byz_conn *conn, uint64_t *ret_epoch)
{
    struct reads *reads = &conn->query.reads;
    reads_start(reads, conn->config->replica_count, conn->config->faults, conn->session.epoch,
        clock_now_us());
    while (true) {
        switch (reads_step(reads, clock_now_us())) {
        case READS_ASK:
            ask(conn);
            break;
        case READS_WAITING:
        case READS_PAUSING:
            links_poll(conn->links, reads_deadline(reads));
            break;
        case READS_DECIDED:
            session_saw(&conn->session, reads->epoch);
            *ret_epoch = reads->epoch;
            return true;
        case READS_INVALID:
        case READS_GIVEN_UP:
            return false;
        }
    }
}

/* Answers that differ accuse nobody: an honest replica may be slower or faster than the others. */
enum frame_verdict query_take_answer(
    struct byz_conn *conn, unsigned replica, struct slice body, const char **ret_reason)
{
    struct query_run *run = &conn->query;
    struct query_answer answer;
    struct epoch_answer epoch;
    *ret_reason = query_answer_decode(body, &answer);
    if (*ret_reason == NULL)
        *ret_reason = epoch_answer_decode(answer.answer, &epoch);
    if (*ret_reason != NULL)
        return FRAME_INVALID;
    if (answer.session != conn->session.id || answer.number != run->number ||
        !reads_add(&run->reads, replica, answer.answer, epoch.epoch, clock_now_us()))
        return FRAME_UNASKED;
    return FRAME_ASKED;
}

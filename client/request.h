/* Ordered requests: BFT_exec of the paper's figure 2. Signed, sent to all replicas, sent again
 * until f+1 of them report the same outcome, or 2f+1 of them if reads without ordering must see
 * what it did (reads.h). */
#ifndef BYZ_CLIENT_REQUEST_H
#define BYZ_CLIENT_REQUEST_H

#include "client/link.h"
#include "client/quorum.h"
#include "common/message.h"

struct byz_conn;

/* The request under way, or the last one: replies that come after the decision may still convict
 * their senders. */
struct request_run {
    uint64_t session;
    uint64_t number; /* 0: there was none yet */
    bool waiting;
    bool repeated;      /* some replica got it later than at the first sending */
    struct buffer body; /* the encoded request */
    struct quorum quorum;
    uint32_t accused; /* dissenters already reported */
};

enum request_result {
    REQUEST_INVALID = 0,
    REQUEST_DECIDED,
    REQUEST_DISAGREEMENT, /* no f+1 replicas can agree any more */
    REQUEST_TIMEOUT,
    REQUEST_NO_MEMORY,
};

/* Has `order` ordered, as the session's next request. */
enum request_result request_order(struct byz_conn *conn, const struct order *order,
    uint64_t until_us, struct outcome *ret_outcome);

/* From the links. */
enum frame_verdict request_take_reply(
    struct byz_conn *conn, unsigned replica, struct slice body, const char **ret_reason);
void request_link_up(struct byz_conn *conn, unsigned replica);

#endif

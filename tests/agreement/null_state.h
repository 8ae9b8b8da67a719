/* What a replica without a database has instead of one: a state that every executed request
 * changes, so that two replicas are equal only if they executed the same requests in the same order
 * at the same agreed times with the same seeds and outcomes, and in which a test finds each request
 * that a client was told of. */
#ifndef BYZ_TESTS_AGREEMENT_NULL_STATE_H
#define BYZ_TESTS_AGREEMENT_NULL_STATE_H

#include "proxy/exec/batch.h"

/* Sessions that are remembered; then the one that came first is forgotten. */
#define NULL_SESSIONS_MAX 512

/* A closed loop numbers its requests 1, 2, 3, …: none is lost and none was executed twice exactly
 * if count == last. */
struct null_session {
    uint16_t client;
    uint64_t session;
    uint64_t last;  /* number of the last request executed */
    uint64_t count; /* of requests executed */
};

struct null_state {
    uint8_t digest[DIGEST_BYTES]; /* chain over everything executed, from zeros */
    uint64_t count;               /* of requests executed */
    unsigned session_count;
    struct null_session sessions[NULL_SESSIONS_MAX]; /* in order of their first request */
};

/* One request of the batch, with its outcome. */
void null_state_add(
    struct null_state *state, const struct batch_copy *batch, const struct batch_request *request);

void null_state_put(struct buffer *b, const struct null_state *state);
/* NULL, or why these bytes are no state; *ret is then as it was. */
const char *null_state_get(struct reader *r, struct null_state *ret);

/* Appends "name=value" lines. */
void null_state_text(const struct null_state *state, struct buffer *b);

#endif

/* Questions that need no order, asked of all replicas; reads.c decides what to believe. */
#ifndef BYZ_CLIENT_QUERY_H
#define BYZ_CLIENT_QUERY_H

#include "client/link.h"
#include "client/reads.h"

struct byz_conn;

struct query_run {
    uint64_t number; /* of the last question: one for each round, so that no old answer counts */
    struct reads reads;
};

/* The epoch that 2f+1 replicas have executed, not older than what this connection has seen. False:
 * they did not agree within READS_US_MAX. */
bool query_epoch(struct byz_conn *conn, uint64_t *ret_epoch);

/* From the links. */
enum frame_verdict query_take_answer(
    struct byz_conn *conn, unsigned replica, struct slice body, const char **ret_reason);

#endif

/* One session of the load program: BEGIN, COMMIT, BEGIN, COMMIT, …, each when the one before it was
 * answered. Believes an outcome when f+1 replicas report it byte for byte; counts itself, so that
 * the client library's counting is not what is relied on. */
#ifndef BYZ_TESTS_AGREEMENT_LOAD_SESSION_H
#define BYZ_TESTS_AGREEMENT_LOAD_SESSION_H

#include "tests/agreement/load_link.h"

struct load_session;

/* What happened, for the program as a whole. */
struct load_events {
    void *context;
    /* f+1 replicas agree on the outcome of the session's request `number`, first sent `us` ago. */
    void (*acknowledged)(void *context, const struct load_session *session, uint64_t number,
        const struct outcome *outcome, uint64_t us);
    /* May the session begin another transaction? */
    bool (*goes_on)(void *context);
    /* It has none open and will begin none. */
    void (*finished)(void *context);
};

struct load_counts {
    uint64_t resent;
    uint64_t refused;    /* outcomes that are neither begun nor committed */
    uint64_t mismatches; /* replies that f+1 others contradict */
    uint64_t malformed;
};

struct load_shared {
    struct load_net *net;
    const struct private_key *key;
    const struct load_events *events;
    struct load_counts counts;
};

struct load_reply {
    bool here;
    size_t size;
    uint8_t bytes[REPLY_BYTES_MAX];
};

struct load_session {
    struct load_shared *shared;
    uint64_t id;
    uint64_t number;      /* of the last request */
    uint64_t transaction; /* number of the BEGIN that is open; 0: none */
    bool waiting;         /* for the outcome of `number` */
    uint64_t sent_us;
    struct buffer request;
    struct load_reply replies[REPLICAS_MAX]; /* to `number` */
    struct load_reply believed;              /* the outcome of `number`, or of the one before it */
    ev_timer again;
    struct load_link links[REPLICAS_MAX];
};

bool load_session_start(struct load_session *session, struct load_shared *shared);
void load_session_free(struct load_session *session);

uint64_t load_now_us(void); /* monotonic */

#endif

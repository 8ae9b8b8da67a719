/* A cluster of pretended replicas: real TLS servers on 127.0.0.1, in threads of the test, without
 * agreement and without a database. Each answers alike, so that f+1 agree; any of them can be told
 * to misbehave in one of many ways.
 *
 * What an honest one answers to a statement depends on its first word:
 *     FAIL 22012      an error with this SQLSTATE
 *     ROWS 1000       so many rows (number, "row number")
 *     UPDATE, CONFLICT  "UPDATE 3" without rows; CONFLICT makes COMMIT end in 40001
 *     VAGUE           one row; a difference in it is VERDICT_UNCONFIRMED, not LIED
 *     ROLLBACK        "ROLLBACK"
 *     anything else   one row with the statement's text
 * A COMMIT or a verified ROLLBACK compares the list with what an honest replica would have said. */
#ifndef BYZ_FAKE_CLUSTER_H
#define BYZ_FAKE_CLUSTER_H

#include "common/config.h"

#include <openssl/types.h>
#include <pthread.h>
#include <stdatomic.h>

enum fake_mode {
    FAKE_HONEST,
    /* ordered requests */
    FAKE_REQUESTS_UNANSWERED,
    FAKE_REPLY_LIES,       /* another outcome than the others' */
    FAKE_REPLY_MALFORMED,  /* an outcome that is none */
    FAKE_REPLY_RANDOM,     /* a different outcome each time and from each replica */
    FAKE_REPLY_MISMATCHED, /* a ROLLBACK's outcome to every request */
    /* queries */
    FAKE_QUERIES_UNANSWERED,
    FAKE_ANSWER_MALFORMED, /* a barrier above the epoch */
    FAKE_ANSWER_OTHER,     /* to the question before */
    /* operations */
    FAKE_OPERATIONS_UNANSWERED,
    FAKE_RESULT_LIES,     /* well-formed, with another value */
    FAKE_RESULT_OVERSIZE, /* rows without end */
    FAKE_RESULT_ENDLESS,  /* slow rows without end */
    FAKE_RESULT_WRONG_KEY,
    FAKE_ROWS_WITHOUT_COLUMNS,
    FAKE_ROWS_TOO_WIDE,
    FAKE_COLUMNS_TWICE,
    FAKE_END_MALFORMED,
    FAKE_CLOSES_IN_THE_MIDDLE,
    FAKE_LOCAL_FAILURE, /* "I am going down" (57P01) */
    /* links */
    FAKE_FRAME_OVERSIZE,
    FAKE_FRAME_UNKNOWN,
    FAKE_FLOODS,      /* well-formed messages that nobody asked for */
    FAKE_GOODBYE,     /* instead of HELLO */
    FAKE_HELLO_WRONG, /* says it is another replica */
    FAKE_HANDSHAKE_STALLS,
    FAKE_TLS_GARBAGE,
};

struct fake_cluster;

struct fake_replica {
    struct fake_cluster *cluster;
    unsigned index;
    int listen_fd;
    pthread_t thread;
    SSL_CTX *tls;
    atomic_int mode;
    atomic_int to_forget; /* so many requests are refused with 08003 */
    atomic_uint epoch;    /* the answer to a QUERY */
    atomic_int to_lag;    /* so many QUERYs are answered with the epoch before */
    atomic_int connections, requests, operations, cancels; /* seen so far */
};

#define FAKE_LINKS_MAX 512

struct fake_cluster {
    char directory[64];
    char conninfo[512]; /* for byz_connect; more keywords may follow */
    struct config *config;
    atomic_uint begun_epoch; /* of every snapshot; a commit makes epoch 6 */
    pthread_mutex_t lock;    /* links */
    struct fake_link {
        struct fake_replica *replica;
        pthread_t thread;
        int fd;
        bool used, stopped;
        uint64_t session; /* the only one that this link may name */
    } links[FAKE_LINKS_MAX];
    struct fake_replica replicas[REPLICAS_MAX];
};

struct fake_cluster *fake_cluster_start(unsigned faults);
void fake_cluster_stop(struct fake_cluster *cluster);

void fake_set(struct fake_cluster *cluster, unsigned replica, enum fake_mode mode);
/* Every replica refuses the next `count` requests: it has forgotten their session. */
void fake_forget(struct fake_cluster *cluster, int count);
/* Closes all links of a replica; it accepts new ones. */
void fake_disconnect(struct fake_cluster *cluster, unsigned replica);
/* Refuses connections until fake_bring_up. */
void fake_take_down(struct fake_cluster *cluster, unsigned replica);
void fake_bring_up(struct fake_cluster *cluster, unsigned replica);

#endif

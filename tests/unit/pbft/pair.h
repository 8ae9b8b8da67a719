/* A correct primary and a correct backup side by side, in virtual time, with clients that ask for
 * more than they can execute. The other two replicas only vouch for what the primary proposes.
 *
 * Nothing is lost and everybody's clock is right: whatever the clients do, the backup has no reason
 * to suspect the primary. */
#ifndef BYZ_TESTS_PBFT_PAIR_H
#define BYZ_TESTS_PBFT_PAIR_H

#include "tests/unit/pbft/single.h"

#define PAIR_CLIENTS 2
#define PAIR_SESSIONS_MAX 256
#define PAIR_WINDOW 64
#define PAIR_TICK_US UINT64_C(5000)
#define PAIR_TIMEOUT_US UINT64_C(300000)

/* Executes one batch after another. */
struct pair_executor {
    struct {
        uint64_t seq;
        uint64_t done_us;
        unsigned count;
        bool skip[BATCH_REQUESTS_MAX];
    } runs[PAIR_WINDOW];
    uint64_t first; /* run */
    uint64_t end;   /* … behind the last */
    uint64_t free_us;
};

struct pair_replica {
    struct single *s;
    struct pair_executor executor;
    struct buffer sent; /* of one type, to the other one of the pair */
};

struct pair {
    struct pair_replica primary; /* replica 0 */
    struct pair_replica backup;  /* replica 2 */
    uint64_t execution_us;       /* of a request */
    struct {
        uint64_t number;
        bool waits; /* for this number */
    } clients[PAIR_CLIENTS][PAIR_SESSIONS_MAX + 1];
    uint64_t executed; /* requests at the backup */
    uint64_t relayed;
};

/* window 64, batches of 64, 2 in flight. */
struct pair *pair_new(unsigned sessions_per_client_max, uint64_t execution_us);
void pair_free(struct pair *p);

/* The session's next request, unless one waits: to the backup, and to the primary if `to_all`. */
void pair_ask(struct pair *p, unsigned client, uint64_t session, bool to_all);
/* One request, to one of them. */
void pair_send(
    struct pair *p, struct pair_replica *to, unsigned client, uint64_t session, uint64_t number);
/* The primary gets this request from another backup of the cluster. */
void pair_relay(struct pair *p, unsigned from, unsigned client, uint64_t session, uint64_t number);
/* Lets one PAIR_TICK_US pass. */
void pair_tick(struct pair *p);

#endif

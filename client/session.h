/* The identity under which a connection orders requests: (client, session, number).
 *
 * Replicas remember a bounded number of sessions of each client and forget those with the lowest
 * ids, so ids grow with time. They are random in the low bits: two connections made in the same
 * microsecond are two sessions. */
#ifndef BYZ_CLIENT_SESSION_H
#define BYZ_CLIENT_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#define SESSION_RANDOM_BITS 12

struct session {
    uint64_t id;
    uint64_t number;  /* of the last request; they begin with 1 */
    uint64_t epoch;   /* the newest that was seen: nothing that is read later is older */
    unsigned refused; /* ids that the replicas called forgotten, one after another */
};

/* A new id, above the last one: at the beginning, and when it is not known what became of the last
 * request. */
void session_start(struct session *session);
/* The replicas have forgotten this id or never knew one so low: a new one, further ahead each time,
 * because this machine's clock may be behind the others'. False: it has been tried too often. */
bool session_raise(struct session *session);
/* The current id was accepted. */
void session_accepted(struct session *session);
/* The connection believes that the cluster has reached this epoch. Outlives ids. */
void session_saw(struct session *session, uint64_t epoch);

/* The id for a session that begins now. Pure. */
uint64_t session_id_after(uint64_t last_id, uint64_t utc_us, uint64_t ahead_us, uint16_t random);

#endif

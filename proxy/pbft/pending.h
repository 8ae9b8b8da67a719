/* Requests that clients sent over their own links and that are not ordered yet.
 *
 * Fair by construction: one request per session (a client waits for its answer before it asks
 * again, section 4.1 of the PBFT paper), a bounded number per client key, and the primary takes
 * them round robin over the keys. A client that vanished leaves its request behind; when room is
 * needed, requests whose client has not repeated them for long are dropped. If that is not enough,
 * the key that holds the most makes room for one that would still hold less.
 *
 * A primary proposes only requests whose signature it verified. A backup holds them unverified:
 * they came over the client's own link, so the same bytes in a proposal are known to be the
 * client's. It verifies what waits for too long (suspicion.h), and what it proposes once it is
 * primary. */
#ifndef BYZ_PROXY_PBFT_PENDING_H
#define BYZ_PROXY_PBFT_PENDING_H

#include "common/message.h"
#include "proxy/pbft/blocks.h"

#define PENDING_MAX 1024
#define PENDING_PER_CLIENT_MAX 256
#define PENDING_NONE UINT32_MAX

struct pending_entry {
    bool used;
    uint16_t client;
    uint64_t session;
    uint64_t number;
    uint64_t heard_us;     /* the client last sent it */
    uint64_t since_us;     /* it came, or the view began: it waits for this primary since then */
    bool verified;         /* its signature was */
    bool preferred;        /* see pending_prefer */
    bool relayed;          /* to the primary of this view, */
    uint64_t shown_us;     /* first, */
    uint64_t relayed_us;   /* last; */
    uint64_t ordered_then; /* requests ordered when it was shown, of all keys */
    uint64_t own_then;     /* … and of its own */
    uint64_t proposed_seq; /* primary: the batch that carries it; 0: none */
    uint32_t first_block;
    size_t size;
    uint32_t next; /* of the same client, in order of arrival */
};

struct pending_queue {
    uint32_t first;
    unsigned count;
    size_t blocks;    /* that its requests take */
    uint64_t ordered; /* requests of this key, so far */
};

struct pending {
    struct pending_entry entries[PENDING_MAX];
    unsigned count;
    struct pending_queue *queues; /* one per client key */
    unsigned client_count;
    unsigned turn; /* the client key whose turn it is to be proposed */
    uint64_t silence_us_max;
    struct blocks blocks;
};

enum pending_result {
    PENDING_INVALID = 0,
    PENDING_KEPT,
    PENDING_KNOWN, /* this request, or a later one of the session, is here already */
    PENDING_FULL,
};

bool pending_init(
    struct pending *pending, unsigned client_count, size_t bytes_max, uint64_t silence_us_max);
void pending_release(struct pending *pending);

/* NULL if the session has none. */
struct pending_entry *pending_find(struct pending *pending, unsigned client, uint64_t session);
/* Drops the newest request of the client key that is not proposed, so that another of its own fits:
 * one that was passed on, and would else be refused because of what its client sent only here. Not
 * one that was passed on itself. */
void pending_yield(struct pending *pending, unsigned client);
/* Puts the session's request before those of its client key that were not preferred. */
void pending_prefer(struct pending *pending, unsigned client, uint64_t session);
/* Copies the request. A later request of the session replaces an earlier one, which its client has
 * given up. `encoded` is the whole request. */
enum pending_result pending_add(
    struct pending *pending, const struct request *request, struct slice encoded, uint64_t now_us);
/* Is exactly this request, byte for byte, here? */
bool pending_holds(struct pending *pending, const struct request *request, struct slice encoded);
/* The session's requests up to this number are ordered. */
void pending_done(struct pending *pending, unsigned client, uint64_t session, uint64_t number);
/* Drops a request that its client did not sign. */
void pending_drop(struct pending *pending, struct pending_entry *entry);
/* A batch at seq, which is carried over from an earlier view, has this request. */
void pending_mark(
    struct pending *pending, unsigned client, uint64_t session, uint64_t number, uint64_t seq);
/* Another view begins: nothing is proposed, and everything waits from now on. */
void pending_new_view(struct pending *pending, uint64_t now_us);
/* Counts one more ordered request of the client key. */
void pending_count(struct pending *pending, unsigned client);
/* Appends the request's bytes to `out`. */
void pending_read(
    const struct pending *pending, const struct pending_entry *entry, struct buffer *out);
/* Round robin: the oldest unproposed request of the next client key that has one, or NULL. The turn
 * passes on only with pending_take. */
struct pending_entry *pending_next(struct pending *pending);
/* Appends the request's bytes to `out` and marks it as proposed at seq. */
void pending_take(
    struct pending *pending, struct pending_entry *entry, uint64_t seq, struct buffer *out);
bool pending_has_unproposed(struct pending *pending);

#endif

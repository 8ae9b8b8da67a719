/* All links of this process: their memory, their shares of each iteration of the loop, and the
 * one place where bytes leave. */
#ifndef BYZ_PROXY_NET_LINKS_H
#define BYZ_PROXY_NET_LINKS_H

#include "proxy/net/greeting.h"
#include "proxy/net/link.h"

/* Limits. A client's frame is a request or an operation, never a batch. */
#define GREETING_BODY_BYTES_MAX (ERROR_TEXT_BYTES_MAX + 64) /* HELLO, or GOODBYE in its stead */
#define CLIENT_BODY_BYTES_MAX (REQUEST_BODY_BYTES_MAX + REQUEST_OVERHEAD_BYTES)
#define CLIENT_QUEUE_MARK (1u << 20)
#define CLIENT_QUEUE_BYTES_MAX (RESULT_BYTES_MAX + (RESULT_BYTES_MAX / 2))
#define PEER_QUEUE_BYTES_MAX (64u << 20)
#define CLIENT_READ_BYTES (64u << 10)
#define PEER_READ_BYTES (512u << 10)
#define WRITE_BYTES (1u << 20)
#define HELD_BYTES_MAX (512u << 20) /* by clients' links, all together */
/* Small messages may cost much (a signature, a query's start), so turns are limited in time too: of
 * one link, and of all clients together, in one iteration of the loop. */
#define LINK_TURN_US 2000
#define CLIENTS_TURN_US 20000
#define HANDSHAKE_SECONDS 5.0
#define FRAME_SECONDS 30.0
#define CLOSING_SECONDS 1.0
#define READ_SCRATCH_BYTES (4u << 10) /* taken at once; then the turn may be over */

TAILQ_HEAD(link_list, link);

struct links_ops {
    void *context;
    /* HELLO was right and the link is open. False: the owner does not want it after all. Called
     * before any frame. */
    bool (*open)(void *context, struct link *link, struct greeting_refusal *ret_refusal);
    /* A frame on an open link; the body is borrowed. Returns NULL, or why no correct node sends
     * this: then the link ends. */
    const char *(*frame)(void *context, struct link *link, const struct frame *frame);
    /* The link is gone and freed after this call. Called once for each link, from links_flush. */
    void (*closed)(void *context, struct link *link);
};

struct links {
    struct ev_loop *loop;
    const struct config *config;
    unsigned self;
    SSL_CTX *accept_context;
    SSL_CTX *dial_context;
    struct links_ops ops;
    struct link_list all;
    struct link_list dirty;
    struct link_list again;
    ev_timer again_timer;
    ev_prepare turn_over; /* an iteration of the loop is over */
    ev_timer sweep_timer;
    unsigned count;
    unsigned unknown_count;          /* not yet greeted */
    size_t held;                     /* memory of clients' and unknown links, */
    size_t held_of[CLIENT_KEYS_MAX]; /* of each client key's, */
    size_t held_max;                 /* and its ceiling */
    uint64_t clients_spent_us;       /* in this iteration of the loop */
    uint64_t ends[LINK_END_COUNT];
    uint8_t scratch[READ_SCRATCH_BYTES];
};

/* `config` must outlive the set. False with a message: TLS contexts cannot be made. */
bool links_init(struct links *set, struct ev_loop *loop, const struct config *config, unsigned self,
    const struct private_key *key, const struct links_ops *ops, char *ret_error, size_t error_size);
/* Frees all links without a call back. */
void links_free(struct links *set);
/* Sends what is queued, as far as sockets take it, and frees the links that ended. */
void links_flush(struct links *set);
/* Says GOODBYE on all links. */
void links_close_all(struct links *set, const char *sqlstate, const char *text);
/* The link longest without a greeting, or NULL. */
struct link *links_oldest_unknown(struct links *set);

/* For link.c. */
void links_add(struct links *set, struct link *link);
void links_mark_dirty(struct link *link);
void links_mark_again(struct link *link);
void links_account(struct link *link);
/* Is this link's turn to be read over, after so much time? Clients' links together have one too. */
bool links_turn_over(const struct link *link, uint64_t spent_us);
/* Does this link have to wait behind others that have waited longer? */
bool links_must_queue(const struct link *link);
/* While clients' links hold too much together, the largest of the key that holds the most ends: who
 * holds little loses nothing by others' greed. */
void links_bound_held(struct links *set);

#endif

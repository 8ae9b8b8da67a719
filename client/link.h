/* One TLS link to one replica: dialling, handshake, HELLO both ways, whole frames in and out.
 *
 * Never blocks. Every byte from the replica is hostile: a frame is bounded before it is assembled,
 * one round reads a bounded amount, and what nobody asked for uses up an allowance. A violation
 * closes the link and names the reason; the link is dialled again later. */
#ifndef BYZ_CLIENT_LINK_H
#define BYZ_CLIENT_LINK_H

#include "client/socket_bio.h"
#include "common/message.h"
#include "common/tls.h"

struct addrinfo;

enum link_state {
    LINK_INVALID = 0,
    LINK_DOWN,       /* waits for redial_at_us */
    LINK_CONNECTING, /* TCP */
    LINK_SECURING,   /* TLS */
    LINK_GREETING,   /* HELLO is queued; the replica's is awaited */
    LINK_READY,
};

/* What all links of a connection share. Borrowed; outlives them. */
struct link_shared {
    const struct config *config;
    SSL_CTX *tls;
    const BIO_METHOD *bio_method;
    unsigned client; /* this client's index in the configuration */
};

/* How the owner of a link judges a frame. */
enum frame_verdict {
    FRAME_INVALID = 0, /* no correct replica sends this: the link closes */
    FRAME_ASKED,       /* it belongs to something that is under way */
    FRAME_LATE,        /* a part of a result that was given up: counted, up to a result's size */
    FRAME_UNASKED,     /* needless: counted against a small allowance */
};

/* Upcalls, from within link_work. They must not close the link. */
struct link_handler {
    void *context;
    /* FRAME_INVALID sets *ret_reason to a constant text. */
    enum frame_verdict (*frame)(
        void *context, unsigned replica, uint8_t type, struct slice body, const char **ret_reason);
    void (*up)(void *context, unsigned replica);
    /* The link was ready, or could not become it. violation: constant text, or NULL if it was
     * merely lost (link->error says how). */
    void (*down)(void *context, unsigned replica, const char *violation);
};

#define LINK_ERROR_BYTES 256

struct link {
    enum link_state state;
    unsigned replica;
    const struct link_shared *shared;
    const struct link_handler *handler;
    struct addrinfo *addresses; /* resolved once, when the connection was made; owned */
    struct addrinfo *address;   /* the one dialled next */
    struct socket_channel channel;
    SSL *ssl;
    bool tls_wants_write;
    struct buffer in;  /* the frame that is being assembled */
    struct buffer out; /* frames not yet sent */
    size_t out_sent;   /* of out */
    size_t unasked_bytes;
    size_t late_bytes;
    uint64_t up_at_us;
    uint64_t redial_at_us;        /* LINK_DOWN */
    uint64_t give_up_at_us;       /* while not yet ready */
    uint64_t backoff_us;          /* the next wait */
    uint64_t failures;            /* how often all addresses failed */
    char error[LINK_ERROR_BYTES]; /* why it is not ready; "" while it never failed */
};

/* Resolves the replica's host name: this may block, later nothing does. The link begins DOWN, to be
 * dialled at once. */
void link_init(struct link *link, unsigned replica, const struct link_shared *shared,
    const struct link_handler *handler);
/* Sends what fits without waiting, says good-bye to TLS, frees everything. */
void link_destroy(struct link *link);

/* Queues a frame. False: the link is not ready, or its queue is full. */
bool link_send(struct link *link, enum message_type type, struct slice body);
bool link_is_idle(const struct link *link); /* nothing is queued */
/* Something new is asked of the replica: it may again send a little that is not asked for. */
void link_renew_allowance(struct link *link);

/* Closes the link and dials again at once, without back-off: nothing was wrong with it. */
void link_restart(struct link *link);

/* The next time at which link_work has something to do without an event; UINT64_MAX: none. */
uint64_t link_deadline(const struct link *link);
/* Events to poll for; -1 in *ret_fd: none. */
short link_events(const struct link *link, int *ret_fd);
/* Does what can be done now: dials, shakes hands, reads one budget, writes. */
void link_work(struct link *link, short events, uint64_t now_us);

#endif

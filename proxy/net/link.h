/* One TLS link, from connect or accept to close.
 *
 * Nothing is sent from here but by links_flush: link_send only queues. So whoever drives the loop
 * decides when bytes leave (after the durable log was flushed), and many frames share one TLS
 * record and one system call.
 *
 * Nothing is called back from link_send and link_close either: a link that ends is marked, and its
 * owner hears of it from links_flush. An owner may therefore call them in the middle of its work.
 */
#ifndef BYZ_PROXY_NET_LINK_H
#define BYZ_PROXY_NET_LINK_H

#include "common/message.h"
#include "common/tls.h"
#include "proxy/net/frame.h"
#include "proxy/net/sendq.h"

#include <ev.h>
#include <sys/queue.h>

struct links;

enum link_state {
    LINK_INVALID = 0,
    LINK_CONNECTING, /* TCP, dialled links only */
    LINK_HANDSHAKE,  /* TLS */
    LINK_GREETING,   /* HELLO is on its way, both ways */
    LINK_OPEN,       /* frames go to the owner */
    LINK_CLOSING,    /* GOODBYE is on its way; what comes is thrown away */
    LINK_DEAD,       /* waits for links_flush to free it */
};

/* Why a link ended; counted. */
enum link_end {
    LINK_END_INVALID = 0,
    LINK_END_CLOSED,    /* by the other end */
    LINK_END_ERROR,     /* TCP or TLS failed; an unknown key is one of these */
    LINK_END_TIMEOUT,   /* too slow in handshake or within one frame, or silent */
    LINK_END_FULL,      /* it did not take what was sent to it, or memory was short */
    LINK_END_MALFORMED, /* it sent what no correct node sends */
    LINK_END_REFUSED,   /* not welcome: wrong configuration, too many links, replaced */
    LINK_END_STOP,      /* this process stops */
    LINK_END_COUNT,
};
const char *link_end_name(enum link_end end);

#define LINK_ADDRESS_BYTES 64
#define LINK_REASON_BYTES 256

/* Fields are link.c's and links.c's; owners read state, peer, welcome, address, end, reason
 * and keep session. */
struct link {
    struct links *set;
    enum link_state state;
    bool dialled;
    unsigned expected;    /* dialled: the replica that must be there */
    struct tls_peer peer; /* from LINK_GREETING on */
    bool welcome;         /* the owner took it */
    uint64_t session;     /* of a client's link, once known */
    char address[LINK_ADDRESS_BYTES];
    enum link_end end;
    char reason[LINK_REASON_BYTES];

    int fd;
    SSL *ssl;
    ev_io io;
    struct frame_input input;
    struct sendq queue;
    size_t queue_mark; /* above: this link is not read from */
    size_t read_bytes; /* at most this much in one iteration of the loop */
    bool paused;
    bool write_blocked;   /* the socket is full */
    bool read_wants_more; /* TLS must write before it can read on */
    ev_tstamp deadline;   /* 0: none */
    ev_tstamp partial_since;
    unsigned silent_ticks; /* since something last came; peers.c counts */
    size_t held;           /* memory as accounted in the set */

    TAILQ_ENTRY(link) all;
    TAILQ_ENTRY(link) dirty; /* has something to send, or ended */
    TAILQ_ENTRY(link) again; /* has more to read than its share */
    bool in_dirty;
    bool in_again;
    LIST_ENTRY(link) bucket; /* clients.c */
    bool in_bucket;
};

/* Accepted: takes fd. Dialled: fd is connecting. NULL (fd closed): out of memory. */
struct link *link_accepted(struct links *set, int fd, const char *address);
struct link *link_dialled(struct links *set, int fd, const char *address, unsigned replica);

/* Queues a frame. False: the link is not open, or it did not fit, which ends the link. */
bool link_send(struct link *link, enum message_type type, struct slice body);
/* The same, but a frame that does not fit is only refused (results, which are worth less than the
 * link). */
bool link_offer(struct link *link, enum message_type type, struct slice body);
size_t link_queued(const struct link *link);

/* Says GOODBYE, if the other end is known, and closes soon. */
void link_close(struct link *link, enum link_end end, const char *sqlstate, const char *text);

/* For links.c. */
void link_read(struct link *link);
void link_write(struct link *link);
void link_watch(struct link *link);
void link_free(struct link *link);
void link_fail(struct link *link, enum link_end end, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif

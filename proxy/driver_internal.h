/* The driver's state, and what its parts share. Internal to proxy/driver*.c: driver.c has the loop
 * and the order of things, driver_peers.c and driver_clients.c route messages, driver_exec.c stands
 * between core and executor. */
#ifndef BYZ_PROXY_DRIVER_INTERNAL_H
#define BYZ_PROXY_DRIVER_INTERNAL_H

#include "proxy/deliveries.h"
#include "proxy/driver.h"
#include "proxy/driver_report.h"
#include "proxy/engine_crypto.h"
#include "proxy/evidence_log.h"
#include "proxy/exec/exec.h"
#include "proxy/net/net.h"
#include "proxy/net/ratelimit.h"
#include "proxy/status.h"
#include "proxy/status_file.h"
#include "proxy/store/store.h"
#include "proxy/vote_log.h"

#include <ev.h>

/* Of agreement, what the log told last. */
struct driver_shown {
    bool any;
    uint64_t view;
    bool active;
    bool suspects;
    bool silent;
    uint64_t silent_until;
};

struct driver {
    struct ev_loop *loop;
    struct driver_options options;
    struct engine_crypto *crypto;
    struct store *store;
    struct pbft *core;
    struct exec *exec;
    struct net *net;

    struct pbft_update update;
    bool stepping;
    bool flush_needed; /* a durable record waits in the log's open transaction */
    bool forgot_early; /* batches, for want of room in the log */
    bool damage_shown; /* of a record that somebody asked for */
    struct deliveries deliveries;
    struct delivery_memory delivery_memory;
    uint64_t handed;   /* last batch that the executor took */
    uint64_t executed; /* last one that it finished */
    unsigned open_transactions;

    struct evidence_log evidence;
    bool evidence_complained[REPLICAS_MAX]; /* that some could not be kept */
    struct vote_log votes;
    uint64_t stuck_at; /* `executed` at the last upkeep */
    unsigned stuck_upkeeps;

    struct ratelimit fetches[REPLICAS_MAX];
    struct ratelimit liar_lines[REPLICAS_MAX];
    struct buffer scratch; /* one message body */
    uint64_t dropped[DROP_COUNT];
    uint64_t steps;
    uint64_t flushes;
    uint64_t started_us;
    struct driver_shown shown;
    const char *diverged;

    struct status_file *status_file; /* NULL: none */
    struct driver_report report;

    ev_prepare prepare;
    ev_timer tick;
    ev_timer upkeep;
    ev_timer stop_poll;
    ev_tstamp stop_deadline;
    bool stopping;
    bool ended; /* nothing may leave any more */
    enum proxy_exit exit_code;
};

uint64_t driver_now_us(void); /* monotonic */
/* Steps the core and takes its update over; d->update is then valid until the next step. Never from
 * within a step. */
void driver_step(struct driver *d, struct pbft_event *event);
void driver_end(struct driver *d, enum proxy_exit code);
/* The log failed. */
void driver_end_store(struct driver *d);

/* What this replica says of itself. */
struct status_facts driver_facts(const struct driver *d);
void driver_status(const struct driver *d, struct buffer *text);

/* driver_view.c: tells the log what has changed since the last time. */
void driver_show_agreement(struct driver *d);

/* driver_evidence.c */
void driver_keep_evidence(struct driver *d, const struct pbft_evidence *from);

/* driver_peers.c */
const char *driver_peer_message(void *context, unsigned replica, uint8_t type, struct slice body);
void driver_peer_up(void *context, unsigned replica);
void driver_peer_down(void *context, unsigned replica);
void driver_send_vote(struct driver *d, unsigned to, const struct vote *vote);
/* Makes a link end for a type of message that its sender may not send. */
const char *driver_unexpected(struct driver *d);

/* driver_clients.c */
const char *driver_client_message(
    void *context, struct link *link, unsigned client, uint8_t type, struct slice body);
void driver_client_gone(void *context, unsigned client, uint64_t session);

/* driver_exec.c */
struct exec_ops driver_exec_ops(struct driver *d);
/* Hands waiting batches to the executor, as many as it can take. */
void driver_hand_over(struct driver *d);
/* Asks for votes that were lost, if the executor stands still while others go on. */
void driver_ask_for_votes(struct driver *d);

#endif

/* The network as the driver sees it: messages of replicas and clients in, messages out.
 *
 * Nothing leaves before net_flush; nothing is called back from the sending functions. */
#ifndef BYZ_PROXY_NET_NET_H
#define BYZ_PROXY_NET_NET_H

#include "common/config.h"
#include "common/message.h"
#include "proxy/pbft/pbft.h"

struct ev_loop;
struct link;
struct net;

/* Upcalls, from within the loop. Bodies are borrowed. The two that take messages return NULL, or
 * why no correct node sends this: the link is then dropped and counted. */
struct net_ops {
    void *context;
    void (*peer_up)(void *context, unsigned replica);
    void (*peer_down)(void *context, unsigned replica);
    const char *(*peer_message)(void *context, unsigned replica, uint8_t type, struct slice body);
    const char *(*client_message)(
        void *context, struct link *link, unsigned client, uint8_t type, struct slice body);
    /* No link carries this session any more. */
    void (*client_gone)(void *context, unsigned client, uint64_t session);
};

/* Listens on this replica's configured address and dials the replicas below it. NULL with a
 * message. `config` must outlive it. */
struct net *net_start(struct ev_loop *loop, const struct config *config, unsigned self,
    const struct private_key *key, const struct net_ops *ops, char *ret_error, size_t error_size);
/* New links and messages of clients are no longer taken; replies still go out. */
void net_stop_clients(struct net *net);
/* GOODBYE to everybody. */
void net_close_all(struct net *net, const char *sqlstate, const char *text);
void net_free(struct net *net);

void net_flush(struct net *net);

/* `to` is a replica or PBFT_TO_ALL. What finds no link is dropped: agreement sends again. */
void net_send(struct net *net, unsigned to, enum message_type type, struct slice body);
bool net_peer_connected(const struct net *net, unsigned replica);
/* Bytes that wait to be sent to a replica. */
size_t net_peer_queued(const struct net *net, unsigned replica);

/* Open links of a client's key. */
unsigned net_client_links(const struct net *net, unsigned client);

/* Says which session a client's message named; returns as client_message does. */
const char *net_client_session(struct net *net, struct link *link, uint64_t session);
/* False: no link carries the session, or it does not take it (which ends the link). */
bool net_reply(
    struct net *net, unsigned client, uint64_t session, enum message_type type, struct slice body);
/* False also when the frame does not fit now; the link stays. */
bool net_offer(
    struct net *net, unsigned client, uint64_t session, enum message_type type, struct slice body);
/* The answer on the link that asked, whatever its session. */
void net_answer(struct link *link, enum message_type type, struct slice body);

/* Appends "name=value" lines. */
void net_status_text(const struct net *net, struct buffer *b);

#endif

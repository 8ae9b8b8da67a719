/* The exactly-once table: per session the last ordered request and its reply (section 4.1 of the
 * PBFT paper: last-rep and last-rep-t).
 *
 * A client key has a bounded number of remembered sessions. When another one comes, the one least
 * recently used by agreed order is forgotten, and the key's watermark rises to its number: requests
 * of unknown sessions up to the watermark are skipped for ever, or else an old COMMIT of a
 * forgotten session could be replayed and executed twice. Session numbers of one key must therefore
 * grow (README.md).
 *
 * Everything here is a function of the agreed order alone and so equal on all correct replicas; the
 * encoding is canonical and part of the checkpoint. */
#ifndef BYZ_PROXY_PBFT_CLIENTS_H
#define BYZ_PROXY_PBFT_CLIENTS_H

#include "common/message.h"

struct client_session {
    uint64_t session;
    uint64_t number; /* of its last ordered request */
    uint64_t used;   /* place of that request in the agreed order, for eviction */
    uint8_t result_size;
    uint8_t result[REPLY_BYTES_MAX];
};

struct client_key {
    uint64_t watermark; /* sessions up to here that are not in the table are forgotten ones */
    unsigned session_count;
    struct client_session *sessions; /* sorted by session number */
};

struct client_table {
    uint64_t used; /* requests ordered so far, without skipped ones */
    unsigned client_count;
    unsigned sessions_max;
    struct client_key *keys;
    struct client_session *memory;
};

enum freshness {
    FRESHNESS_INVALID = 0,
    FRESH,
    FRESHNESS_LAST,      /* the session's last ordered request, again */
    FRESHNESS_OLD,       /* an earlier one */
    FRESHNESS_FORGOTTEN, /* of a session that was forgotten */
};

bool client_table_init(struct client_table *table, unsigned client_count, unsigned sessions_max);
void client_table_release(struct client_table *table);

/* NULL if the session is not remembered. */
struct client_session *client_table_find(
    const struct client_table *table, unsigned client, uint64_t session);
enum freshness client_table_judge(
    const struct client_table *table, unsigned client, uint64_t session, uint64_t number);
/* Orders one request: judges it, and remembers it if it is fresh. Its result is empty until
 * client_session_set_result. */
enum freshness client_table_order(
    struct client_table *table, unsigned client, uint64_t session, uint64_t number);
void client_session_set_result(struct client_session *s, struct slice result);

void client_table_encode(const struct client_table *table, struct buffer *b);
/* Takes an encoded table into an empty one. */
const char *client_table_take(struct client_table *table, struct reader *r);
void client_table_copy(struct client_table *to, const struct client_table *from);
size_t client_table_bytes_max(const struct client_table *table);

#endif

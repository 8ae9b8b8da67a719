/* What this replica says of itself, as JSON for its own database: the views of schema byzantium
 * (sql/byzantium.sql) take it apart again, so names here are names there.
 *
 * All of it is what this replica knows or was told, nothing is proved. */
#ifndef BYZ_PROXY_REPORT_H
#define BYZ_PROXY_REPORT_H

#include "proxy/status.h"
#include "proxy/suspicions.h"

#define REPORT_BYTES_MAX (512u << 10)
#define REPORT_TRANSACTIONS_MAX 256 /* the oldest; their number is reported, too */
#define REPORT_SUSPICIONS_MAX 16    /* in one go */

struct report_client {
    uint64_t requests;   /* to be ordered, over the client's own links to this replica */
    uint64_t operations; /* statements for this replica as coordinator */
};

/* What the status facts do not know: times (UTC, microseconds) and counts. */
struct report_history {
    uint64_t now_us;
    uint64_t started_us;
    uint64_t state_since_us;
    uint64_t peer_since_us[REPLICAS_MAX]; /* connected, or not, since then */
    uint64_t suspicions_lost;
    const struct report_client *clients; /* one for each client key */
};

/* The number that at least one correct replica claims to have reached: the largest that f+1 of
 * these claims reach. A liar alone can make nobody look late. */
uint64_t report_reached(const uint64_t *claims, unsigned count, unsigned faults);

/* Each appends to an empty buffer; fails through it. */
void report_put(
    const struct status_facts *facts, const struct report_history *history, struct buffer *out);
/* What the configuration says: changes at a start only. */
void report_put_configuration(const struct config *config, struct buffer *out);
void report_put_setting_names(const struct config *config, struct buffer *out);
/* The first ones, at most REPORT_SUSPICIONS_MAX; returns how many. */
unsigned report_put_suspicions(
    const struct suspicions *suspicions, const struct config *config, struct buffer *out);

#endif

/* Publishing what this replica says of itself in its own database: a report every second and soon
 * after a change, and what looked suspicious. Internal to proxy/driver*.c.
 *
 * It may fail or be dropped at any time: the order waits for nothing here. */
#ifndef BYZ_PROXY_DRIVER_REPORT_H
#define BYZ_PROXY_DRIVER_REPORT_H

#include "proxy/net/ratelimit.h"
#include "proxy/report.h"

#include <ev.h>

struct driver;

struct driver_report {
    struct driver *driver;
    struct ev_timer timer;
    struct suspicions suspicions;
    struct ratelimit limits[REPLICAS_MAX][SUSPICION_COUNT];
    struct report_client *clients;
    struct report_history history;
    const char *state; /* as published last */
    bool peer_connected[REPLICAS_MAX];
    unsigned peer_silent[REPLICAS_MAX]; /* seconds of ours, see driver_report.c */
    uint64_t counted_us;                /* when one of them began */
    uint64_t mark;                      /* suspicions up to here are on their way */
    uint64_t full_us;                   /* when the configuration came with a report; 0: not yet */
    uint64_t pause_until_us;            /* no reports, after PostgreSQL refused one */
    bool complained;
    struct buffer report, configuration, settings, written;
};

/* False: out of memory. */
bool driver_report_start(struct driver *d);
void driver_report_stop(struct driver *d);
/* Something changed: publish it soon. */
void driver_report_soon(struct driver *d);

/* Keeps a suspicion; what a replica can provoke is limited in rate, `seen_us` is filled in. */
void driver_suspect(struct driver *d, const struct suspicion *suspicion);
/* … about a replica as such. */
void driver_suspect_replica(
    struct driver *d, enum suspicion_kind kind, unsigned replica, const char *detail);

#endif

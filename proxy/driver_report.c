#include "proxy/driver_report.h"

#include "proxy/driver_internal.h"
#include "proxy/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PERIOD_SECONDS 1.0
#define SOON_SECONDS 0.1
#define SECOND_US (1000u * 1000)
/* So often the configuration and the settings' values come along. */
#define FULL_PERIOD_US (10 * SECOND_US)
#define PAUSE_US (10 * SECOND_US)
#define SILENT_SECONDS 5
#define SUSPICIONS_PER_PERIOD 10
#define SUSPICIONS_PERIOD_US (30u * 1000 * 1000)
#define SUSPICIONS_BYTES_MAX                                                                       \
    (REPORT_SUSPICIONS_MAX *                                                                       \
        (6 * (SUSPICION_STATEMENT_BYTES_MAX + SUSPICION_DETAIL_BYTES_MAX) + 1024))

static uint64_t wall_clock_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

/* ---- suspicions ---- */

void driver_suspect(struct driver *d, const struct suspicion *suspicion)
{
    struct driver_report *r = &d->report;
    uint64_t refused;
    /* the executor's number comes from a client's list */
    if (suspicion->replica >= d->options.config->replica_count ||
        !ratelimit_allow(
            &r->limits[suspicion->replica][suspicion->kind], driver_now_us(), &refused))
        return;
    struct suspicion seen = *suspicion;
    seen.seen_us = wall_clock_us();
    if (suspicions_add(&r->suspicions, &seen))
        driver_report_soon(d);
}

void driver_suspect_replica(
    struct driver *d, enum suspicion_kind kind, unsigned replica, const char *detail)
{
    struct suspicion suspicion = {.kind = kind, .replica = replica, .detail = slice_text(detail)};
    driver_suspect(d, &suspicion);
}

/* ---- watching ---- */

static void watch_peer(struct driver *d, unsigned replica)
{
    struct driver_report *r = &d->report;
    bool connected = net_peer_connected(d->net, replica);
    if (connected != r->peer_connected[replica])
        r->history.peer_since_us[replica] = r->history.now_us;
    r->peer_connected[replica] = connected;
    if (connected)
        r->peer_silent[replica] = 0;
}

static void count_silence(struct driver *d, unsigned replica)
{
    struct driver_report *r = &d->report;
    if (r->peer_connected[replica] || r->peer_silent[replica] >= SILENT_SECONDS)
        return;
    if (++r->peer_silent[replica] == SILENT_SECONDS)
        driver_suspect_replica(d, SUSPICION_SILENT, replica, "it cannot be reached, or is silent");
}

/* Counts seconds in which this process was alive: when it stood still itself, nobody else was
 * silent. */
static void watch_peers(struct driver *d)
{
    struct driver_report *r = &d->report;
    uint64_t now_us = driver_now_us();
    bool second = now_us - r->counted_us >= SECOND_US * 9 / 10;
    if (second)
        r->counted_us = now_us;
    for (unsigned i = 0; i < d->options.config->replica_count; i++) {
        if (i == d->options.self)
            continue;
        watch_peer(d, i);
        if (second)
            count_silence(d, i);
    }
}

/* ---- publishing ---- */

static void on_published(void *context, enum exec_published_as result, const char *reason)
{
    struct driver_report *r = context;
    switch (result) {
    case EXEC_PUBLISHED_ALL:
    case EXEC_PUBLISHED_INCOMPLETE:
        suspicions_forget(&r->suspicions, r->mark);
        if (result == EXEC_PUBLISHED_INCOMPLETE)
            r->full_us = 0;
        r->complained = false;
        return;
    case EXEC_PUBLISHED_FAILED:
        if (!r->complained) {
            log_line(LEVEL_WARNING, "cannot write byzantium.report: %s", reason);
            log_hint("Only psql's views of schema byzantium lack it. If its tables are missing, "
                     "run sql/byzantium.sql in this replica's database again.");
        }
        r->complained = true;
        r->pause_until_us = driver_now_us() + PAUSE_US;
        r->full_us = 0;
        return;
    case EXEC_PUBLISHED_LOST:
        r->full_us = 0;
        return;
    case EXEC_PUBLISHED_INVALID:
        break;
    }
}

static const char *text_of(struct buffer *b)
{
    put_u8(b, 0);
    return b->failed ? NULL : (const char *)b->data;
}

static void put_configuration(struct driver *d, struct exec_publication *publication)
{
    struct driver_report *r = &d->report;
    buffer_clear(&r->configuration);
    buffer_clear(&r->settings);
    report_put_configuration(d->options.config, &r->configuration);
    report_put_setting_names(d->options.config, &r->settings);
    publication->settings = text_of(&r->settings);
    publication->configuration = publication->settings ? text_of(&r->configuration) : NULL;
}

static void put_report(
    struct driver *d, const struct status_facts *facts, struct exec_publication *publication)
{
    struct driver_report *r = &d->report;
    struct exec_info exec;
    exec_info(d->exec, &exec);
    const char *state = status_state(facts, &exec);
    if (!r->state || strcmp(state, r->state) != 0)
        r->history.state_since_us = r->history.now_us;
    r->state = state;
    r->history.suspicions_lost = r->suspicions.lost;
    buffer_clear(&r->report);
    report_put(facts, &r->history, &r->report);
    publication->report = text_of(&r->report);
}

static void publish(struct driver *d)
{
    struct driver_report *r = &d->report;
    struct exec_publication publication = {0};
    struct status_facts facts = driver_facts(d);
    uint64_t now_us = driver_now_us();
    bool full = r->full_us == 0 || now_us - r->full_us >= FULL_PERIOD_US;
    put_report(d, &facts, &publication);
    if (full)
        put_configuration(d, &publication);
    buffer_clear(&r->written);
    unsigned count = report_put_suspicions(&r->suspicions, d->options.config, &r->written);
    if (count > 0)
        publication.suspicions = text_of(&r->written);
    if (!publication.report || (full && !publication.configuration))
        return; /* out of memory: the next one may find some */
    if (!exec_publish(d->exec, &publication, on_published, r))
        return;
    r->mark = suspicions_mark(&r->suspicions, publication.suspicions ? count : 0);
    if (full)
        r->full_us = now_us;
}

static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct driver_report *r = timer->data;
    struct driver *d = r->driver;
    if (d->ended)
        return;
    r->history.now_us = wall_clock_us();
    watch_peers(d);
    if (driver_now_us() >= r->pause_until_us)
        publish(d);
}

void driver_report_soon(struct driver *d)
{
    struct driver_report *r = &d->report;
    if (!ev_is_active(&r->timer) || ev_timer_remaining(d->loop, &r->timer) <= SOON_SECONDS)
        return;
    ev_timer_stop(d->loop, &r->timer);
    ev_timer_set(&r->timer, SOON_SECONDS, PERIOD_SECONDS);
    ev_timer_start(d->loop, &r->timer);
}

/* ---- life ---- */

bool driver_report_start(struct driver *d)
{
    struct driver_report *r = &d->report;
    r->driver = d;
    r->clients = calloc(d->options.config->client_count + 1, sizeof *r->clients);
    if (!r->clients)
        return false;
    r->history.clients = r->clients;
    r->history.now_us = r->history.started_us = wall_clock_us();
    for (unsigned i = 0; i < REPLICAS_MAX; i++) {
        r->history.peer_since_us[i] = r->history.now_us;
        for (unsigned k = 0; k < SUSPICION_COUNT; k++)
            ratelimit_init(&r->limits[i][k], SUSPICIONS_PER_PERIOD, SUSPICIONS_PERIOD_US);
    }
    buffer_init(&r->report, REPORT_BYTES_MAX);
    buffer_init(&r->configuration, REPORT_BYTES_MAX);
    buffer_init(&r->settings, REPORT_BYTES_MAX);
    buffer_init(&r->written, SUSPICIONS_BYTES_MAX);
    ev_timer_init(&r->timer, on_timer, SOON_SECONDS, PERIOD_SECONDS);
    r->timer.data = r;
    ev_timer_start(d->loop, &r->timer);
    return true;
}

void driver_report_stop(struct driver *d)
{
    struct driver_report *r = &d->report;
    ev_timer_stop(d->loop, &r->timer);
    free(r->clients);
    r->clients = NULL;
    buffer_free(&r->report);
    buffer_free(&r->configuration);
    buffer_free(&r->settings);
    buffer_free(&r->written);
}

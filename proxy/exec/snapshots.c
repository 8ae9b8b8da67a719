#include "proxy/exec/snapshots.h"

#include "proxy/log.h"

#include <assert.h>
#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A generation is closed after so many exports, or when it is so old. */
#define GENERATION_EXPORTS_MAX 64
#define GENERATION_SECONDS_MAX 2.0
#define SNAPSHOT_NAME_BYTES_MAX 63

struct keeper {
    struct snapshots *snapshots;
    struct backend *session; /* NULL: not connected */
    bool in_transaction;
    unsigned exports;   /* of this generation */
    unsigned in_flight; /* exports not yet answered */
    double begun;
};

/* A snapshot, or the wish for one. */
struct snapshot {
    uint64_t epoch;
    unsigned holders;
    enum snapshot_state state;
    struct keeper *keeper; /* NULL: waits for one, or is lost */
    bool answered;
    char name[SNAPSHOT_NAME_BYTES_MAX + 1];
    struct snapshot *next; /* newest first */
};

struct snapshots {
    struct ev_loop *loop;
    struct backend_target target;
    struct snapshots_events events;
    unsigned keepers_max;
    bool open;
    struct keeper keepers[KEEPERS_MAX];
    unsigned current;
    struct snapshot *list;
    struct ev_timer retry;
    struct ev_idle kick; /* only fed */
};

static struct snapshot *find(const struct snapshots *s, uint64_t epoch)
{
    struct snapshot *at = s->list;
    while (at != NULL && at->epoch != epoch)
        at = at->next;
    return at;
}

static void changed(struct snapshots *s)
{
    ev_feed_event(s->loop, &s->kick, EV_CUSTOM);
}

/* ---- keepers ---- */

static bool has_snapshots(const struct keeper *keeper)
{
    for (const struct snapshot *at = keeper->snapshots->list; at != NULL; at = at->next)
        if (at->keeper == keeper)
            return true;
    return false;
}

/* Ends a generation that nobody needs. */
static void keeper_rest(struct keeper *keeper)
{
    if (!keeper->in_transaction || keeper->in_flight > 0 || has_snapshots(keeper))
        return;
    keeper->in_transaction = false;
    backend_command(keeper->session, "COMMIT", NULL, NULL, 0);
}

static void lose_all(struct snapshots *s, const struct keeper *keeper)
{
    for (struct snapshot *at = s->list; at != NULL; at = at->next) {
        if (at->keeper == keeper) {
            at->keeper = NULL;
            at->state = SNAPSHOT_LOST;
        }
    }
    changed(s);
}

static void on_ready(void *context, struct backend *session)
{
    struct keeper *keeper = context;
    changed(keeper->snapshots);
}

static void on_dead(void *context, struct backend *session, const char *reason)
{
    struct keeper *keeper = context;
    struct snapshots *s = keeper->snapshots;
    if (s->open)
        log_line(LEVEL_WARNING, "the keeper of snapshots lost its session: %s", reason);
    backend_free(session);
    lose_all(s, keeper);
    *keeper = (struct keeper){.snapshots = s};
    if (s->open && !ev_is_active(&s->retry)) {
        ev_timer_set(&s->retry, 0.2, 0.);
        ev_timer_start(s->loop, &s->retry);
    }
}

static void keeper_connect(struct keeper *keeper)
{
    if (keeper->session != NULL)
        return;
    struct backend_owner owner = {.context = keeper, .ready = on_ready, .dead = on_dead};
    keeper->session = backend_new(keeper->snapshots->loop, &keeper->snapshots->target, &owner);
}

static bool generation_is_full(const struct keeper *keeper)
{
    return keeper->in_transaction &&
           (keeper->exports >= GENERATION_EXPORTS_MAX ||
               ev_now(keeper->snapshots->loop) - keeper->begun > GENERATION_SECONDS_MAX);
}

/* The keeper for the next export: another one when the current generation is full and another one
 * is free. While all generations are held, the current one grows. */
static struct keeper *choose_keeper(struct snapshots *s)
{
    keeper_rest(&s->keepers[s->current]);
    if (!generation_is_full(&s->keepers[s->current]))
        return &s->keepers[s->current];
    for (unsigned i = 0; i < s->keepers_max; i++) {
        struct keeper *keeper = &s->keepers[i];
        keeper_connect(keeper);
        if (keeper->session == NULL || !backend_is_ready(keeper->session))
            continue;
        keeper_rest(keeper);
        if (keeper->in_transaction)
            continue;
        s->current = i;
        break;
    }
    return &s->keepers[s->current];
}

/* ---- snapshots ---- */

static void remove_snapshot(struct snapshots *s, struct snapshot *snapshot)
{
    for (struct snapshot **at = &s->list; *at != NULL; at = &(*at)->next) {
        if (*at == snapshot) {
            *at = snapshot->next;
            break;
        }
    }
    free(snapshot);
}

static struct snapshot *find_or_add(struct snapshots *s, uint64_t epoch)
{
    struct snapshot *snapshot = find(s, epoch);
    if (snapshot != NULL)
        return snapshot;
    snapshot = calloc(1, sizeof *snapshot);
    if (snapshot == NULL)
        return NULL;
    snapshot->epoch = epoch;
    snapshot->next = s->list;
    s->list = snapshot;
    return snapshot;
}

/* The oldest export of this keeper that has no answer: answers come in order. */
static struct snapshot *next_to_answer(struct snapshots *s, const struct keeper *keeper)
{
    struct snapshot *oldest = NULL;
    for (struct snapshot *at = s->list; at != NULL; at = at->next)
        if (at->keeper == keeper && !at->answered)
            oldest = at;
    return oldest;
}

static void drop_unheld(struct snapshots *s, struct snapshot *snapshot)
{
    struct keeper *keeper = snapshot->keeper;
    if (snapshot->holders > 0 || (keeper != NULL && !snapshot->answered))
        return;
    remove_snapshot(s, snapshot);
    if (keeper != NULL)
        keeper_rest(keeper);
}

static void on_exported(void *context, unsigned tag, const PGresult *result)
{
    struct keeper *keeper = context;
    struct snapshots *s = keeper->snapshots;
    struct snapshot *snapshot = next_to_answer(s, keeper);
    assert(snapshot != NULL && keeper->in_flight > 0);
    keeper->in_flight--;
    snapshot->answered = true;
    const char *name = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1
                           ? PQgetvalue(result, 0, 0)
                           : NULL;
    if (name != NULL && strlen(name) <= SNAPSHOT_NAME_BYTES_MAX &&
        strspn(name, "0123456789ABCDEF-") == strlen(name)) {
        snprintf(snapshot->name, sizeof snapshot->name, "%s", name);
        snapshot->state = SNAPSHOT_READY;
    } else {
        log_line(LEVEL_WARNING, "could not export a snapshot: %s", PQresultErrorMessage(result));
        snapshot->state = SNAPSHOT_LOST;
        snapshot->keeper = NULL;
        backend_kill(keeper->session, "its transaction failed");
    }
    drop_unheld(s, snapshot);
    changed(s);
}

static void send_export(struct snapshots *s, struct keeper *keeper, struct snapshot *snapshot)
{
    if (!keeper->in_transaction) {
        keeper->in_transaction = true;
        keeper->exports = 0;
        keeper->begun = ev_now(s->loop);
        struct backend_query begin = {.sql = "BEGIN ISOLATION LEVEL READ COMMITTED"};
        backend_query(keeper->session, &begin);
    }
    snapshot->keeper = keeper;
    snapshot->answered = false;
    keeper->exports++;
    keeper->in_flight++;
    backend_command(
        keeper->session, "SELECT pg_catalog.pg_export_snapshot()", on_exported, keeper, 0);
}

/* Sends what waits for a keeper. There is never more than the newest epoch's. */
static void send_waiting(struct snapshots *s)
{
    if (!s->open)
        return;
    for (struct snapshot *at = s->list; at != NULL; at = at->next) {
        if (at->state != SNAPSHOT_PENDING || at->keeper != NULL)
            continue;
        struct keeper *keeper = choose_keeper(s);
        keeper_connect(keeper);
        if (keeper->session == NULL || !backend_is_ready(keeper->session))
            return; /* its readiness calls again */
        send_export(s, keeper, at);
    }
}

void snapshots_export(struct snapshots *s, uint64_t epoch)
{
    struct snapshot *snapshot = find_or_add(s, epoch);
    if (snapshot == NULL || snapshot->state != SNAPSHOT_LOST)
        return;
    snapshot->state = SNAPSHOT_PENDING;
    snapshot->keeper = NULL;
    snapshot->answered = false;
    send_waiting(s);
}

void snapshots_hold(struct snapshots *s, uint64_t epoch)
{
    struct snapshot *snapshot = find_or_add(s, epoch);
    if (snapshot != NULL)
        snapshot->holders++;
}

void snapshots_release(struct snapshots *s, uint64_t epoch)
{
    struct snapshot *snapshot = find(s, epoch);
    if (snapshot == NULL || snapshot->holders == 0)
        return; /* memory had run out when it was to be held */
    snapshot->holders--;
    drop_unheld(s, snapshot);
}

void snapshots_release_all(struct snapshots *s)
{
    struct snapshot *next;
    for (struct snapshot *at = s->list; at != NULL; at = next) {
        next = at->next;
        at->holders = 0;
        drop_unheld(s, at);
    }
}

enum snapshot_state snapshots_state(const struct snapshots *s, uint64_t epoch)
{
    const struct snapshot *snapshot = find(s, epoch);
    return snapshot == NULL ? SNAPSHOT_LOST : snapshot->state;
}

const char *snapshots_name(const struct snapshots *s, uint64_t epoch)
{
    const struct snapshot *snapshot = find(s, epoch);
    return snapshot != NULL && snapshot->state == SNAPSHOT_READY ? snapshot->name : NULL;
}

bool snapshots_pending(const struct snapshots *s)
{
    for (const struct snapshot *at = s->list; at != NULL; at = at->next)
        if (at->state == SNAPSHOT_PENDING)
            return true;
    return false;
}

unsigned snapshots_sessions(const struct snapshots *s)
{
    unsigned n = 0;
    for (unsigned i = 0; i < s->keepers_max; i++)
        n += s->keepers[i].session != NULL;
    return n;
}

/* ---- life ---- */

static void on_kick(struct ev_loop *loop, struct ev_idle *kick, int events)
{
    struct snapshots *s = kick->data;
    send_waiting(s);
    s->events.changed(s->events.context);
}

static void on_retry(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct snapshots *s = timer->data;
    if (!s->open)
        return;
    keeper_connect(&s->keepers[s->current]);
    send_waiting(s);
}

struct snapshots *snapshots_new(struct ev_loop *loop, const struct backend_target *target,
    unsigned keepers_max, const struct snapshots_events *events)
{
    assert(keepers_max > 0 && keepers_max <= KEEPERS_MAX);
    struct snapshots *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->loop = loop;
    s->target = *target;
    s->events = *events;
    s->keepers_max = keepers_max;
    for (unsigned i = 0; i < KEEPERS_MAX; i++)
        s->keepers[i].snapshots = s;
    ev_init(&s->retry, on_retry);
    ev_idle_init(&s->kick, on_kick);
    s->retry.data = s->kick.data = s;
    return s;
}

void snapshots_free(struct snapshots *s)
{
    if (s == NULL)
        return;
    for (unsigned i = 0; i < KEEPERS_MAX; i++)
        backend_free(s->keepers[i].session);
    while (s->list != NULL)
        remove_snapshot(s, s->list);
    ev_timer_stop(s->loop, &s->retry);
    ev_clear_pending(s->loop, &s->kick);
    free(s);
}

void snapshots_open(struct snapshots *s)
{
    s->open = true;
    keeper_connect(&s->keepers[s->current]);
}

void snapshots_close(struct snapshots *s)
{
    s->open = false;
    ev_timer_stop(s->loop, &s->retry);
    for (struct snapshot *at = s->list; at != NULL; at = at->next)
        at->state = SNAPSHOT_LOST; /* also what waited for a keeper */
    for (unsigned i = 0; i < KEEPERS_MAX; i++)
        if (s->keepers[i].session != NULL)
            backend_kill(s->keepers[i].session, "PostgreSQL went away");
}

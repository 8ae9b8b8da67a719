#include "proxy/exec/locks.h"

#include "proxy/log.h"

#include <assert.h>
#include <ev.h>
#include <stdio.h>
#include <stdlib.h>

#define INTERVAL_SECONDS_MAX 0.1
#define STRANGER_SECONDS_MAX 2.0
#define STRANGERS_MAX 16

struct stranger {
    int pid;
    double since;
};

struct locks {
    struct ev_loop *loop;
    struct admin *admin;
    struct speculations *speculations;
    struct abandon *abandon;
    double patience;
    double interval;
    int pid;             /* 0: nobody waits */
    bool asked;          /* an answer is on its way… */
    unsigned generation; /* … for this watch? */
    unsigned asked_generation;
    struct stranger strangers[STRANGERS_MAX];
    unsigned stranger_count;
    uint64_t taken_back;
    struct ev_timer timer;
};

static void set_timer(struct locks *l, double seconds)
{
    ev_timer_stop(l->loop, &l->timer);
    ev_timer_set(&l->timer, seconds, 0.);
    ev_timer_start(l->loop, &l->timer);
}

/* Since when a process that is not ours is in the way. */
static double stranger_since(struct locks *l, int pid)
{
    for (unsigned i = 0; i < l->stranger_count; i++)
        if (l->strangers[i].pid == pid)
            return l->strangers[i].since;
    double now = ev_now(l->loop);
    if (l->stranger_count < STRANGERS_MAX)
        l->strangers[l->stranger_count++] = (struct stranger){.pid = pid, .since = now};
    return now;
}

static void press_stranger(struct locks *l, int pid)
{
    if (ev_now(l->loop) - stranger_since(l, pid) < STRANGER_SECONDS_MAX)
        return;
    log_line(LEVEL_WARNING,
        "process %d, a session that is not the proxy's, holds a lock that a commit needs; ending "
        "it",
        pid);
    admin_terminate(l->admin, pid);
}

/* True: one of ours, which will let go at once. */
static bool take_back(struct locks *l, int pid)
{
    if (speculations_take_back(l->speculations, pid)) {
        l->taken_back++;
        return true;
    }
    if (abandon_press(l->abandon, pid))
        return true;
    if (pid == 0)
        log_line(LEVEL_WARNING, "a prepared transaction holds a lock that a commit needs");
    else
        press_stranger(l, pid);
    return false;
}

/* Reads "{4711,4712}". */
static void take_all_back(struct locks *l, const char *text)
{
    bool ours = false;
    if (*text == '{')
        text++;
    bool blocked = *text != '}' && *text != '\0';
    /* first: what is taken back must not lock again before the order has the lock */
    if (blocked)
        speculations_hold(l->speculations, true);
    while (*text != '}' && *text != '\0') {
        char *end;
        long pid = strtol(text, &end, 10);
        if (end == text)
            break;
        ours |= take_back(l, (int)pid);
        text = *end == ',' ? end + 1 : end;
    }
    l->interval = ours ? l->patience : l->interval * 2;
    if (l->interval > INTERVAL_SECONDS_MAX)
        l->interval = INTERVAL_SECONDS_MAX;
}

static void on_blockers(void *context, unsigned tag, const PGresult *result)
{
    struct locks *l = context;
    l->asked = false;
    if (l->pid == 0)
        return;
    if (l->asked_generation == l->generation && PQresultStatus(result) == PGRES_TUPLES_OK &&
        PQntuples(result) == 1)
        take_all_back(l, PQgetvalue(result, 0, 0));
    set_timer(l, l->interval);
}

static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct locks *l = timer->data;
    if (l->asked || l->pid == 0)
        return;
    char pid[16];
    snprintf(pid, sizeof pid, "%d", l->pid);
    const char *const values[] = {pid};
    l->asked_generation = l->generation;
    l->asked =
        admin_query(l->admin, "SELECT pg_catalog.pg_blocking_pids($1)", 1, values, on_blockers, l);
    if (!l->asked)
        set_timer(l, INTERVAL_SECONDS_MAX);
}

void locks_watch(struct locks *l, int pid)
{
    assert(pid > 0);
    l->pid = pid;
    l->generation++;
    l->stranger_count = 0;
    l->interval = l->patience;
    /* if an old question is on its way, its answer sets the timer */
    if (!l->asked)
        set_timer(l, l->patience);
}

void locks_stop(struct locks *l)
{
    l->pid = 0;
    ev_timer_stop(l->loop, &l->timer);
    speculations_hold(l->speculations, false);
}

void locks_reset(struct locks *l)
{
    locks_stop(l);
    l->asked = false;
}

uint64_t locks_taken_back(const struct locks *l)
{
    return l->taken_back;
}

struct locks *locks_new(struct ev_loop *loop, struct admin *admin,
    struct speculations *speculations, struct abandon *abandon, double patience_seconds)
{
    struct locks *l = calloc(1, sizeof *l);
    if (l == NULL)
        return NULL;
    l->loop = loop;
    l->admin = admin;
    l->speculations = speculations;
    l->abandon = abandon;
    l->patience = patience_seconds;
    ev_init(&l->timer, on_timer);
    l->timer.data = l;
    return l;
}

void locks_free(struct locks *l)
{
    if (l == NULL)
        return;
    ev_timer_stop(l->loop, &l->timer);
    free(l);
}

#include "proxy/exec/abandon.h"

#include <ev.h>
#include <stdlib.h>

/* Between two cancels, and before the session is ended. */
#define PRESS_SECONDS 0.1
#define CANCELS_MAX 2

struct abandoned {
    struct abandon *abandon;
    struct backend *session;
    unsigned cancels;
    struct ev_timer timer;
    struct abandoned *next;
};

struct abandon {
    struct ev_loop *loop;
    struct pool *pool;
    struct admin *admin;
    struct abandoned *list;
};

static void remove_abandoned(struct abandoned *a)
{
    struct abandon *abandon = a->abandon;
    for (struct abandoned **at = &abandon->list; *at != NULL; at = &(*at)->next) {
        if (*at == a) {
            *at = a->next;
            break;
        }
    }
    ev_timer_stop(abandon->loop, &a->timer);
    free(a);
}

static void press(struct abandoned *a)
{
    if (!backend_is_ready(a->session))
        return;
    if (a->cancels < CANCELS_MAX) {
        a->cancels++;
        admin_cancel(a->abandon->admin, backend_pid(a->session));
        return;
    }
    /* closing our end alone would leave a busy process, and its locks, behind */
    admin_terminate(a->abandon->admin, backend_pid(a->session));
    backend_kill(a->session, "two cancels did not stop it");
}

static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    press(timer->data);
}

static void on_lost(void *context, struct backend *session, const char *reason)
{
    remove_abandoned(context);
}

static void on_rolled_back(void *context, unsigned tag, const PGresult *result)
{
    struct abandoned *a = context;
    if (PQresultStatus(result) != PGRES_COMMAND_OK ||
        admin_is_cancelling(a->abandon->admin, backend_pid(a->session))) {
        /* a cancel met the ROLLBACK itself, or would meet the next one's statement */
        (void)backend_command(a->session, "ROLLBACK", on_rolled_back, a, 0);
        return;
    }
    struct pool *pool = a->abandon->pool;
    struct backend *session = a->session;
    remove_abandoned(a);
    pool_return(pool, session);
}

struct abandon *abandon_new(struct ev_loop *loop, struct pool *pool, struct admin *admin)
{
    struct abandon *abandon = calloc(1, sizeof *abandon);
    if (abandon == NULL)
        return NULL;
    abandon->loop = loop;
    abandon->pool = pool;
    abandon->admin = admin;
    return abandon;
}

void abandon_free(struct abandon *abandon)
{
    if (abandon == NULL)
        return;
    while (abandon->list != NULL)
        remove_abandoned(abandon->list);
    free(abandon);
}

void abandon_session(struct abandon *abandon, struct backend *session)
{
    bool busy = backend_pending(session) > 0;
    backend_disown(session);
    backend_pause(session, false);
    backend_lend(session, NULL, NULL);
    struct abandoned *a = calloc(1, sizeof *a);
    if (a == NULL || !backend_is_ready(session)) {
        free(a);
        admin_terminate(abandon->admin, backend_pid(session));
        backend_kill(session, "out of memory");
        return;
    }
    a->abandon = abandon;
    a->session = session;
    a->next = abandon->list;
    abandon->list = a;
    ev_timer_init(&a->timer, on_timer, PRESS_SECONDS, PRESS_SECONDS);
    a->timer.data = a;
    ev_timer_start(abandon->loop, &a->timer);
    backend_lend(session, a, on_lost);
    /* a sync first: the statement's own group may still be open */
    (void)backend_sync(session);
    (void)backend_command(session, "ROLLBACK", on_rolled_back, a, 0);
    if (busy)
        press(a);
}

bool abandon_press(struct abandon *abandon, int pid)
{
    for (struct abandoned *a = abandon->list; a != NULL; a = a->next) {
        if (backend_pid(a->session) == pid) {
            press(a);
            return true;
        }
    }
    return false;
}

#include "proxy/exec/admin.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* Nobody waits for more than a handful of answers; more means that PostgreSQL answers nothing. */
#define ADMIN_PENDING_MAX 4096
#define CANCELS_MAX 1024

struct admin {
    struct ev_loop *loop;
    struct backend_target target;
    struct admin_events events;
    struct backend *session; /* NULL: not connected */
    /* processes whose cancel is not answered, in the order of the answers; a ring */
    int cancelling[CANCELS_MAX];
    unsigned cancel_first;
    unsigned cancel_count;
};

static void on_ready(void *context, struct backend *session)
{
    struct admin *admin = context;
    admin->events.ready(admin->events.context);
}

static void on_dead(void *context, struct backend *session, const char *reason)
{
    struct admin *admin = context;
    char text[512];
    snprintf(text, sizeof text, "%s", reason);
    backend_free(session);
    admin->session = NULL;
    admin->cancel_count = 0;
    admin->events.dead(admin->events.context, text);
}

struct admin *admin_new(
    struct ev_loop *loop, const struct backend_target *target, const struct admin_events *events)
{
    struct admin *admin = calloc(1, sizeof *admin);
    if (admin == NULL)
        return NULL;
    admin->loop = loop;
    admin->target = *target;
    admin->events = *events;
    return admin;
}

void admin_free(struct admin *admin)
{
    if (admin == NULL)
        return;
    backend_free(admin->session);
    free(admin);
}

bool admin_connect(struct admin *admin)
{
    assert(admin->session == NULL);
    struct backend_owner owner = {.context = admin, .ready = on_ready, .dead = on_dead};
    admin->session = backend_new(admin->loop, &admin->target, &owner);
    return admin->session != NULL;
}

void admin_disconnect(struct admin *admin, const char *reason)
{
    if (admin->session != NULL)
        backend_kill(admin->session, reason);
}

bool admin_query(struct admin *admin, const char *sql, int parameter_count,
    const char *const *values, backend_answer *answer, void *context)
{
    if (admin->session == NULL)
        return false;
    if (backend_pending(admin->session) >= ADMIN_PENDING_MAX) {
        backend_kill(admin->session, "it answers nothing");
        return false;
    }
    struct backend_query query = {
        .sql = sql,
        .parameter_count = parameter_count,
        .values = values,
        .answer = answer,
        .context = context,
    };
    return backend_query(admin->session, &query) && backend_sync(admin->session);
}

bool admin_group(struct admin *admin, const struct backend_query *queries, unsigned count)
{
    if (admin->session == NULL || backend_pending(admin->session) + count >= ADMIN_PENDING_MAX)
        return false;
    for (unsigned i = 0; i < count; i++)
        if (!backend_query(admin->session, &queries[i]))
            return false; /* the session is dying, and its queries are forgotten */
    return backend_sync(admin->session);
}

static bool about_pid(struct admin *admin, const char *sql, int pid, backend_answer *answer)
{
    char text[16];
    snprintf(text, sizeof text, "%d", pid);
    const char *const values[] = {text};
    return admin_query(admin, sql, 1, values, answer, admin);
}

static void on_cancelled(void *context, unsigned tag, const PGresult *result)
{
    struct admin *admin = context;
    assert(admin->cancel_count > 0);
    admin->cancel_first = (admin->cancel_first + 1) % CANCELS_MAX;
    admin->cancel_count--;
}

void admin_cancel(struct admin *admin, int pid)
{
    if (admin->cancel_count == CANCELS_MAX ||
        !about_pid(admin, "SELECT pg_catalog.pg_cancel_backend($1)", pid, on_cancelled))
        return;
    admin->cancelling[(admin->cancel_first + admin->cancel_count) % CANCELS_MAX] = pid;
    admin->cancel_count++;
}

void admin_terminate(struct admin *admin, int pid)
{
    (void)about_pid(admin, "SELECT pg_catalog.pg_terminate_backend($1)", pid, NULL);
}

bool admin_is_cancelling(const struct admin *admin, int pid)
{
    for (unsigned i = 0; i < admin->cancel_count; i++)
        if (admin->cancelling[(admin->cancel_first + i) % CANCELS_MAX] == pid)
            return true;
    return false;
}

#include "proxy/status.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 2, 3))) static void put_line(
    struct buffer *b, const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    assert(length >= 0);
    size_t size = (size_t)length < sizeof line - 1 ? (size_t)length : sizeof line - 2;
    line[size++] = '\n';
    put_raw(b, line, size);
}

static const char *drop_name(enum drop_kind kind)
{
    switch (kind) {
    case DROP_AGREEMENT:
        return "agreement";
    case DROP_UNEXPECTED:
        return "unexpected";
    case DROP_MALFORMED:
        return "malformed";
    case DROP_FOREIGN:
        return "foreign";
    case DROP_BUSY:
        return "busy";
    case DROP_FETCH:
        return "fetch";
    case DROP_NO_LINK:
        return "no_link";
    case DROP_INVALID:
    case DROP_COUNT:
        break;
    }
    assert(!"a kind of drop");
    return "";
}

/* The first that applies, from bad to good. */
const char *status_state(const struct status_facts *f, const struct exec_info *exec)
{
    if (f->diverged)
        return "diverged";
    if (exec->stopped)
        return "stopped";
    if (f->stopping)
        return "stopping";
    return exec->ready ? "ready" : "starting";
}

const char *status_reason(const struct status_facts *f, const struct exec_info *exec)
{
    if (f->diverged)
        return f->diverged;
    if (exec->stopped)
        return exec->stopped;
    if (!exec->ready)
        return "waiting for PostgreSQL";
    struct pbft_info info;
    pbft_info(f->core, &info);
    if (info.silent)
        return "its log was lost: it is silent in agreement until that is safe";
    return info.active ? "" : "the primary is being replaced";
}

static void put_agreement(const struct status_facts *f, struct buffer *b)
{
    struct pbft_info info;
    pbft_info(f->core, &info);
    put_line(b, "view=%" PRIu64, info.view);
    put_line(b, "view_entered=%d", info.active);
    put_line(b, "view_changes=%u", info.view_changes);
    put_line(b, "primary=%u", info.primary);
    put_line(b, "primary_suspected=%s", info.suspects && info.reason ? info.reason : "");
    put_line(b, "silent=%d", info.silent);
    put_line(b, "silent_until=%" PRIu64, info.silent_until);
    put_line(b, "delivered=%" PRIu64, info.delivered);
    put_line(b, "stable=%" PRIu64, info.stable);
    put_line(b, "pending=%u", info.pending);
    put_line(b, "in_flight=%u", info.in_flight);
    put_line(b, "agreed_time_us=%" PRIu64, info.timestamp_us);
    for (unsigned i = 0; i < f->config->replica_count; i++) {
        if (i == f->self)
            continue;
        put_line(b, "replica%u_connected=%d", i, net_peer_connected(f->net, i));
        put_line(b, "replica%u_executed=%" PRIu64, i, info.peer_executed[i]);
    }
}

/* Restored at a checkpoint with nothing behind it, the executor has not executed anything itself.
 */
void status_exec(const struct status_facts *facts, struct exec_info *ret)
{
    struct pbft_info info;
    pbft_info(facts->core, &info);
    exec_info(facts->exec, ret);
    if (ret->executed < info.executed)
        ret->executed = info.executed;
}

static void put_execution(const struct status_facts *f, const struct exec_info *e, struct buffer *b)
{
    put_line(b, "executed=%" PRIu64, e->executed);
    put_line(b, "epoch=%" PRIu64, e->epoch);
    put_line(b, "waiting=%u", f->waiting);
    put_line(b, "transactions_open=%u", e->transactions_open);
    put_line(b, "sessions=%u", e->sessions);
    put_line(b, "sessions_busy=%u", e->sessions_busy);
    put_line(b, "committed=%" PRIu64, e->committed);
    put_line(b, "aborted=%" PRIu64, e->aborted);
    put_line(b, "mismatches=%" PRIu64, e->mismatches);
    put_line(b, "locks_taken_back=%" PRIu64, e->locks_taken_back);
}

void status_text(const struct status_facts *facts, struct buffer *b)
{
    struct exec_info exec;
    status_exec(facts, &exec);
    put_line(b, "cluster=%s", facts->config->name);
    put_line(b, "replica=%u", facts->self);
    put_line(b, "version=%s", BYZ_VERSION);
    put_line(b, "state=%s", status_state(facts, &exec));
    put_line(b, "reason=%s", status_reason(facts, &exec));
    put_line(b, "uptime_s=%" PRIu64, facts->uptime_s);
    put_agreement(facts, b);
    put_execution(facts, &exec, b);
    put_line(b, "steps=%" PRIu64, facts->steps);
    put_line(b, "log_flushes=%" PRIu64, facts->flushes);
    put_line(b, "evidence=%u", facts->evidence);
    net_status_text(facts->net, b);
    for (unsigned i = DROP_INVALID + 1; i < DROP_COUNT; i++)
        put_line(b, "dropped_%s=%" PRIu64, drop_name((enum drop_kind)i), facts->dropped[i]);
    exec_status_text(facts->exec, b);
}

/* The executor's outside: puts its parts together, keeps the connection with PostgreSQL, and
 * answers the driver. The parts know each other only through their headers; README.md has the map.
 */
#include "proxy/exec/exec.h"

#include "proxy/exec/apply.h"
#include "proxy/exec/publish.h"
#include "proxy/exec/refusal.h"
#include "proxy/log.h"

#include <assert.h>
#include <ev.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define APP_ROLE "byz_app"
#define RECONNECT_SECONDS 1.0
#define REASON_BYTES_MAX 1024
/* Statements of operations that wait, of all clients. */
#define WAITING_BYTES_MAX (64 << 20)
#define ADMIN_SESSIONS 1

struct exec {
    struct ev_loop *loop;
    const struct config *config;
    unsigned self;
    struct exec_ops ops;
    char *conninfo;
    struct operation_budget budget;

    struct ledger *ledger;
    struct ballot *ballot;
    struct admin *admin;
    struct publisher *publisher;
    struct startup *startup;
    struct pool *pool;
    struct snapshots *snapshots;
    struct abandon *abandon;
    struct speculations *speculations;
    struct held *held;
    struct locks *locks;
    struct apply *apply;

    bool connected; /* PostgreSQL is there and ours, even if nothing is executed any more */
    bool ready;
    bool complained;                /* PostgreSQL's absence is in the log */
    bool ended;                     /* fatal: nothing is tried any more */
    char stopped[REASON_BYTES_MAX]; /* "": not */
    struct ev_timer reconnect;
};

/* ---- PostgreSQL comes and goes ---- */

static void set_reconnect(struct exec *e, double seconds)
{
    ev_timer_stop(e->loop, &e->reconnect);
    ev_timer_set(&e->reconnect, seconds, 0.);
    ev_timer_start(e->loop, &e->reconnect);
}

static void connect_now(struct exec *e)
{
    if (!e->ended && !admin_connect(e->admin))
        set_reconnect(e, RECONNECT_SECONDS);
}

static void on_reconnect(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    connect_now(timer->data);
}

static void close_all(struct exec *e)
{
    e->ready = e->connected = false;
    publisher_reset(e->publisher);
    startup_stop(e->startup);
    locks_reset(e->locks);
    snapshots_close(e->snapshots);
    apply_close(e->apply);
    pool_close(e->pool);
}

static void on_admin_ready(void *context)
{
    struct exec *e = context;
    startup_run(e->startup);
}

static void on_admin_dead(void *context, const char *reason)
{
    struct exec *e = context;
    if (!e->complained && !e->ended)
        log_line(LEVEL_WARNING, "no PostgreSQL (%s); trying again every second", reason);
    e->complained = true;
    close_all(e);
    if (!e->ended)
        set_reconnect(e, RECONNECT_SECONDS);
}

static void on_started(void *context, const struct applied_place *applied)
{
    struct exec *e = context;
    log_line(LEVEL_LOG,
        "PostgreSQL is ready, at epoch %" PRIu64 " (batch %" PRIu64 ", request %" PRIu32 ")",
        applied->epoch, applied->seq, applied->index);
    e->complained = false;
    e->connected = true;
    if (e->stopped[0] != '\0')
        return; /* connected for the status only */
    e->ready = true;
    pool_open(e->pool);
    snapshots_open(e->snapshots);
    apply_open(e->apply, applied);
    e->ops.ready(e->ops.context);
}

static void on_start_failed(void *context, const char *reason)
{
    struct exec *e = context;
    if (!e->complained)
        log_line(
            LEVEL_WARNING, "cannot start with PostgreSQL: %s; trying again every second", reason);
    e->complained = true;
    admin_disconnect(e->admin, reason);
}

static void on_fatal(void *context, const char *reason)
{
    struct exec *e = context;
    e->ended = true;
    e->ops.fatal(e->ops.context, reason);
}

static void on_stopped(void *context, const char *reason)
{
    struct exec *e = context;
    snprintf(e->stopped, sizeof e->stopped, "%s", reason);
    log_line(LEVEL_WARNING, "this replica executes no more: %s", reason);
    e->ready = false;
    locks_reset(e->locks);
    snapshots_close(e->snapshots);
    pool_close(e->pool);
    e->ops.stopped(e->ops.context, e->stopped);
}

static void on_doubtful(void *context, const char *reason)
{
    struct exec *e = context;
    log_line(LEVEL_WARNING, "starting again from what PostgreSQL holds: %s", reason);
    admin_disconnect(e->admin, reason);
}

static void on_snapshots_changed(void *context)
{
    struct exec *e = context;
    speculations_snapshots_changed(e->speculations);
    apply_wake(e->apply);
}

/* ---- making ---- */

static struct backend_target target_of(struct exec *e, const char *user, bool lazy_commit)
{
    return (struct backend_target){
        .conninfo = e->conninfo,
        .user = user,
        .lazy_commit = lazy_commit,
        .message_bytes_max = e->config->result_bytes_max,
    };
}

static unsigned keepers_of(const struct config *config)
{
    unsigned keepers = config->sessions_max / 8;
    if (keepers < 1)
        return 1;
    return keepers < KEEPERS_MAX ? keepers : KEEPERS_MAX;
}

static unsigned pool_size_of(const struct config *config)
{
    unsigned others = ADMIN_SESSIONS + keepers_of(config);
    unsigned least = POOL_RESERVE + 1;
    return config->sessions_max > others + least ? config->sessions_max - others : least;
}

static bool make_agreed(struct exec *e)
{
    struct ledger_options options = {
        .replica_count = e->config->replica_count,
        .transactions_max = e->config->transactions_max,
        .transactions_per_client_max = e->config->transactions_per_client_max,
        .transaction_timeout_us = (uint64_t)e->config->transaction_timeout_ms * 1000,
    };
    e->ledger = ledger_new(&options);
    e->ballot = ballot_new(e->config, e->self, &e->ops);
    return e->ledger != NULL && e->ballot != NULL;
}

static bool make_sessions(struct exec *e)
{
    struct backend_target app = target_of(e, APP_ROLE, true);
    struct backend_target keeper = target_of(e, NULL, false);
    struct admin_events admin_events = {
        .context = e, .ready = on_admin_ready, .dead = on_admin_dead};
    struct startup_events startup_events = {
        .context = e, .ready = on_started, .failed = on_start_failed, .fatal = on_fatal};
    struct snapshots_events snapshots_events = {.context = e, .changed = on_snapshots_changed};
    e->admin = admin_new(e->loop, &keeper, &admin_events);
    e->publisher = publisher_new(e->admin);
    e->pool = pool_new(e->loop, &app, pool_size_of(e->config));
    e->snapshots = snapshots_new(e->loop, &keeper, keepers_of(e->config), &snapshots_events);
    if (e->admin == NULL || e->publisher == NULL || e->pool == NULL || e->snapshots == NULL)
        return false;
    e->startup = startup_new(e->loop, e->admin, e->config, e->self, &startup_events);
    e->abandon = abandon_new(e->loop, e->pool, e->admin);
    return e->startup != NULL && e->abandon != NULL;
}

static bool make_speculation(struct exec *e)
{
    struct speculations_parts parts = {
        .loop = e->loop,
        .config = e->config,
        .ops = &e->ops,
        .pool = e->pool,
        .snapshots = e->snapshots,
        .admin = e->admin,
        .abandon = e->abandon,
        .budget = &e->budget,
    };
    e->speculations = speculations_new(&parts);
    if (e->speculations == NULL)
        return false;
    e->held = held_new(e->loop, &e->ops, e->speculations, &e->budget);
    e->locks = locks_new(
        e->loop, e->admin, e->speculations, e->abandon, e->config->lock_patience_ms / 1000.0);
    return e->held != NULL && e->locks != NULL;
}

static bool make_order(struct exec *e)
{
    struct apply_parts parts = {
        .loop = e->loop,
        .config = e->config,
        .ops = &e->ops,
        .ledger = e->ledger,
        .ballot = e->ballot,
        .speculations = e->speculations,
        .snapshots = e->snapshots,
        .admin = e->admin,
        .held = e->held,
        .ordered =
            {
                .loop = e->loop,
                .self = e->self,
                .config = e->config,
                .pool = e->pool,
                .snapshots = e->snapshots,
                .admin = e->admin,
                .abandon = e->abandon,
                .speculations = e->speculations,
                .locks = e->locks,
                .ballot = e->ballot,
                .ops = &e->ops,
            },
    };
    struct apply_events events = {.context = e, .stopped = on_stopped, .doubtful = on_doubtful};
    e->apply = apply_new(&parts, &events);
    return e->apply != NULL;
}

struct exec *exec_new(struct ev_loop *loop, const struct config *config, unsigned self,
    const char *conninfo, const struct exec_ops *ops)
{
    assert(self < config->replica_count);
    struct exec *e = calloc(1, sizeof *e);
    if (e == NULL)
        return NULL;
    e->loop = loop;
    e->config = config;
    e->self = self;
    e->ops = *ops;
    e->budget.bytes_max = WAITING_BYTES_MAX;
    ev_init(&e->reconnect, on_reconnect);
    e->reconnect.data = e;
    e->conninfo = strdup(conninfo);
    backend_environment_clear();
    if (e->conninfo == NULL || !make_agreed(e) || !make_sessions(e) || !make_speculation(e) ||
        !make_order(e)) {
        exec_free(e);
        return NULL;
    }
    connect_now(e);
    return e;
}

void exec_free(struct exec *e)
{
    if (e == NULL)
        return;
    ev_timer_stop(e->loop, &e->reconnect);
    apply_free(e->apply);
    locks_free(e->locks);
    held_free(e->held);
    speculations_free(e->speculations);
    abandon_free(e->abandon);
    startup_free(e->startup);
    snapshots_free(e->snapshots);
    pool_free(e->pool);
    publisher_free(e->publisher);
    admin_free(e->admin);
    ballot_free(e->ballot);
    ledger_free(e->ledger);
    free(e->conninfo);
    free(e);
}

/* ---- the driver's calls ---- */

const char *exec_restore(struct exec *e, struct slice app_state)
{
    const char *reason = ledger_decode(e->ledger, app_state);
    if (reason == NULL)
        apply_restored(e->apply);
    return reason;
}

bool exec_deliver(struct exec *e, const struct pbft_delivery *delivery)
{
    return apply_deliver(e->apply, delivery);
}

void exec_operation(struct exec *e, unsigned client, const struct operation *operation)
{
    struct result_key key = {operation->session, operation->transaction, operation->index};
    struct transaction_id id = {
        .client = (uint16_t)client,
        .session = operation->session,
        .number = operation->transaction,
    };
    if (e->stopped[0] != '\0') {
        refusal_send(&e->ops, client, key, "57P03", "this replica executes no more");
        return;
    }
    const struct transaction *found = ledger_find(e->ledger, id);
    if (found == NULL) {
        held_operation(e->held, client, operation);
        return;
    }
    struct transaction t = *found;
    speculations_operation(e->speculations, &t, client, operation);
}

void exec_cancel(struct exec *e, unsigned client, const struct cancel *cancel)
{
    struct transaction_id id = {
        .client = (uint16_t)client,
        .session = cancel->session,
        .number = cancel->transaction,
    };
    speculations_cancel(e->speculations, id);
}

void exec_client_gone(struct exec *e, unsigned client, uint64_t session)
{
    held_drop(e->held, client, session);
    speculations_client_gone(e->speculations, client, session);
}

void exec_vote(struct exec *e, unsigned replica, const struct vote *vote)
{
    ballot_receive(e->ballot, replica, vote, ev_now(e->loop));
    apply_wake(e->apply);
}

void exec_info(const struct exec *e, struct exec_info *ret)
{
    const struct apply_counters *applied = apply_counters(e->apply);
    *ret = (struct exec_info){
        .ready = e->ready,
        .stopped = e->stopped[0] != '\0' ? e->stopped : NULL,
        .executed = applied->executed,
        .epoch = ledger_epoch(e->ledger),
        .transactions_open = ledger_open_count(e->ledger),
        .sessions_busy = pool_busy(e->pool),
        .sessions = pool_sessions(e->pool) + snapshots_sessions(e->snapshots) + ADMIN_SESSIONS,
        .committed = applied->committed,
        .aborted = applied->aborted,
        .mismatches = ordered_counters(apply_ordered(e->apply))->mismatches,
        .locks_taken_back = locks_taken_back(e->locks),
    };
}

bool exec_epoch(const struct exec *e, struct epoch_answer *ret)
{
    return e->ready && e->stopped[0] == '\0' && apply_epoch(e->apply, ret);
}

/* ---- for psql ---- */

bool exec_publish(
    struct exec *e, const struct exec_publication *publication, exec_published *done, void *context)
{
    return e->connected && publisher_send(e->publisher, publication, done, context);
}

static void show_transaction(const struct exec *e, const struct transaction *t,
    void (*show)(void *context, const struct exec_transaction *transaction), void *context)
{
    struct exec_transaction shown = {.transaction = t};
    struct transaction_id ordered_id;
    char text[128];
    struct speculation_info info;
    if (speculations_info(e->speculations, t->id, &info)) {
        shown.operations = info.operations;
        shown.pid = info.pid;
        shown.running = info.running;
        shown.doing = info.doing;
    } else if (t->coordinator == e->self) {
        shown.doing = "its client: no operation has come yet";
    } else {
        snprintf(text, sizeof text, "its client, who works with replica %u", t->coordinator);
        shown.doing = text;
    }
    if (ordered_current(apply_ordered(e->apply), &ordered_id) &&
        transaction_id_equal(ordered_id, t->id)) {
        ordered_describe(apply_ordered(e->apply), text, sizeof text);
        shown.doing = text;
    }
    show(context, &shown);
}

void exec_transactions(const struct exec *e, unsigned count_max,
    void (*show)(void *context, const struct exec_transaction *transaction), void *context)
{
    unsigned count = ledger_open_count(e->ledger);
    for (unsigned i = 0; i < count && i < count_max; i++)
        show_transaction(e, ledger_at(e->ledger, i), show, context);
}

/* ---- status ---- */

__attribute__((format(printf, 2, 3))) static void add_line(
    struct buffer *b, const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (size > 0)
        put_raw(b, line, (size_t)size < sizeof line ? (size_t)size : sizeof line - 1);
}

static void add_suspicions(const struct exec *e, struct buffer *b)
{
    const struct ordered_counters *counters = ordered_counters(apply_ordered(e->apply));
    for (unsigned i = 0; i < e->config->replica_count; i++) {
        uint64_t contradictions = ballot_contradictions(e->ballot, i);
        if (counters->dissents[i] > 0 || contradictions > 0)
            add_line(b,
                "suspicion=replica %u voted otherwise %" PRIu64
                " times, contradicted itself %" PRIu64 " times\n",
                i, counters->dissents[i], contradictions);
    }
}

void exec_status_text(const struct exec *e, struct buffer *b)
{
    char ordered[128];
    ordered_describe(apply_ordered(e->apply), ordered, sizeof ordered);
    if (ordered[0] != '\0')
        add_line(b, "ordered=%s\n", ordered);
    for (unsigned i = 0; i < ledger_open_count(e->ledger); i++) {
        const struct transaction *t = ledger_at(e->ledger, i);
        add_line(b,
            "transaction=client %u session %" PRIx64 " number %" PRIu64
            " coordinator %u epoch %" PRIu64 " begun in batch %" PRIu64 "\n",
            t->id.client, t->id.session, t->id.number, t->coordinator, t->epoch, t->begun_seq);
    }
    speculations_status(e->speculations, b);
    add_suspicions(e, b);
}

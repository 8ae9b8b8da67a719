#include "proxy/driver.h"

#include "common/birth.h"
#include "proxy/driver_internal.h"
#include "proxy/log.h"
#include "proxy/restore.h"
#include "proxy/retention.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TICKS_PER_TURN 8
#define FETCHES_PER_SECOND 20
#define LIAR_LINES_MAX 3
#define LIAR_PERIOD_US (30u * 1000 * 1000)
#define STOP_SECONDS_MAX 5.0
#define STOP_POLL_SECONDS 0.02

static uint64_t clock_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

uint64_t driver_now_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

/* ---- ending ---- */

void driver_end(struct driver *d, enum proxy_exit code)
{
    if (d->ended)
        return;
    d->ended = true;
    d->exit_code = code;
    ev_break(d->loop, EVBREAK_ALL);
}

/* The log failed: what this replica says from here on could contradict what it said before a crash.
 * So it says nothing more. */
void driver_end_store(struct driver *d)
{
    if (d->ended)
        return;
    log_line(LEVEL_FATAL, "the durable log failed: %s", store_error(d->store));
    log_hint("Nothing was promised that is not on disk. Repair %s, then start byzproxy again.",
        d->options.store_path);
    driver_end(d, PROXY_EXIT_FAILURE);
}

/* ---- the core ---- */

static void show_divergence(struct driver *d, const char *reason)
{
    if (d->diverged)
        return;
    d->diverged = reason;
    log_line(LEVEL_WARNING, "this replica has diverged and takes no further part: %s", reason);
    log_hint("Its database is not what the others agree on. Keep its files for examination and set "
             "it up anew from another replica's dump.");
    driver_suspect_replica(d, SUSPICION_DIVERGED, d->options.self, reason);
}

/* Takes the update over: everything in it is copied, because it is valid until the next step. */
static void follow(struct driver *d)
{
    struct pbft_update *u = &d->update;
    if (u->persist_count > 0 && !store_write(d->store, u->persist, u->persist_count, false))
        driver_end_store(d);
    for (unsigned i = 0; i < u->persist_count; i++)
        d->flush_needed |= u->persist[i].durable;
    for (unsigned i = 0; i < u->send_count; i++)
        net_send(d->net, u->sends[i].to, u->sends[i].type, u->sends[i].body);
    for (unsigned i = 0; i < u->reply_count; i++) {
        const struct pbft_reply *r = &u->replies[i];
        if (!net_reply(d->net, r->client, r->session, MESSAGE_REPLY, r->body))
            d->dropped[DROP_NO_LINK]++;
    }
    for (unsigned i = 0; i < u->delivery_count; i++)
        deliveries_put(&d->deliveries, &u->deliveries[i]);
    for (unsigned i = 0; i < u->evidence_count; i++)
        driver_keep_evidence(d, &u->evidence[i]);
    if (u->diverged)
        show_divergence(d, u->diverged);
}

void driver_step(struct driver *d, struct pbft_event *event)
{
    if (d->ended)
        return;
    assert(!d->stepping);
    d->stepping = true;
    event->now_us = driver_now_us();
    event->clock_us = clock_us(CLOCK_REALTIME);
    pbft_step(d->core, event, &d->update);
    d->steps++;
    follow(d);
    d->stepping = false;
}

static bool tick_due(const struct driver *d)
{
    return pbft_deadline(d->core) <= driver_now_us();
}

static void tick(struct driver *d)
{
    struct pbft_event event = {.type = PBFT_TICK};
    driver_step(d, &event);
}

/* ---- the end of an iteration ---- */

static void flush_log(struct driver *d)
{
    if (!d->flush_needed || d->ended)
        return;
    d->flush_needed = false;
    d->flushes++;
    if (!store_write(d->store, NULL, 0, true))
        driver_end_store(d);
}

/* The one place where anything leaves: see driver.h. Handing over may step the core again (an empty
 * batch is executed at once), so the log is flushed a second time if need be. */
static void settle(struct driver *d)
{
    for (unsigned i = 0; i < TICKS_PER_TURN && tick_due(d) && !d->ended; i++)
        tick(d);
    flush_log(d);
    driver_hand_over(d);
    flush_log(d);
    if (d->ended)
        return;
    assert(!d->flush_needed);
    net_flush(d->net);
    driver_show_agreement(d);
}

static void arm_tick(struct driver *d)
{
    uint64_t deadline = pbft_deadline(d->core);
    ev_timer_stop(d->loop, &d->tick);
    uint64_t now = driver_now_us();
    if (d->flush_needed) /* something was stepped while links were freed */
        deadline = now;
    if (deadline == UINT64_MAX)
        return;
    double wait = deadline > now ? (double)(deadline - now) / 1e6 : 0.;
    ev_now_update(d->loop); /* the wait counts from now, not from the start of the iteration */
    ev_timer_set(&d->tick, wait, 0.);
    ev_timer_start(d->loop, &d->tick);
}

static void on_prepare(struct ev_loop *loop, ev_prepare *watcher, int events)
{
    struct driver *d = watcher->data;
    settle(d);
    if (!d->ended)
        arm_tick(d);
}

/* Only wakes the loop: settle asks the core itself. */
static void on_tick(struct ev_loop *loop, ev_timer *watcher, int events)
{
}

/* ---- upkeep ---- */

/* Said once: from then on it is how this log is kept. */
static void forget(struct driver *d)
{
    if (!retention_apply(d->store, d->options.config, d->executed) || d->forgot_early)
        return;
    d->forgot_early = true;
    log_line(LEVEL_WARNING, "the durable log has no room for log_batches_max batches");
    log_hint("The oldest are forgotten earlier, so a replica that was away longer cannot catch up "
             "from this one. Raise --store-size, or lower log_batches_max.");
}

/* Lazy records reach the disk within one upkeep even when nothing durable follows them. */
static void on_upkeep(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct driver *d = watcher->data;
    if (d->ended)
        return;
    forget(d);
    driver_ask_for_votes(d);
    if (store_dirty(d->store))
        d->flush_needed = true;
}

/* ---- what it says of itself ---- */

struct status_facts driver_facts(const struct driver *d)
{
    return (struct status_facts){.config = d->options.config,
        .self = d->options.self,
        .core = d->core,
        .exec = d->exec,
        .net = d->net,
        .diverged = d->diverged,
        .stopping = d->stopping,
        .waiting = d->deliveries.count,
        .uptime_s = (driver_now_us() - d->started_us) / 1000000,
        .evidence = evidence_log_count(&d->evidence),
        .flushes = d->flushes,
        .steps = d->steps,
        .dropped = d->dropped};
}

void driver_status(const struct driver *d, struct buffer *text)
{
    struct status_facts facts = driver_facts(d);
    status_text(&facts, text);
}

static void say_status(void *context, struct buffer *text)
{
    driver_status(context, text);
}

/* ---- stopping ---- */

static void finish(struct driver *d)
{
    log_line(LEVEL_LOG, "stopped after batch %" PRIu64, d->executed);
    d->flush_needed = true;
    flush_log(d);
    if (d->ended)
        return;
    net_close_all(d->net, "57P01", "the replica is shutting down");
    net_flush(d->net);
    driver_end(d, PROXY_EXIT_OK);
}

static void on_stop_poll(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct driver *d = watcher->data;
    bool late = ev_now(loop) > d->stop_deadline;
    if (d->executed < d->handed && !late)
        return;
    if (d->executed < d->handed)
        log_line(LEVEL_WARNING, "batch %" PRIu64 " did not end in time; it will run again at start",
            d->executed + 1);
    ev_timer_stop(loop, watcher);
    finish(d);
}

void driver_stop(struct driver *driver)
{
    if (driver->stopping) {
        log_line(LEVEL_WARNING, "second signal: ending at once");
        driver_end(driver, PROXY_EXIT_FAILURE);
        return;
    }
    log_line(LEVEL_LOG, "stopping: finishing the batch in work");
    driver->stopping = true;
    driver_report_soon(driver);
    driver->stop_deadline = ev_now(driver->loop) + STOP_SECONDS_MAX;
    net_stop_clients(driver->net);
    ev_timer_start(driver->loop, &driver->stop_poll);
}

/* ---- life ---- */

/* Of the executor's state at a checkpoint: its ledger has less than this for each open transaction,
 * and a little besides. */
#define TRANSACTION_STATE_BYTES 128

static size_t app_state_bytes_max(const struct config *config)
{
    size_t bytes = (size_t)config->transactions_max * TRANSACTION_STATE_BYTES + 4096;
    return bytes > PBFT_APP_STATE_BYTES ? bytes : PBFT_APP_STATE_BYTES;
}

static struct pbft_options core_options(const struct driver *d)
{
    const struct config *c = d->options.config;
    return (struct pbft_options){.faults = c->faults,
        .self = d->options.self,
        .client_count = c->client_count,
        .window = c->window,
        .checkpoint_interval = c->checkpoint_interval,
        .batch_requests_max = c->batch_requests_max,
        .batch_bytes_max = c->batch_bytes_max,
        .batches_in_flight_max = c->batches_in_flight_max,
        .sessions_per_client_max = c->sessions_per_client_max,
        .app_state_bytes_max = app_state_bytes_max(c),
        .clock_skew_us_max = (uint64_t)c->clock_skew_ms_max * 1000,
        .heartbeat_us = (uint64_t)c->heartbeat_ms * 1000,
        .retransmit_us = (uint64_t)c->retransmit_ms * 1000,
        .view_change_timeout_us = (uint64_t)c->view_change_timeout_ms * 1000,
        .lost_log = store_follows_loss(d->store), /* its record of silence, if there is one, wins */
        .crypto = engine_crypto_ops(d->crypto)};
}

/* Somebody has said that this replica's log is lost. A log that is there all the same is used. */
static bool admit_loss(const struct driver_options *o, char *ret_error, size_t error_size)
{
    return !o->lost_log || birth_has_log(o->store_path) ||
           birth_mark(o->store_path, BIRTH_LOST, ret_error, error_size);
}

static bool make_parts(struct driver *d, char *ret_error, size_t error_size)
{
    const struct driver_options *o = &d->options;
    if (!admit_loss(o, ret_error, error_size))
        return false;
    size_t least = retention_store_bytes_min(o->config, app_state_bytes_max(o->config));
    if (o->store_bytes < least) {
        snprintf(ret_error, error_size,
            "--store-size is too small for the configuration's window, "
            "batch_bytes_max and transactions_max: at least %zu",
            (least >> 30) + 1);
        return false;
    }
    d->store = store_open(
        o->store_path, o->config->identity, o->self, o->store_bytes, ret_error, error_size);
    if (!d->store)
        return false;
    if (!evidence_log_start(&d->evidence, o->store_path)) {
        snprintf(ret_error, error_size, "%s: the path is too long", o->store_path);
        return false;
    }
    d->crypto = engine_crypto_new(o->config, o->key, ret_error, error_size);
    if (!d->crypto)
        return false;
    struct pbft_options options = core_options(d);
    struct exec_ops ops = driver_exec_ops(d);
    d->core = pbft_new(&options);
    d->exec = d->core ? exec_new(d->loop, o->config, o->self, o->postgres, &ops) : NULL;
    if (d->core && d->exec)
        return true;
    snprintf(ret_error, error_size, "%s",
        d->core ? "the executor cannot start: is the --postgres connection string well formed?"
                : "the agreement core cannot start: out of memory");
    return false;
}

static bool restore_parts(struct driver *d, char *ret_error, size_t error_size)
{
    struct restored restored;
    if (!restore(d->store, d->core, d->exec, &restored, ret_error, error_size)) {
        log_hint("Move %s away and set this replica up anew with --lost-log: a replica that "
                 "forgets what "
                 "it promised must be silent in agreement for a while.",
            d->options.store_path);
        return false;
    }
    d->handed = d->executed = restored.state;
    log_line(LEVEL_LOG,
        "durable log: checkpoint %" PRIu64 ", last batch %" PRIu64 ", %" PRIu64
        " committed batches to execute or check",
        restored.state, restored.last, restored.committed);
    return true;
}

static bool connect_parts(struct driver *d, char *ret_error, size_t error_size)
{
    struct net_ops ops = {.context = d,
        .peer_up = driver_peer_up,
        .peer_down = driver_peer_down,
        .peer_message = driver_peer_message,
        .client_message = driver_client_message,
        .client_gone = driver_client_gone};
    const struct driver_options *o = &d->options;
    d->net = net_start(d->loop, o->config, o->self, o->key, &ops, ret_error, error_size);
    if (!d->net || !o->status_file)
        return d->net != NULL;
    d->status_file = status_file_new(d->loop, o->status_file, say_status, d, ret_error, error_size);
    return d->status_file != NULL;
}

static void start_watchers(struct driver *d)
{
    ev_tstamp upkeep = d->options.config->retransmit_ms / 1000.0;
    ev_prepare_init(&d->prepare, on_prepare);
    ev_timer_init(&d->tick, on_tick, 0., 0.);
    ev_timer_init(&d->upkeep, on_upkeep, upkeep, upkeep);
    ev_timer_init(&d->stop_poll, on_stop_poll, 0., STOP_POLL_SECONDS);
    d->prepare.data = d->tick.data = d->upkeep.data = d->stop_poll.data = d;
    ev_prepare_start(d->loop, &d->prepare);
    ev_timer_start(d->loop, &d->upkeep);
}

struct driver *driver_new(
    struct ev_loop *loop, const struct driver_options *options, char *ret_error, size_t error_size)
{
    struct driver *d = calloc(1, sizeof *d);
    if (!d) {
        snprintf(ret_error, error_size, "out of memory");
        return NULL;
    }
    d->loop = loop;
    d->options = *options;
    d->started_us = driver_now_us();
    buffer_init(&d->scratch, FRAME_BODY_BYTES_MAX);
    for (unsigned i = 0; i < REPLICAS_MAX; i++) {
        ratelimit_init(&d->fetches[i], FETCHES_PER_SECOND, 1000000);
        ratelimit_init(&d->liar_lines[i], LIAR_LINES_MAX, LIAR_PERIOD_US);
    }
    if (!driver_report_start(d))
        snprintf(ret_error, error_size, "out of memory");
    else if (make_parts(d, ret_error, error_size) && restore_parts(d, ret_error, error_size) &&
             connect_parts(d, ret_error, error_size)) {
        start_watchers(d);
        return d;
    }
    driver_free(d);
    return NULL;
}

enum proxy_exit driver_run(struct driver *driver)
{
    if (!driver->ended)
        ev_run(driver->loop, 0);
    return driver->exit_code;
}

void driver_free(struct driver *driver)
{
    if (!driver)
        return;
    driver->ended = true; /* no part may step the core from here on */
    ev_prepare_stop(driver->loop, &driver->prepare);
    ev_timer_stop(driver->loop, &driver->tick);
    ev_timer_stop(driver->loop, &driver->upkeep);
    ev_timer_stop(driver->loop, &driver->stop_poll);
    status_file_free(driver->status_file);
    driver_report_stop(driver);
    exec_free(driver->exec);
    net_free(driver->net);
    pbft_free(driver->core);
    engine_crypto_free(driver->crypto);
    store_close(driver->store);
    buffer_free(&driver->scratch);
    free(driver);
}

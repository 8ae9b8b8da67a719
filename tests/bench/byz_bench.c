/* pgbench's -N transaction through libbyzclient: several clients, each a thread with a connection
 * of its own, for a number of seconds.
 *
 *     BEGIN; UPDATE pgbench_accounts …; SELECT abalance …; INSERT INTO pgbench_history …; COMMIT
 *
 * The connection's parameters come from the environment (BYZCONFIG, BYZCLIENT, BYZKEY, …). Prints
 * one line "name=value name=value …" for the script that compares. */
#include "client/byzclient.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CLIENTS_MAX 1024
#define ROWS_PER_BRANCH 100000
#define TELLERS_PER_BRANCH 10
#define RETRIES_MAX 100

struct samples {
    uint32_t *us;
    size_t count;
    size_t room;
};

struct client {
    pthread_t thread;
    unsigned number;
    unsigned scale;
    uint64_t random;
    byz_conn *conn;
    struct samples samples;
    unsigned long long retries;
    unsigned long long replaced; /* transactions that met a suspected replica */
    char error[512];             /* what ended this client early, or "" */
};

static atomic_bool measuring;
static atomic_bool stopping;

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* xorshift64*: good enough to pick accounts, and each client has its own. */
static unsigned random_below(struct client *c, unsigned bound)
{
    c->random ^= c->random >> 12;
    c->random ^= c->random << 25;
    c->random ^= c->random >> 27;
    return (unsigned)((c->random * 2685821657736338717u >> 33) % bound);
}

static bool sample_add(struct samples *s, uint64_t us)
{
    if (s->count == s->room) {
        size_t room = s->room ? 2 * s->room : 4096;
        uint32_t *more = reallocarray(s->us, room, sizeof *more);
        if (!more)
            return false;
        s->us = more;
        s->room = room;
    }
    s->us[s->count++] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
    return true;
}

/* ---- one transaction ---- */

struct work {
    char aid[16], bid[16], tid[16], delta[16];
};

static struct work work_pick(struct client *c)
{
    struct work w;
    snprintf(w.aid, sizeof w.aid, "%u", random_below(c, c->scale * ROWS_PER_BRANCH) + 1);
    snprintf(w.bid, sizeof w.bid, "%u", random_below(c, c->scale) + 1);
    snprintf(w.tid, sizeof w.tid, "%u", random_below(c, c->scale * TELLERS_PER_BRANCH) + 1);
    snprintf(w.delta, sizeof w.delta, "%d", (int)random_below(c, 10001) - 5000);
    return w;
}

/* Returns the statement's SQLSTATE, "00000" when it succeeded. */
static const char *statement(
    byz_conn *conn, const char *sql, int count, const char *const *values, char ret_state[static 6])
{
    byz_result *result = byz_exec_params(conn, sql, count, NULL, values);
    snprintf(ret_state, 6, "%s", !result ? "53200" : byz_result_sqlstate(result));
    byz_clear(result);
    return ret_state;
}

/* Returns the SQLSTATE with which the transaction ended. */
static const char *transaction(byz_conn *conn, const struct work *w, char state[static 6])
{
    static const char ok[] = "00000";
    if (byz_begin(conn)) {
        snprintf(state, 6, "%s", byz_sqlstate(conn));
        return state;
    }
    const char *update[] = {w->delta, w->aid};
    const char *insert[] = {w->tid, w->bid, w->aid, w->delta};
    bool good = strcmp(statement(conn,
                           "UPDATE pgbench_accounts SET abalance = abalance + $1 WHERE aid = $2", 2,
                           update, state),
                    ok) == 0 &&
                strcmp(statement(conn, "SELECT abalance FROM pgbench_accounts WHERE aid = $1", 1,
                           &update[1], state),
                    ok) == 0 &&
                strcmp(statement(conn,
                           "INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) "
                           "VALUES ($1, $2, $3, $4, CURRENT_TIMESTAMP)",
                           4, insert, state),
                    ok) == 0;
    if (!good)
        byz_rollback(conn);
    else if (byz_commit(conn))
        snprintf(state, 6, "%s", byz_sqlstate(conn));
    return state;
}

/* Runs one transaction to its success; false when the client has to give up. */
static bool transaction_retried(struct client *c)
{
    struct work w = work_pick(c);
    char state[6];
    for (unsigned tried = 0; tried < RETRIES_MAX; tried++) {
        transaction(c->conn, &w, state);
        c->replaced += byz_suspicion(c->conn) != BYZ_SUSPICION_NONE;
        if (strcmp(state, "00000") == 0)
            return true;
        if (strcmp(state, "40001") != 0)
            break;
        c->retries++;
        if (atomic_load(&stopping))
            return true;
    }
    snprintf(c->error, sizeof c->error, "SQLSTATE %s: %.400s", state, byz_error_message(c->conn));
    return false;
}

static void *client_main(void *context)
{
    struct client *c = context;
    while (!atomic_load(&stopping)) {
        uint64_t begun = now_us();
        bool counted = atomic_load(&measuring);
        unsigned long long retries = c->retries;
        if (!transaction_retried(c))
            break;
        if (!counted)
            c->retries = retries;
        if (counted && atomic_load(&measuring) && !sample_add(&c->samples, now_us() - begun))
            break;
    }
    return NULL;
}

/* ---- the run ---- */

static int order_us(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static struct samples samples_merge(const struct client *clients, unsigned count)
{
    struct samples all = {0};
    for (unsigned i = 0; i < count; i++)
        all.room += clients[i].samples.count;
    all.us = calloc(all.room + 1, sizeof *all.us);
    for (unsigned i = 0; all.us && i < count; i++) {
        if (clients[i].samples.count)
            memcpy(all.us + all.count, clients[i].samples.us,
                clients[i].samples.count * sizeof *all.us);
        all.count += clients[i].samples.count;
    }
    if (all.us)
        qsort(all.us, all.count, sizeof *all.us, order_us);
    return all;
}

static unsigned percentile(const struct samples *s, unsigned percent)
{
    return s->count ? s->us[(s->count - 1) * percent / 100] : 0;
}

/* Prints the line; returns 1 if a client gave up or nothing was done. */
static int report(const struct client *clients, unsigned count, double seconds)
{
    unsigned long long retries = 0, replaced = 0;
    int failed = 0;
    for (unsigned i = 0; i < count; i++) {
        retries += clients[i].retries;
        replaced += clients[i].replaced;
        if (!clients[i].error[0])
            continue;
        fprintf(stderr, "client %u gave up: %s\n", i, clients[i].error);
        failed = 1;
    }
    struct samples all = samples_merge(clients, count);
    printf("transactions=%zu tps=%.1f p50_us=%u p95_us=%u p99_us=%u retries=%llu suspicions=%llu\n",
        all.count, (double)all.count / seconds, percentile(&all, 50), percentile(&all, 95),
        percentile(&all, 99), retries, replaced);
    int code = failed || all.count == 0;
    free(all.us);
    return code;
}

static bool connect_all(struct client *clients, unsigned count, unsigned scale)
{
    for (unsigned i = 0; i < count; i++) {
        struct client *c = &clients[i];
        c->number = i;
        c->scale = scale;
        c->random = 88172645463325252u + i * 7919u;
        c->conn = byz_connect("");
        if (!c->conn || byz_status(c->conn) != BYZ_CONNECTION_OK) {
            fprintf(stderr, "client %u: %s", i, c->conn ? byz_error_message(c->conn) : "memory\n");
            return false;
        }
    }
    return true;
}

static void sleep_s(unsigned seconds)
{
    struct timespec left = {.tv_sec = seconds};
    while (nanosleep(&left, &left) && errno == EINTR)
        ;
}

static bool number(const char *text, unsigned maximum, unsigned *ret)
{
    char *end = NULL;
    unsigned long value = strtoul(text, &end, 10);
    *ret = (unsigned)value;
    return end != text && *end == '\0' && value >= 1 && value <= maximum;
}

int main(int argc, char **argv)
{
    unsigned count, seconds, scale;
    if (argc != 4 || !number(argv[1], CLIENTS_MAX, &count) || !number(argv[2], 86400, &seconds) ||
        !number(argv[3], 1000, &scale)) {
        fprintf(stderr, "usage: byz-bench CLIENTS SECONDS SCALE\n");
        return 2;
    }
    struct client *clients = calloc(count, sizeof *clients);
    if (!clients || !connect_all(clients, count, scale))
        return 1;
    unsigned started = 0;
    while (started < count &&
           pthread_create(&clients[started].thread, NULL, client_main, &clients[started]) == 0)
        started++;
    sleep_s(1); /* warm-up: sessions are opened, pages read */
    uint64_t begun = now_us();
    printf("measuring\n"); /* the script reads the processors' counters now */
    fflush(stdout);
    atomic_store(&measuring, true);
    sleep_s(seconds);
    atomic_store(&measuring, false);
    double measured = (double)(now_us() - begun) / 1e6;
    printf("measured\n");
    fflush(stdout);
    atomic_store(&stopping, true);
    for (unsigned i = 0; i < started; i++)
        pthread_join(clients[i].thread, NULL);
    int code = report(clients, count, measured);
    for (unsigned i = 0; i < count; i++) {
        byz_finish(clients[i].conn);
        free(clients[i].samples.us);
    }
    free(clients);
    return started < count ? 1 : code;
}

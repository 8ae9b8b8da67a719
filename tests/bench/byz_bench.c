/* Loads one system with one workload: several clients, each a thread, for a number of seconds.
 *
 * Says "measuring" and "measured" when the counted time begins and ends, so that a script can read
 * the machine's counters then. The load goes on, uncounted, until a line or the end of standard
 * input: threads and sessions that ended would take their counters with them. At last it prints one
 * line "name=value name=value …". */
#include "tests/bench/client.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define CLIENTS_MAX 1024
#define SCALE_MAX 1000

struct arguments {
    unsigned clients, seconds, scale;
};

static bool number(const char *text, unsigned long long maximum, unsigned long long *ret)
{
    char *end = NULL;
    errno = 0;
    *ret = strtoull(text, &end, 10);
    return end != text && *end == '\0' && errno == 0 && *ret >= 1 && *ret <= maximum;
}

static bool arguments_read(int argc, char **argv, struct run *run, struct arguments *ret)
{
    unsigned long long clients, seconds, scale, seed;
    if (argc < 7 || !number(argv[3], CLIENTS_MAX, &clients) || !number(argv[4], 86400, &seconds) ||
        !number(argv[5], SCALE_MAX, &scale) || !number(argv[6], UINT64_MAX, &seed))
        return false;
    *ret = (struct arguments){(unsigned)clients, (unsigned)seconds, (unsigned)scale};
    run->system = system_find(argv[1]);
    run->target = (struct target){.workload = workload_find(argv[2]),
        .conninfos = (const char *const *)argv + 7,
        .conninfo_count = (unsigned)argc - 7};
    run->scale = ret->scale;
    run->seed = seed;
    return run->system && run->target.workload &&
           run->system->conninfo_count == run->target.conninfo_count;
}

/* ---- the report ---- */

static bool samples_merge(const struct client *clients, unsigned count, struct samples *ret)
{
    for (unsigned i = 0; i < count; i++) {
        if (!samples_append(ret, &clients[i].samples))
            return false;
    }
    samples_sort(ret);
    return true;
}

static void tally_add(struct tally *sum, const struct tally *more)
{
    sum->retries += more->retries;
    sum->round_trips += more->round_trips;
    sum->suspicions += more->suspicions;
    for (unsigned i = 0; i < PHASE_COUNT; i++)
        sum->phase_us[i] += more->phase_us[i];
}

static bool complain(const struct client *clients, unsigned count)
{
    bool failed = false;
    for (unsigned i = 0; i < count; i++) {
        if (clients[i].failed)
            fprintf(stderr, "client %u gave up: %s\n", i, clients[i].failure.text);
        failed |= clients[i].failed;
    }
    return failed;
}

/* Returns the exit code: 1 if a client gave up or nothing was done. */
static int report(const struct client *clients, unsigned count, double seconds)
{
    struct tally sum = {0};
    unsigned long long done = 0;
    for (unsigned i = 0; i < count; i++) {
        tally_add(&sum, &clients[i].tally);
        done += clients[i].done;
    }
    struct samples all = {0};
    if (complain(clients, count) || !samples_merge(clients, count, &all) || all.count == 0) {
        samples_free(&all);
        return 1;
    }
    printf("transactions=%zu done=%llu seconds=%.6f p50_us=%u p95_us=%u p99_us=%u retries=%llu "
           "round_trips=%llu suspicions=%llu begin_us=%llu statements_us=%llu commit_us=%llu\n",
        all.count, done, seconds, samples_percentile(&all, 50), samples_percentile(&all, 95),
        samples_percentile(&all, 99), sum.retries, sum.round_trips, sum.suspicions,
        sum.phase_us[PHASE_BEGIN], sum.phase_us[PHASE_STATEMENTS], sum.phase_us[PHASE_COMMIT]);
    samples_free(&all);
    return 0;
}

/* ---- the run ---- */

static void sleep_s(unsigned seconds)
{
    struct timespec left = {.tv_sec = seconds};
    while (nanosleep(&left, &left) && errno == EINTR)
        ;
}

static void say(const char *word)
{
    puts(word);
    fflush(stdout);
}

/* Returns the seconds that were measured. */
static double measure(struct run *run, unsigned seconds)
{
    sleep_s(1); /* warm-up: sessions are opened, pages read, plans made */
    say("measuring");
    uint64_t begun = clock_us();
    atomic_store(&run->measuring, true);
    sleep_s(seconds);
    atomic_store(&run->measuring, false);
    double measured = (double)(clock_us() - begun) / 1e6;
    say("measured");
    for (int c = getchar(); c != EOF && c != '\n';)
        c = getchar();
    return measured;
}

static int run_clients(struct run *run, struct client *clients, const struct arguments *a)
{
    unsigned started = 0;
    while (started < a->clients &&
           pthread_create(&clients[started].thread, NULL, client_main, &clients[started]) == 0)
        started++;
    double measured = started == a->clients ? measure(run, a->seconds) : 0;
    atomic_store(&run->stopping, true);
    for (unsigned i = 0; i < started; i++)
        pthread_join(clients[i].thread, NULL);
    if (started < a->clients) {
        fprintf(stderr, "cannot start %u threads\n", a->clients);
        return 1;
    }
    return report(clients, a->clients, measured);
}

int main(int argc, char **argv)
{
    struct run run = {0};
    struct arguments a;
    if (!arguments_read(argc, argv, &run, &a)) {
        fprintf(stderr,
            "usage: byz-bench SYSTEM WORKLOAD CLIENTS SECONDS SCALE SEED [CONNINFO…]\n"
            "systems: byzantium; single (1 conninfo); pipelined, interactive (4 conninfos)\n"
            "workloads: tpcb-N, tpcb, select-only, orders\n");
        return 2;
    }
    struct client *clients = calloc(a.clients, sizeof *clients);
    if (!clients)
        return 1;
    unsigned open = 0;
    while (open < a.clients && client_open(&clients[open], &run, open))
        open++;
    int code = 1;
    if (open == a.clients)
        code = run_clients(&run, clients, &a);
    else
        complain(clients, open + 1);
    for (unsigned i = 0; i < open; i++)
        client_close(&clients[i]);
    free(clients);
    return code;
}

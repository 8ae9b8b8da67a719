/* byzctl up: PostgreSQL servers and proxies as daemons, until the cluster is ready for work. */
#include "client/ctl/ctl.h"

#include "client/ctl/overview.h"
#include "client/ctl/places.h"
#include "client/ctl/postgres.h"
#include "client/ctl/process.h"
#include "client/ctl/proxy.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

const char *const up_usage =
    "[--timeout SECONDS] [REPLICA]\n\n"
    "Starts all replicas, or one: PostgreSQL and byzproxy, as daemons with logs in\n"
    "DIR/replicaN/log. What runs already is left alone. Waits until enough replicas are ready\n"
    "(2F+1, or the one) and prints the table of `byzctl status`.\n\n"
    "  --timeout SECONDS   how long to wait [60]";

static bool replica_start(const struct ctl *ctl, const struct config *config, unsigned replica)
{
    return postgres_start(ctl, replica) && proxy_start(ctl, config, replica);
}

/* All PostgreSQL servers at once: each may have to recover. */
static bool servers_start(const struct ctl *ctl, unsigned count)
{
    pid_t children[REPLICAS_MAX];
    unsigned forked = 0;
    for (; forked < count; forked++) {
        fflush(NULL);
        children[forked] = fork();
        if (children[forked] == 0)
            _exit(postgres_start(ctl, forked) ? 0 : 1);
        if (children[forked] < 0)
            break;
    }
    return process_wait_all(children, forked) && forked == count;
}

static bool all_start(const struct ctl *ctl, const struct config *config)
{
    printf("starting %u PostgreSQL servers\n", config->replica_count);
    bool good = servers_start(ctl, config->replica_count);
    printf("starting %u proxies\n", config->replica_count);
    for (unsigned i = 0; i < config->replica_count; i++)
        good &= postgres_answers(ctl, i) && proxy_start(ctl, config, i);
    return good;
}

/* A proxy that ended says in its log why. */
static bool proxy_ended(const struct ctl *ctl, unsigned replica)
{
    struct process_id id;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ; /* this process may be its parent, and a zombie's log is complete */
    if (proxy_running(ctl, replica, &id))
        return false;
    struct path log = place_replica(ctl, replica, "log/proxy.log");
    char tail[1000];
    process_log_tail(log.text, tail, sizeof tail);
    ctl_error("replica %u: byzproxy ended. The end of %s:\n%s", replica, log.text, tail);
    return true;
}

struct wait_for {
    int replica; /* this one, or -1: enough of all */
    unsigned needed;
};

static bool is_enough(const struct overview *overview, struct wait_for wait_for)
{
    if (wait_for.replica >= 0)
        return overview_is_ready(&overview->replicas[wait_for.replica]);
    return overview->ready == overview->replica_count;
}

static bool settled(const struct overview *overview, struct wait_for wait_for)
{
    return wait_for.replica < 0 && overview->ready >= wait_for.needed;
}

static unsigned proxies_running(const struct ctl *ctl, unsigned count)
{
    struct process_id id;
    unsigned running = 0;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
    for (unsigned i = 0; i < count; i++)
        running += proxy_running(ctl, i, &id);
    return running;
}

/* Waits for all; when enough are ready the others get a few seconds more, no longer. */
#define STRAGGLER_MS 5000

static bool wait_ready(const struct ctl *ctl, const struct config *config, struct wait_for wait_for,
    unsigned timeout_s, struct overview *ret)
{
    unsigned long long until = clock_ms() + 1000ull * timeout_s;
    bool enough_seen = false;
    for (;;) {
        if (!overview_ask(ctl, config, ret))
            return false;
        if (is_enough(ret, wait_for))
            return true;
        if (wait_for.replica >= 0 && proxy_ended(ctl, (unsigned)wait_for.replica))
            return false;
        if (proxies_running(ctl, config->replica_count) <
            (wait_for.replica < 0 ? wait_for.needed : 1))
            return false;
        if (!enough_seen && settled(ret, wait_for)) {
            enough_seen = true;
            if (until > clock_ms() + STRAGGLER_MS)
                until = clock_ms() + STRAGGLER_MS;
        }
        if (clock_ms() > until)
            return settled(ret, wait_for);
        sleep_ms(150);
    }
}

static void explain(const struct ctl *ctl, const struct overview *overview)
{
    for (unsigned i = 0; i < overview->replica_count; i++) {
        if (!overview->replicas[i].reached)
            proxy_ended(ctl, i);
    }
}

static int start_and_wait(
    const struct ctl *ctl, const struct config *config, int replica, unsigned timeout_s)
{
    bool started =
        replica < 0 ? all_start(ctl, config) : replica_start(ctl, config, (unsigned)replica);
    if (!started && replica >= 0)
        return CTL_FAILED;
    struct overview *overview = calloc(1, sizeof *overview);
    struct wait_for wait_for = {.replica = replica, .needed = 2 * config->faults + 1};
    bool ready = overview && wait_ready(ctl, config, wait_for, timeout_s, overview);
    if (overview) {
        overview_print(overview);
        if (replica < 0 && overview->ready < overview->replica_count)
            explain(ctl, overview);
    }
    if (!ready)
        ctl_error("not ready; see %s/replicaN/log and `byzctl status --full`", ctl->directory.text);
    free(overview);
    return ready ? CTL_OK : CTL_FAILED;
}

int command_up(const struct ctl *ctl, int argc, char **argv)
{
    static const struct option options[] = {
        {"timeout", required_argument, NULL, 't'}, {NULL, 0, NULL, 0}};
    unsigned timeout_s = 60;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 't' || !ctl_number("--timeout", optarg, 1, 86400, &timeout_s))
            return ctl_usage("up");
    }
    if (argc - optind > 1)
        return ctl_usage("up");
    struct config *config = ctl_config(ctl);
    if (!config)
        return CTL_USAGE;
    unsigned replica = 0;
    bool one = optind < argc;
    int result = CTL_FAILED;
    if (one && !ctl_number("the replica", argv[optind], 0, config->replica_count - 1, &replica))
        result = CTL_USAGE;
    else if (!ctl_is_root("up"))
        result = start_and_wait(ctl, config, one ? (int)replica : -1, timeout_s);
    config_free(config);
    return result;
}

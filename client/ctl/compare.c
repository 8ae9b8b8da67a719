/* byzctl compare: do all replicas hold the same data? */
#include "client/ctl/ctl.h"

#include "client/ctl/canonical.h"
#include "client/ctl/dump.h"
#include "client/ctl/postgres.h"
#include "client/ctl/process.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const compare_usage =
    "[--wait SECONDS]\n\n"
    "Dumps every replica's database in canonical form and compares the dumps object by object, "
    "the\n"
    "rows of each table included, with SHA-256. First waits until all have executed the same\n"
    "commits; on a busy cluster that may never be. Ends with 0 if all are equal, 1 if not.\n\n"
    "  --wait SECONDS   how long to wait for laggards [20]";

struct replica_dump {
    struct buffer text;
    struct canonical canonical;
    char epoch[32]; /* commits executed when the dump was taken */
};

static bool epoch_read(
    const struct ctl *ctl, const struct config *config, unsigned replica, char *out, size_t size)
{
    PGconn *session = postgres_connect(ctl, replica, config->database, ROLE_OWNER);
    if (!session)
        return false;
    bool good =
        postgres_value(session, "SELECT coalesce(max(epoch), 0) FROM byzantium.applied", out, size);
    PQfinish(session);
    return good;
}

/* 1 all at the same epoch, 0 not, -1 one cannot be asked. */
static int epochs_equal(
    const struct ctl *ctl, const struct config *config, struct replica_dump *dumps)
{
    bool equal = true;
    for (unsigned i = 0; i < config->replica_count; i++) {
        if (!epoch_read(ctl, config, i, dumps[i].epoch, sizeof dumps[i].epoch))
            return -1;
        equal &= strcmp(dumps[i].epoch, dumps[0].epoch) == 0;
    }
    return equal;
}

/* 1 they are, 0 they did not become so in time, -1 one cannot be asked. */
static int wait_equal_epochs(
    const struct ctl *ctl, const struct config *config, struct replica_dump *dumps, unsigned wait_s)
{
    unsigned long long until = clock_ms() + 1000ull * wait_s;
    int equal;
    while ((equal = epochs_equal(ctl, config, dumps)) == 0 && clock_ms() < until)
        sleep_ms(100);
    for (unsigned i = 0; equal == 0 && i < config->replica_count; i++)
        printf("replica %u has executed %s commits\n", i, dumps[i].epoch);
    return equal;
}

struct difference {
    unsigned replica; /* compared with replica 0 */
};

static void print_difference(void *context, const struct canonical_section *in_first,
    const struct canonical_section *in_other)
{
    const struct difference *difference = context;
    struct slice name = in_first ? in_first->name : in_other->name;
    printf("replica %u: %s %.*s\n", difference->replica,
        !in_first   ? "has, and replica 0 has not:"
        : !in_other ? "has not, and replica 0 has:"
                    : "differs from replica 0 in",
        (int)name.size, (const char *)name.data);
}

static bool dumps_take(
    const struct ctl *ctl, const struct config *config, struct replica_dump *dumps)
{
    bool good = true;
    for (unsigned i = 0; good && i < config->replica_count; i++) {
        buffer_init(&dumps[i].text, DUMP_BYTES_MAX);
        good = dump_take(ctl, config, i, &dumps[i].text);
        if (good && !canonical_parse(buffer_slice(&dumps[i].text), &dumps[i].canonical)) {
            ctl_error("out of memory");
            good = false;
        }
    }
    return good;
}

static int compare(const struct ctl *ctl, const struct config *config, unsigned wait_s)
{
    struct replica_dump *dumps = calloc(config->replica_count, sizeof *dumps);
    int equal = dumps ? wait_equal_epochs(ctl, config, dumps, wait_s) : -1;
    bool taken = equal >= 0 && dumps_take(ctl, config, dumps);
    size_t differences =
        equal == 0; /* commits that one lacks are a difference, whatever they did */
    for (unsigned i = 1; taken && i < config->replica_count; i++) {
        struct difference difference = {.replica = i};
        differences += canonical_compare(
            &dumps[0].canonical, &dumps[i].canonical, print_difference, &difference);
    }
    if (taken && differences == 0)
        printf("equal: %u replicas, %zu objects each, after %s commits\n", config->replica_count,
            dumps[0].canonical.count, dumps[0].epoch);
    for (unsigned i = 0; dumps && i < config->replica_count; i++) {
        canonical_free(&dumps[i].canonical);
        buffer_free(&dumps[i].text);
    }
    free(dumps);
    return taken && differences == 0 ? CTL_OK : CTL_FAILED;
}

int command_compare(const struct ctl *ctl, int argc, char **argv)
{
    static const struct option options[] = {
        {"wait", required_argument, NULL, 'w'}, {NULL, 0, NULL, 0}};
    unsigned wait_s = 20;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 'w' || !ctl_number("--wait", optarg, 0, 86400, &wait_s))
            return ctl_usage("compare");
    }
    if (optind < argc)
        return ctl_usage("compare");
    struct config *config = ctl_config(ctl);
    if (!config)
        return CTL_USAGE;
    int result = compare(ctl, config, wait_s);
    config_free(config);
    return result;
}

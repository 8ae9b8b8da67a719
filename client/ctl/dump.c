/* byzctl dump: one replica's database in canonical form. */
#include "client/ctl/dump.h"

#include "client/ctl/canonical.h"
#include "client/ctl/places.h"
#include "client/ctl/postgres.h"
#include "client/ctl/process.h"

#include <stdio.h>

const char *const dump_usage =
    "REPLICA\n\n"
    "Prints schema and data of that replica's database, as pg_dump does but in canonical form: "
    "the\n"
    "rows of each table and the sections of the dump are sorted, so that replicas that hold the\n"
    "same data print the same bytes. It is for comparing and reading, not for restoring.";

bool dump_take(
    const struct ctl *ctl, const struct config *config, unsigned replica, struct buffer *out)
{
    struct path pg_dump;
    if (!place_postgresql("pg_dump", &pg_dump))
        return false;
    struct path run = place_replica(ctl, replica, "run");
    /* What is each replica's own: its identity, how much of the past it still remembers, what it
     * says of itself and what it saw of the others. */
    const char *const argv[] = {pg_dump.text, "-h", run.text, "-p", "5432", "-U", ROLE_OWNER, "-d",
        config->database, "--exclude-table-data=byzantium.identity",
        "--exclude-table-data=byzantium.applied", "--exclude-table-data=byzantium.report",
        "--exclude-table-data=byzantium.suspicions", NULL};
    int code = process_capture(argv, out);
    if (code != 0 || out->failed) {
        ctl_error("replica %u: %s", replica,
            out->failed ? "the dump is too large for the memory" : "pg_dump failed");
        return false;
    }
    return true;
}

static void print_line(void *context, struct slice line)
{
    FILE *to = context;
    fwrite(line.data, 1, line.size, to);
    fputc('\n', to);
}

static bool print_canonical(struct slice dump)
{
    struct canonical canonical;
    bool good = canonical_parse(dump, &canonical);
    for (size_t i = 0; good && i < canonical.count; i++) {
        struct slice name = canonical.sections[i].name;
        printf("%s-- %.*s\n", i ? "\n" : "", (int)name.size, (const char *)name.data);
        good = canonical_lines(&canonical.sections[i], print_line, stdout);
    }
    canonical_free(&canonical);
    if (!good)
        ctl_error("out of memory");
    return good && fflush(stdout) == 0;
}

int command_dump(const struct ctl *ctl, int argc, char **argv)
{
    if (argc != 2)
        return ctl_usage("dump");
    struct config *config = ctl_config(ctl);
    if (!config)
        return CTL_USAGE;
    unsigned replica = 0;
    int result = CTL_USAGE;
    if (ctl_number("the replica", argv[1], 0, config->replica_count - 1, &replica)) {
        struct buffer dump = BUFFER_INIT(DUMP_BYTES_MAX);
        setvbuf(stdout, NULL, _IOFBF, 1 << 16);
        result = dump_take(ctl, config, replica, &dump) && print_canonical(buffer_slice(&dump))
                     ? CTL_OK
                     : CTL_FAILED;
        buffer_free(&dump);
    }
    config_free(config);
    return result;
}

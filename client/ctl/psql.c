/* byzctl psql: an administrator's session on one replica. It becomes psql. */
#include "client/ctl/ctl.h"

#include "client/ctl/places.h"
#include "client/ctl/postgres.h"

#include <stdlib.h>
#include <unistd.h>

const char *const psql_usage =
    "REPLICA [ARGUMENT OF PSQL…]\n\n"
    "A session on that replica's PostgreSQL as role " ROLE_READER ", which reads everything and\n"
    "writes nothing: what is written on one replica alone makes it differ from the others. Needs\n"
    "access to the socket in DIR/replicaN/run, so run it as the user who runs the cluster.";

int command_psql(const struct ctl *ctl, int argc, char **argv)
{
    if (argc < 2)
        return ctl_usage("psql");
    struct config *config = ctl_config(ctl);
    if (!config)
        return CTL_USAGE;
    unsigned replica = 0;
    struct path psql;
    const char **arguments = calloc((size_t)argc + 10, sizeof *arguments);
    int result = CTL_FAILED;
    if (!ctl_number("the replica", argv[1], 0, config->replica_count - 1, &replica)) {
        result = CTL_USAGE;
    } else if (arguments && place_postgresql("psql", &psql)) {
        struct path run = place_replica(ctl, replica, "run");
        const char *const first[] = {
            psql.text, "-h", run.text, "-p", "5432", "-U", ROLE_READER, "-d", config->database};
        size_t count = 0;
        for (; count < sizeof first / sizeof first[0]; count++)
            arguments[count] = first[count];
        for (int i = 2; i < argc; i++)
            arguments[count++] = argv[i];
        execv(psql.text, (char *const *)arguments);
        ctl_error("cannot start %s: %m", psql.text);
    }
    free(arguments);
    config_free(config);
    return result;
}

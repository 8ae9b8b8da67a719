/* byzctl down: an orderly end. */
#include "client/ctl/ctl.h"

#include "client/ctl/postgres.h"
#include "client/ctl/process.h"
#include "client/ctl/proxy.h"

#include <stdio.h>
#include <unistd.h>

const char *const down_usage = "[REPLICA]\n\n"
                               "Stops all replicas, or one: first byzproxy, then PostgreSQL. What "
                               "does not run is left alone.\n"
                               "Open transactions of clients are lost, committed ones are not.";

static bool replica_stop(const struct ctl *ctl, unsigned replica)
{
    bool proxy = proxy_stop(ctl, replica);
    return postgres_stop(ctl, replica, "fast") && proxy;
}

/* At once: each server writes a checkpoint before it ends. */
static bool all_stop(const struct ctl *ctl, unsigned count)
{
    pid_t children[REPLICAS_MAX];
    unsigned forked = 0;
    for (; forked < count; forked++) {
        fflush(NULL);
        children[forked] = fork();
        if (children[forked] == 0)
            _exit(replica_stop(ctl, forked) ? 0 : 1);
        if (children[forked] < 0)
            break;
    }
    bool good = process_wait_all(children, forked);
    for (unsigned i = forked; i < count; i++)
        good &= replica_stop(ctl, i);
    return good;
}

int command_down(const struct ctl *ctl, int argc, char **argv)
{
    if (argc > 2)
        return ctl_usage("down");
    struct config *config = ctl_config(ctl);
    if (!config)
        return CTL_USAGE;
    unsigned replica = 0;
    int result = CTL_FAILED;
    if (argc == 2 && !ctl_number("the replica", argv[1], 0, config->replica_count - 1, &replica))
        result = CTL_USAGE;
    else if (!ctl_is_root("down"))
        result = (argc == 2 ? replica_stop(ctl, replica) : all_stop(ctl, config->replica_count))
                     ? CTL_OK
                     : CTL_FAILED;
    if (result == CTL_OK)
        printf("stopped\n");
    config_free(config);
    return result;
}

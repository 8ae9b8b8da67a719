/* byzctl status: what every replica says of itself. Nothing here is verified. */
#include "client/ctl/ctl.h"

#include "client/ctl/overview.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

const char *const status_usage =
    "[--full]\n\n"
    "One line a replica: its state, the view and its primary, the last batch that it delivered "
    "and\n"
    "executed, its stable checkpoint, the epoch of its database (commits so far), open\n"
    "transactions, how many batches it lags behind, and a remark. Each line is that replica\n"
    "speaking for itself. Works while some are down. Ends with 0 only if 2F+1 replicas are "
    "ready.\n\n"
    "  --full   everything that each replica says";

static void print_full(const struct overview *overview)
{
    for (unsigned i = 0; i < overview->replica_count; i++)
        printf("\nreplica %u\n%s\n", i, overview->replicas[i].text);
}

int command_status(const struct ctl *ctl, int argc, char **argv)
{
    static const struct option options[] = {{"full", no_argument, NULL, 'f'}, {NULL, 0, NULL, 0}};
    bool full = false;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 'f')
            return ctl_usage("status");
        full = true;
    }
    if (optind < argc)
        return ctl_usage("status");
    struct config *config = ctl_config(ctl);
    if (!config)
        return CTL_USAGE;
    unsigned needed = 2 * config->faults + 1;
    struct overview *overview = calloc(1, sizeof *overview);
    bool asked = overview && overview_ask(ctl, config, overview);
    if (asked)
        overview_print(overview);
    if (asked && full)
        print_full(overview);
    bool well = asked && overview->ready >= needed;
    if (asked && !well)
        printf("only %u replicas are ready, %u are needed\n", overview->ready, needed);
    free(overview);
    config_free(config);
    return well ? CTL_OK : CTL_FAILED;
}

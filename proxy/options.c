#include "proxy/options.h"

#include "common/limits.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STORE_GIB_DEFAULT 64
#define STORE_GIB_MAX 65536

const char options_help[] =
    "byzproxy is one replica of a Byzantium cluster: the proxy before one PostgreSQL server.\n"
    "\n"
    "Usage:\n"
    "  byzproxy --config FILE --replica N --key FILE --store DIR --postgres CONNINFO [OPTION]...\n"
    "\n"
    "  --config FILE        cluster configuration, the same on every replica  [$BYZCONFIG]\n"
    "  --replica N          which replica of it this is, from 0               [$BYZREPLICA]\n"
    "  --key FILE           this replica's private key                        [$BYZKEY]\n"
    "  --store DIR          folder of the durable log                         [$BYZSTORE]\n"
    "  --postgres CONNINFO  the PostgreSQL server, in libpq's syntax          [$BYZPOSTGRES]\n"
    "  --lost-log           if there is no durable log, it was lost: be silent in agreement until\n"
    "                       that is safe. Without it, a log that is missing is refused\n"
    "  --store-size GIB     the durable log never grows beyond this           [64]\n"
    "  --log-level LEVEL    debug, log, warning or fatal                      [log]\n"
    "  --pid-file FILE      write the process id there; removed at the end\n"
    "  --status-file FILE   write there every second what `byzctl status` would show\n"
    "  --help               this text\n"
    "  --version            the version\n"
    "\n"
    "Exit codes: 0 orderly stop, 1 failure at run time, 2 wrong usage or configuration,\n"
    "3 PostgreSQL differs from the configuration. See byzproxy(1).\n";

enum {
    OPTION_CONFIG = 256,
    OPTION_REPLICA,
    OPTION_KEY,
    OPTION_STORE,
    OPTION_POSTGRES,
    OPTION_LOST_LOG,
    OPTION_STORE_SIZE,
    OPTION_LOG_LEVEL,
    OPTION_PID_FILE,
    OPTION_STATUS_FILE,
    OPTION_HELP,
    OPTION_VERSION,
};

static const struct option long_options[] = {
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"replica", required_argument, NULL, OPTION_REPLICA},
    {"key", required_argument, NULL, OPTION_KEY},
    {"store", required_argument, NULL, OPTION_STORE},
    {"postgres", required_argument, NULL, OPTION_POSTGRES},
    {"lost-log", no_argument, NULL, OPTION_LOST_LOG},
    {"store-size", required_argument, NULL, OPTION_STORE_SIZE},
    {"log-level", required_argument, NULL, OPTION_LOG_LEVEL},
    {"pid-file", required_argument, NULL, OPTION_PID_FILE},
    {"status-file", required_argument, NULL, OPTION_STATUS_FILE},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

static bool parse_number(const char *text, unsigned max, unsigned *ret)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value > max)
        return false;
    *ret = (unsigned)value;
    return true;
}

static bool take_replica(struct options *o, const char *text, char *ret_error, size_t error_size)
{
    unsigned replica;
    if (!parse_number(text, REPLICAS_MAX - 1, &replica)) {
        snprintf(ret_error, error_size, "\"%s\" is not the number of a replica", text);
        return false;
    }
    o->replica = (int)replica;
    return true;
}

static bool take_environment(struct options *o, char *ret_error, size_t error_size)
{
    const char *replica = getenv("BYZREPLICA");
    o->config = getenv("BYZCONFIG");
    o->key = getenv("BYZKEY");
    o->store = getenv("BYZSTORE");
    o->postgres = getenv("BYZPOSTGRES");
    return !replica || take_replica(o, replica, ret_error, error_size);
}

/* Takes one option. */
static bool take_option(
    struct options *o, int option, const char *argument, char *ret_error, size_t error_size)
{
    switch (option) {
    case OPTION_CONFIG:
        o->config = argument;
        return true;
    case OPTION_REPLICA:
        return take_replica(o, argument, ret_error, error_size);
    case OPTION_KEY:
        o->key = argument;
        return true;
    case OPTION_STORE:
        o->store = argument;
        return true;
    case OPTION_POSTGRES:
        o->postgres = argument;
        return true;
    case OPTION_LOST_LOG:
        o->lost_log = true;
        return true;
    case OPTION_PID_FILE:
        o->pid_file = argument;
        return true;
    case OPTION_STATUS_FILE:
        o->status_file = argument;
        return true;
    case OPTION_STORE_SIZE:
        if (parse_number(argument, STORE_GIB_MAX, &o->store_gib) && o->store_gib > 0)
            return true;
        snprintf(
            ret_error, error_size, "--store-size \"%s\": from 1 to %d", argument, STORE_GIB_MAX);
        return false;
    case OPTION_LOG_LEVEL:
        o->log_level = log_level_parse(argument);
        if (o->log_level != LEVEL_INVALID)
            return true;
        snprintf(ret_error, error_size, "--log-level \"%s\": use debug, log, warning or fatal",
            argument);
        return false;
    }
    snprintf(ret_error, error_size, "unknown option, or its argument is missing");
    return false;
}

static bool check_complete(const struct options *o, char *ret_error, size_t error_size)
{
    const char *missing = !o->config       ? "--config"
                          : o->replica < 0 ? "--replica"
                          : !o->key        ? "--key"
                          : !o->store      ? "--store"
                          : !o->postgres   ? "--postgres"
                                           : NULL;
    if (missing)
        snprintf(ret_error, error_size, "%s is missing", missing);
    return missing == NULL;
}

enum options_result options_parse(
    int argc, char **argv, struct options *ret, char *ret_error, size_t error_size)
{
    struct options o = {.replica = -1, .store_gib = STORE_GIB_DEFAULT, .log_level = LEVEL_LOG};
    int option;
    if (!take_environment(&o, ret_error, error_size))
        return OPTIONS_INVALID;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (option == OPTION_HELP)
            return OPTIONS_HELP;
        if (option == OPTION_VERSION)
            return OPTIONS_VERSION;
        if (!take_option(&o, option, optarg, ret_error, error_size))
            return OPTIONS_INVALID;
    }
    if (optind < argc) {
        snprintf(ret_error, error_size, "\"%s\": unexpected argument", argv[optind]);
        return OPTIONS_INVALID;
    }
    if (!check_complete(&o, ret_error, error_size))
        return OPTIONS_INVALID;
    *ret = o;
    return OPTIONS_RUN;
}

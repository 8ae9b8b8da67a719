#include "tests/sim/options.h"

#include "common/limits.h"
#include "tests/sim/keys.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_USAGE 2
#define JOBS_MAX 64

static const char help[] =
    "Usage: byzsim [options]\n"
    "Runs the agreement core in a simulated cluster, one run a seed, and checks each.\n"
    "\n"
    "  --seeds N | A-B       runs seeds 0 to N-1, or A to B (default 1000)\n"
    "  --seed N              runs one seed\n"
    "  --trace               with --seed: prints everything that happens\n"
    "  --faults F            always f = F (1 to 3; default: drawn from the seed)\n"
    "  --jobs N              processes (default: one a processor)\n"
    "  --violations-max N    stops after so many (default 5)\n"
    "  --counts              prints what the runs came to, in numbers\n"
    "  --quiet               no progress on stderr\n"
    "  --help\n"
    "\n"
    "A seed decides everything: the cluster's size, loss and delay, crashes, damaged disks, who\n"
    "lies and how. A violation is printed with the command that shows it again and the last lines\n"
    "of its trace. The last line is: N seeds, V violations, E events, R events/s.\n"
    "Exit codes: 0 no violation, 1 violations, 2 wrong usage or no memory.\n";

static void usage(const char *what, const char *value)
{
    fprintf(stderr, "byzsim: %s: %s\nTry byzsim --help.\n", what, value);
    exit(EXIT_USAGE);
}

static uint64_t number(const char *name, const char *text, char **ret_end)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || text[0] == '-' || (ret_end == NULL && *end != 0))
        usage(name, text);
    if (ret_end != NULL)
        *ret_end = end;
    return value;
}

static unsigned bounded(const char *name, const char *text, unsigned min, unsigned max)
{
    uint64_t value = number(name, text, NULL);
    if (value < min || value > max)
        usage(name, text);
    return (unsigned)value;
}

static void take_seeds(const char *text, struct options *o)
{
    char *end;
    uint64_t first = number("--seeds", text, &end);
    if (*end == '-') {
        o->first = first;
        o->last = number("--seeds", end + 1, NULL);
    } else if (*end == 0 && first > 0) {
        o->first = 0;
        o->last = first - 1;
    } else {
        usage("--seeds", text);
    }
    if (o->first > o->last)
        usage("--seeds", text);
}

static void take(int option, const char *value, struct options *o)
{
    if (option == 's')
        take_seeds(value, o);
    else if (option == '1')
        o->first = o->last = number("--seed", value, NULL);
    else if (option == 't')
        o->trace = true;
    else if (option == 'f')
        o->faults = bounded("--faults", value, 1, (KEYS_REPLICAS_MAX - 1) / 3);
    else if (option == 'j')
        o->jobs = bounded("--jobs", value, 1, JOBS_MAX);
    else if (option == 'v')
        o->violations_max = bounded("--violations-max", value, 1, 1000000);
    else if (option == 'c')
        o->counts = true;
    else if (option == 'q')
        o->quiet = true;
}

void options_parse(int argc, char **argv, struct options *ret)
{
    static const struct option names[] = {{"seeds", required_argument, NULL, 's'},
        {"seed", required_argument, NULL, '1'}, {"trace", no_argument, NULL, 't'},
        {"faults", required_argument, NULL, 'f'}, {"jobs", required_argument, NULL, 'j'},
        {"violations-max", required_argument, NULL, 'v'}, {"counts", no_argument, NULL, 'c'},
        {"quiet", no_argument, NULL, 'q'}, {"help", no_argument, NULL, 'h'}, {0}};
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    *ret = (struct options){.last = 999,
        .jobs = processors < 1          ? 1
                : processors > JOBS_MAX ? JOBS_MAX
                                        : (unsigned)processors,
        .violations_max = 5};
    int option;
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (option == '?')
            exit(EXIT_USAGE);
        if (option == 'h') {
            fputs(help, stdout);
            exit(0);
        }
        take(option, optarg, ret);
    }
    if (optind < argc)
        usage("what is this", argv[optind]);
    if (ret->trace && ret->first != ret->last)
        usage("--trace", "needs --seed");
}

/* byzsim: see --help and tests/sim/README.md. */
#include "tests/sim/jobs.h"
#include "tests/sim/sim.h"

#include <stdio.h>

static void show_counts(const struct options *o, const struct counts *counts)
{
    for (unsigned i = 0; o->counts && i < COUNTS; i++)
        printf("%12llu %s\n", (unsigned long long)counts->of[i], count_name((enum count)i));
}

static int run_one(const struct options *o)
{
    trace_mode = o->trace ? TRACE_ALL : TRACE_TAIL;
    struct sim *sim = sim_new();
    sim_run(sim, o->first, o->faults);
    show_counts(o, &sim->counts);
    printf("1 seeds, 0 violations\n");
    return 0;
}

static int run_many(const struct options *o, const char *program)
{
    struct jobs_result result;
    if (!jobs_run(o, program, &result)) {
        fprintf(stderr, "byzsim: cannot start its processes\n");
        return 2;
    }
    uint64_t events = result.counts.of[COUNT_EVENTS];
    show_counts(o, &result.counts);
    printf("%llu seeds, %u violations, %llu events, %.0f events/s\n",
        (unsigned long long)result.seeds, result.violations, (unsigned long long)events,
        (double)events / result.seconds);
    return result.violations == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct options options;
    options_parse(argc, argv, &options);
    if (options.trace)
        return run_one(&options);
    return run_many(&options, argv[0]);
}

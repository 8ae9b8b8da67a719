/* Many seeds in several processes. A violation ends the process that found it; another takes its
 * place, and the seed is run again with a trace. */
#ifndef BYZ_TESTS_SIM_JOBS_H
#define BYZ_TESTS_SIM_JOBS_H

#include "tests/sim/counts.h"
#include "tests/sim/options.h"

struct jobs_result {
    uint64_t seeds;
    struct counts counts;
    unsigned violations;
    double seconds;
};

/* `program`: how byzsim was called, for the command that reproduces. False: out of memory. */
bool jobs_run(const struct options *options, const char *program, struct jobs_result *ret);

#endif

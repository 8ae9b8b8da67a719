/* The command line of byzsim. */
#ifndef BYZ_TESTS_SIM_OPTIONS_H
#define BYZ_TESTS_SIM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct options {
    uint64_t first; /* seeds */
    uint64_t last;
    unsigned faults; /* 0: drawn from each seed */
    unsigned jobs;
    bool trace;              /* one seed, every line */
    bool quiet;              /* no progress */
    bool counts;             /* what the runs came to */
    unsigned violations_max; /* stops after so many */
};

/* Exits with 2 and a message if the command line is wrong, with 0 after --help. */
void options_parse(int argc, char **argv, struct options *ret);

#endif

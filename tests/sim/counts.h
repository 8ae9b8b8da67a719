/* What a run came to, in numbers: whether the storm is a storm. --counts prints the sums. */
#ifndef BYZ_TESTS_SIM_COUNTS_H
#define BYZ_TESTS_SIM_COUNTS_H

#include <stdint.h>

enum count {
    COUNT_EVENTS = 0, /* messages, requests, ticks, executions that a core handled */
    COUNT_MESSAGES,   /* sent */
    COUNT_BATCHES,    /* final */
    COUNT_REQUESTS,   /* believed by their clients */
    COUNT_VIEW_CHANGES,
    COUNT_NEW_VIEWS,        /* made by correct primaries, */
    COUNT_NEW_VIEWS_FORGED, /* … by faulty ones, and wrong */
    COUNT_CARRIED,          /* batches that correct primaries carried over */
    COUNT_LIES,             /* messages changed or made up */
    COUNT_OLD_SHOWN,        /* certificates of what became final otherwise */
    COUNT_EVIDENCE,
    COUNT_STABLE, /* checkpoints that became so, on each correct replica */
    COUNT_CRASHES,
    COUNT_LOGS_LOST,
    COUNT_FETCHED, /* batches from others' logs */
    COUNTS,
};

struct counts {
    uint64_t of[COUNTS];
};

const char *count_name(enum count count);

#endif

/* Where it is executed: a system runs one whole transaction at a time for each client.
 *
 * A session belongs to one client's thread. `run` tells a conflict (SQLSTATE 40001 or 40P01), which
 * the client answers by running the same transaction again, from a failure, which ends the run. */
#ifndef BYZ_BENCH_SYSTEM_H
#define BYZ_BENCH_SYSTEM_H

#include "tests/bench/workload.h"

#include <stdbool.h>
#include <stdint.h>

enum outcome {
    OUTCOME_INVALID = 0,
    OUTCOME_DONE = 1,
    OUTCOME_CONFLICT = 2,
    OUTCOME_FAILED = 3,
};

/* What the client waits for. A system that sends all in one go waits in PHASE_COMMIT only. */
enum phase { PHASE_BEGIN = 0, PHASE_STATEMENTS = 1, PHASE_COMMIT = 2, PHASE_COUNT = 3 };

struct tally {
    unsigned long long retries;     /* on one server or on all: whatever was executed again */
    unsigned long long round_trips; /* client to PostgreSQL; 0 where proxies stand between */
    unsigned long long suspicions;  /* transactions in which a replica was suspected */
    unsigned long long phase_us[PHASE_COUNT];
};

struct failure {
    char text[512];
};

struct target {
    const struct workload *workload;
    const char *const *conninfos;
    unsigned conninfo_count;
};

struct system {
    const char *name;
    unsigned conninfo_count; /* servers that the client itself connects to */
    /* NULL: failed, and why. `client` is this client's number. */
    void *(*open)(const struct target *target, unsigned client, struct failure *ret);
    enum outcome (*run)(
        void *session, const struct transaction *t, struct tally *tally, struct failure *ret);
    void (*close)(void *session);
};

extern const struct system system_byzantium;
extern const struct system system_single;
extern const struct system system_pipelined;
extern const struct system system_interactive;

/* NULL: there is none of this name. */
const struct system *system_find(const char *name);

uint64_t clock_us(void);
/* Adds the time since *mark to a phase, and moves the mark to now. */
void phase_end(struct tally *tally, enum phase phase, uint64_t *mark);
/* Both of PostgreSQL's ways to say "again, please". */
bool sqlstate_is_conflict(const char *sqlstate);

#endif

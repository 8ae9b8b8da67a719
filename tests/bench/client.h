/* One client: a thread with a session of its own that runs one transaction after another, each
 * again until it succeeds. Only what begins and ends while the run measures is counted. */
#ifndef BYZ_BENCH_CLIENT_H
#define BYZ_BENCH_CLIENT_H

#include "tests/bench/samples.h"
#include "tests/bench/system.h"

#include <pthread.h>
#include <stdatomic.h>

/* What all clients of a run share. */
struct run {
    const struct system *system;
    struct target target;
    unsigned scale;
    uint64_t seed;
    atomic_bool measuring;
    atomic_bool stopping;
};

struct client {
    pthread_t thread;
    struct run *run;
    void *session;
    struct dice dice;
    struct samples samples;
    struct tally tally;
    unsigned long long done; /* transactions, warm-up and end included */
    bool failed;
    struct failure failure;
};

/* Connects; false: `failure` says why. The run outlives the client. */
bool client_open(struct client *client, struct run *run, unsigned number);
void *client_main(void *client); /* for pthread_create; ends when the run stops */
void client_close(struct client *client);

#endif

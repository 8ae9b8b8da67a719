/* How long the order waits for a list to run.
 *
 * A list that never ends stops the order until it is given up, on all replicas at once, and one
 * client may have many of them agreed on. So each one that is given up halves what the same
 * client's next ones get, until it has been good for a while. To give a list up is no vote
 * (abstentions.h): a replica that is slow by itself follows the others when they commit, without
 * hurry.
 *
 * Pure. */
#ifndef BYZ_PROXY_EXEC_PATIENCE_H
#define BYZ_PROXY_EXEC_PATIENCE_H

#include "common/limits.h"

#define PATIENCE_SECONDS_MIN 0.1
#define PATIENCE_FORGIVEN_SECONDS 600.0

/* All zero: nobody ever tried it. */
struct patience {
    struct {
        unsigned lost; /* lists given up */
        double since;  /* the latest of them */
    } clients[CLIENT_KEYS_MAX];
};

/* What a list of this client gets, where `full` is what an honest one may need. */
double patience_seconds(const struct patience *patience, unsigned client, double now, double full);
/* A list of this client was given up. */
void patience_lose(struct patience *patience, unsigned client, double now);

#endif

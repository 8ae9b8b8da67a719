/* Which replica coordinates: figure 2, line 3, and the replacement of section 3.3. */
#ifndef BYZ_CLIENT_COORDINATOR_H
#define BYZ_CLIENT_COORDINATOR_H

#include "common/limits.h"

#include <stdbool.h>
#include <stdint.h>

struct byz_conn;

struct coordinators {
    unsigned next; /* round-robin */
    /* A replica that was silent or wrong is passed over until then, where others are connected. */
    uint64_t avoid_until_us[REPLICAS_MAX];
};

void coordinator_init(struct byz_conn *conn);
/* A connected replica that is not in the mask, by the connection's policy; waits for one until the
 * deadline. -1: none. */
int coordinator_choose(struct byz_conn *conn, uint32_t except, uint64_t until_us);
void coordinator_avoid(struct byz_conn *conn, unsigned replica);

#endif

/* What must be true before a batch is executed: this proxy alone works on the database, its
 * PostgreSQL is set up as the configuration says, the database belongs to this replica, and nothing
 * of a predecessor is still running. Also after every loss of PostgreSQL. */
#ifndef BYZ_PROXY_EXEC_STARTUP_H
#define BYZ_PROXY_EXEC_STARTUP_H

#include "common/config.h"
#include "proxy/exec/admin.h"

/* The latest place in the order that PostgreSQL holds. */
struct applied_place {
    uint64_t seq; /* 0: nothing yet */
    uint32_t index;
    uint64_t epoch;
};

struct startup_events {
    void *context;
    void (*ready)(void *context, const struct applied_place *applied);
    /* Try again later: `admin` should be reconnected. */
    void (*failed)(void *context, const char *reason);
    /* PostgreSQL is not what the configuration says. */
    void (*fatal)(void *context, const char *reason);
};

struct startup;

struct startup *startup_new(struct ev_loop *loop, struct admin *admin, const struct config *config,
    unsigned self, const struct startup_events *events);
void startup_free(struct startup *startup);

/* The administration session is there. */
void startup_run(struct startup *startup);
/* It is gone. */
void startup_stop(struct startup *startup);

/* Do these values of a setting mean the same? `server_version_num` counts by its major version. */
bool startup_setting_equal(const char *name, const char *here, const char *wanted);

#endif

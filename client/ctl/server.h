/* The making of one replica's PostgreSQL server: data, settings, the empty database with schema
 * byzantium in it, and whose it is. */
#ifndef BYZ_CLIENT_CTL_SERVER_H
#define BYZ_CLIENT_CTL_SERVER_H

#include "client/ctl/ctl.h"
#include "common/birth.h"

/* Makes it and leaves it running. False after saying why. */
bool server_make(const struct ctl *ctl, const struct config *config, unsigned replica);
/* Writes into the database whose it is, so that a proxy can refuse another's; stops the server.
 * config->identity must be that of the final configuration. */
bool server_finish(const struct ctl *ctl, const struct config *config, unsigned replica);
/* Both, for one replica of a cluster that has its configuration and runs elsewhere. `birth` says
 * why it has no durable log, if it has none and no mark says it already. */
bool server_make_alone(const struct ctl *ctl, unsigned replica, enum birth birth);
/* Leaves that mark in the replica's folder. */
bool server_log_mark(const struct ctl *ctl, unsigned replica, enum birth birth);

/* What must be equal everywhere but cannot be set: version, encoding, collation. Added to the
 * configuration as replica 0's server, which runs, says it. */
bool server_facts_read(const struct ctl *ctl, struct config *config);
/* The same without a server: as a server that byzctl makes with this libpq's version will be. */
bool server_facts_assume(struct config *config);

#endif

/* One replica's PostgreSQL server: its making, its life, sessions on it. */
#ifndef BYZ_CLIENT_CTL_POSTGRES_H
#define BYZ_CLIENT_CTL_POSTGRES_H

#include "client/ctl/ctl.h"

#include <libpq-fe.h>

/* The owner of each server, and the role for administrators who only read. */
#define ROLE_OWNER "byzantium"
#define ROLE_READER "byz_dba"

/* initdb and the configuration files of replica `replica`. */
bool postgres_create(const struct ctl *ctl, const struct config *config, unsigned replica);
/* Starts it and waits until it takes sessions; true at once if it does already. */
bool postgres_start(const struct ctl *ctl, unsigned replica);
/* Stops it ("fast", or "immediate" for one that will be deleted); true if it did not run. */
bool postgres_stop(const struct ctl *ctl, unsigned replica, const char *mode);
bool postgres_answers(const struct ctl *ctl, unsigned replica);

/* A session with the server. NULL after saying why. */
PGconn *postgres_connect(
    const struct ctl *ctl, unsigned replica, const char *database, const char *role);
/* Runs statements whose rows nobody wants. False after saying what failed. */
bool postgres_execute(PGconn *session, const char *sql);
/* The only value of a statement's only row. False after saying what failed. */
bool postgres_value(PGconn *session, const char *sql, char *out, size_t size);
/* Runs a file of SQL with psql, its messages to the server's log. */
bool postgres_run_file(
    const struct ctl *ctl, unsigned replica, const char *database, const char *file);

#endif

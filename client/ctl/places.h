/* Where things are: the files of a cluster (docs/architecture.md) and the programs it needs. */
#ifndef BYZ_CLIENT_CTL_PLACES_H
#define BYZ_CLIENT_CTL_PLACES_H

#include "client/ctl/ctl.h"

/* Makes `directory` absolute (it need not exist). False after saying why it cannot serve: too long
 * for a unix socket's path below it, or with characters that PostgreSQL's lists cannot hold. */
bool place_directory(struct ctl *ctl, const char *directory);

struct path place_config(const struct ctl *ctl);
struct path place_client_key(const struct ctl *ctl, const char *client);
/* A file or folder of one replica; "" is its folder. */
struct path place_replica(const struct ctl *ctl, unsigned replica, const char *name);
struct path place_below(const struct ctl *ctl, const char *name);

/* Programs and files of this installation. In a build tree they are found relative to byzctl
 * itself, else in the installed folders. False after saying what is missing. */
bool place_byzproxy(struct path *ret);
bool place_library(struct path *ret);               /* byzantium.so, to be preloaded */
bool place_sql(const char *name, struct path *ret); /* byzantium.sql, postgresql.byzantium.conf */
/* A program of PostgreSQL: in $BYZPGBIN, else where pg_config says. */
bool place_postgresql(const char *program, struct path *ret);

#endif

/* Writing what this replica says of itself into its own database, where psql finds it: the tables
 * byzantium.report and byzantium.suspicions (sql/byzantium.sql).
 *
 * Over the administration session, as one short transaction that waits for nothing: no flush to
 * disk, and a lock that somebody holds on these tables makes it fail. One at a time; who comes
 * while one is on its way is turned away, so nothing ever queues up before the order's questions.
 */
#ifndef BYZ_PROXY_EXEC_PUBLISH_H
#define BYZ_PROXY_EXEC_PUBLISH_H

#include "proxy/exec/admin.h"
#include "proxy/exec/exec.h"

struct publisher;

struct publisher *publisher_new(struct admin *admin);
void publisher_free(struct publisher *publisher);

/* As exec_publish. */
bool publisher_send(struct publisher *publisher, const struct exec_publication *publication,
    exec_published *done, void *context);
/* The administration session is gone: what is on its way failed. */
void publisher_reset(struct publisher *publisher);

#endif

/* Taking locks back: an earlier transaction never waits for a later one, nor for speculation, nor
 * for anybody else beyond a bound (design of the order; README.md here).
 *
 * While the transaction at the head of the order has not answered, it is asked again and again who
 * blocks it. Speculations that do are rolled back; sessions on their way to the pool are pressed;
 * strangers (a DBA's session, autovacuum) are ended after a while. */
#ifndef BYZ_PROXY_EXEC_LOCKS_H
#define BYZ_PROXY_EXEC_LOCKS_H

#include "proxy/exec/speculate.h"

struct locks;

struct locks *locks_new(struct ev_loop *loop, struct admin *admin,
    struct speculations *speculations, struct abandon *abandon, double patience_seconds);
void locks_free(struct locks *locks);

/* The order waits for this server process from now on. */
void locks_watch(struct locks *locks, int pid);
/* It answered. */
void locks_stop(struct locks *locks);
/* The administration session died with what was asked. */
void locks_reset(struct locks *locks);

uint64_t locks_taken_back(const struct locks *locks);

#endif

/* Operations that came before their transaction: the client has f+1 replies to its BEGIN, but this
 * replica has not executed it yet. They wait a little, within bounds. */
#ifndef BYZ_PROXY_EXEC_HELD_H
#define BYZ_PROXY_EXEC_HELD_H

#include "proxy/exec/speculate.h"

#define HELD_SECONDS_MAX 1.0
#define HELD_PER_CLIENT_MAX 64

struct held;

struct held *held_new(struct ev_loop *loop, const struct exec_ops *ops,
    struct speculations *speculations, struct operation_budget *budget);
void held_free(struct held *held);

void held_operation(struct held *held, unsigned client, const struct operation *operation);
/* The transaction is open now: its operations go to the speculations. */
void held_release(struct held *held, const struct transaction *t);
void held_drop(struct held *held, unsigned client, uint64_t session);

#endif

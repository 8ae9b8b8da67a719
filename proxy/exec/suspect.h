/* What the decision on a COMMIT tells about replicas, put into words for whoever runs this one
 * (proxy/suspicions.h). Says nothing to the order: nobody is treated otherwise for it. */
#ifndef BYZ_PROXY_EXEC_SUSPECT_H
#define BYZ_PROXY_EXEC_SUSPECT_H

#include "proxy/exec/exec.h"

struct suspect_case {
    const struct exec_ops *ops;
    uint64_t seq;
    uint32_t request;
    struct transaction_id id;
    const struct order *order; /* its list */
    const struct outcome *decided;
};

/* The decision is that a result was wrong or not confirmed: names the replica from which the client
 * says that it had it. */
void suspect_executor(const struct suspect_case *found);
/* This replica voted otherwise than was decided. */
void suspect_dissenter(const struct suspect_case *found, unsigned replica);
/* This replica's own execution came to `own` instead. */
void suspect_self(const struct suspect_case *found, unsigned self, const struct outcome *own);

#endif

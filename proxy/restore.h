/* At start: what the durable log says goes back into the core and the executor. */
#ifndef BYZ_PROXY_RESTORE_H
#define BYZ_PROXY_RESTORE_H

#include "proxy/exec/exec.h"
#include "proxy/store/store.h"

struct restored {
    uint64_t state;     /* sequence number of the checkpoint, 0: none */
    uint64_t last;      /* last batch in the log */
    uint64_t prepared;  /* how many batches above the checkpoint prepared here */
    uint64_t committed; /* how many batches above the checkpoint are known to be committed */
};

/* False with a message: a record is damaged or contradicts the others. Nothing may then be promised
 * on this log. */
bool restore(struct store *store, struct pbft *core, struct exec *exec, struct restored *ret,
    char *ret_error, size_t error_size);

#endif

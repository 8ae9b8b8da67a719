/* The primary's batching. */
#ifndef BYZ_PROXY_PBFT_PROPOSE_H
#define BYZ_PROXY_PBFT_PROPOSE_H

#include <stdint.h>

struct pbft;

/* Proposes as much as there is and the pipeline holds. */
void propose_all(struct pbft *core);
/* When an empty batch will be due; UINT64_MAX: none. */
uint64_t propose_deadline(const struct pbft *core);

#endif

/* The seed of a transaction's random numbers: random(), gen_random_uuid() in PostgreSQL. */
#ifndef BYZ_PROXY_EXEC_TRANSACTION_SEED_H
#define BYZ_PROXY_EXEC_TRANSACTION_SEED_H

#include "proxy/exec/ledger.h"

/* From agreed values only: the seed of the batch that holds the transaction's BEGIN, and who the
 * transaction is, so that no two transactions of a batch share a stream. */
void transaction_seed(const uint8_t batch_seed[static DIGEST_BYTES], const struct transaction *t,
    uint8_t ret_seed[static DIGEST_BYTES]);

#endif

/* A fixed arena of equal blocks for byte strings of very different size.
 *
 * A pending request has between a hundred bytes and a mebibyte. Chains of blocks let any mix of
 * them share one arena whose size is fixed at creation; nothing is ever allocated afterwards. */
#ifndef BYZ_PROXY_PBFT_BLOCKS_H
#define BYZ_PROXY_PBFT_BLOCKS_H

#include "common/codec.h"

#define BLOCK_BYTES 4096
#define BLOCKS_NONE UINT32_MAX

struct blocks {
    uint8_t *memory;
    uint32_t *next; /* of each block: the following one in its chain, or in the free list */
    uint32_t free_first;
    uint32_t free_count;
};

bool blocks_init(struct blocks *blocks, uint32_t count); /* false: out of memory */
void blocks_release(struct blocks *blocks);

/* How many blocks so many bytes take. */
size_t blocks_of(size_t size);
bool blocks_fit(const struct blocks *blocks, size_t size);
/* Copies bytes into a new chain; they must fit and not be empty. Returns its first block. */
uint32_t blocks_store(struct blocks *blocks, struct slice bytes);
void blocks_drop(struct blocks *blocks, uint32_t first, size_t size);
bool blocks_equal(const struct blocks *blocks, uint32_t first, size_t size, struct slice bytes);
void blocks_append(const struct blocks *blocks, uint32_t first, size_t size, struct buffer *out);

#endif

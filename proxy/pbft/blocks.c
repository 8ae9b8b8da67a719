#include "proxy/pbft/blocks.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

size_t blocks_of(size_t size)
{
    return (size + BLOCK_BYTES - 1) / BLOCK_BYTES;
}

static uint8_t *block_at(const struct blocks *blocks, uint32_t index)
{
    return blocks->memory + (size_t)index * BLOCK_BYTES;
}

static size_t part_of(size_t left)
{
    return left < BLOCK_BYTES ? left : BLOCK_BYTES;
}

bool blocks_init(struct blocks *blocks, uint32_t count)
{
    assert(count > 0 && count < BLOCKS_NONE);
    /* malloc, not calloc: the pages are touched only when requests fill them. */
    blocks->memory = malloc((size_t)count * BLOCK_BYTES);
    blocks->next = malloc(count * sizeof *blocks->next);
    if (blocks->memory == NULL || blocks->next == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++)
        blocks->next[i] = i + 1 < count ? i + 1 : BLOCKS_NONE;
    blocks->free_first = 0;
    blocks->free_count = count;
    return true;
}

void blocks_release(struct blocks *blocks)
{
    free(blocks->memory);
    free(blocks->next);
    *blocks = (struct blocks){0};
}

bool blocks_fit(const struct blocks *blocks, size_t size)
{
    return blocks_of(size) <= blocks->free_count;
}

uint32_t blocks_store(struct blocks *blocks, struct slice bytes)
{
    assert(bytes.size > 0 && blocks_fit(blocks, bytes.size));
    uint32_t first = blocks->free_first;
    uint32_t at = BLOCKS_NONE;
    for (size_t done = 0; done < bytes.size; done += BLOCK_BYTES) {
        at = blocks->free_first;
        blocks->free_first = blocks->next[at];
        blocks->free_count--;
        memcpy(block_at(blocks, at), bytes.data + done, part_of(bytes.size - done));
    }
    blocks->next[at] = BLOCKS_NONE;
    return first;
}

void blocks_drop(struct blocks *blocks, uint32_t first, size_t size)
{
    uint32_t last = first;
    while (blocks->next[last] != BLOCKS_NONE)
        last = blocks->next[last];
    blocks->next[last] = blocks->free_first;
    blocks->free_first = first;
    blocks->free_count += (uint32_t)blocks_of(size);
}

bool blocks_equal(const struct blocks *blocks, uint32_t first, size_t size, struct slice bytes)
{
    if (size != bytes.size)
        return false;
    uint32_t at = first;
    for (size_t done = 0; done < size; done += BLOCK_BYTES, at = blocks->next[at]) {
        if (memcmp(block_at(blocks, at), bytes.data + done, part_of(size - done)) != 0)
            return false;
    }
    return true;
}

void blocks_append(const struct blocks *blocks, uint32_t first, size_t size, struct buffer *out)
{
    uint32_t at = first;
    for (size_t done = 0; done < size; done += BLOCK_BYTES, at = blocks->next[at])
        put_raw(out, block_at(blocks, at), part_of(size - done));
}

#include "tests/sim/body.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_MIN 64
#define RANKS 20

static struct body *free_lists[RANKS];
static uint64_t live_bytes;

static unsigned rank_of(size_t size)
{
    unsigned rank = 0;
    while (((size_t)BYTES_MIN << rank) < size)
        rank++;
    assert(rank < RANKS);
    return rank;
}

struct body *body_new(struct slice bytes)
{
    unsigned rank = rank_of(bytes.size);
    struct body *body = free_lists[rank];
    if (body != NULL) {
        free_lists[rank] = body->next;
    } else {
        body = malloc(sizeof *body + ((size_t)BYTES_MIN << rank));
        if (body == NULL)
            abort();
        body->rank = rank;
    }
    body->references = 1;
    body->size = (uint32_t)bytes.size;
    if (bytes.size > 0)
        memcpy(body->bytes, bytes.data, bytes.size);
    live_bytes += bytes.size;
    return body;
}

void body_release(struct body *body)
{
    if (body == NULL)
        return;
    assert(body->references > 0);
    if (--body->references > 0)
        return;
    live_bytes -= body->size;
    body->next = free_lists[body->rank];
    free_lists[body->rank] = body;
}

uint64_t body_live_bytes(void)
{
    return live_bytes;
}

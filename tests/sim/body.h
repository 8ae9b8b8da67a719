/* Bytes of messages and records, shared by reference count.
 *
 * A message to all is one body with as many references as it has receivers. Memory is kept in free
 * lists by size from one run to the next, so that a run hardly ever calls malloc. */
#ifndef BYZ_TESTS_SIM_BODY_H
#define BYZ_TESTS_SIM_BODY_H

#include "common/codec.h"

struct body {
    uint32_t references;
    uint32_t size;
    unsigned rank; /* which free list it returns to */
    struct body *next;
    uint8_t bytes[];
};

/* Copies. The caller holds the one reference. */
struct body *body_new(struct slice bytes);
static inline struct body *body_keep(struct body *body)
{
    body->references++;
    return body;
}
/* NULL is nothing. */
void body_release(struct body *body);
static inline struct slice body_slice(const struct body *body)
{
    return (struct slice){.data = body->bytes, .size = body->size};
}
/* Bytes in bodies that somebody holds: what a run keeps in its network and on its disks. */
uint64_t body_live_bytes(void);

#endif

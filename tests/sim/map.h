/* A map from 64-bit hashes to 64-bit values that is quick to clear. Key 0 is not allowed. */
#ifndef BYZ_TESTS_SIM_MAP_H
#define BYZ_TESTS_SIM_MAP_H

#include <stdbool.h>
#include <stdint.h>

struct map_row {
    uint64_t key; /* 0: unused */
    uint64_t value;
};

struct map {
    struct map_row *rows;
    uint32_t *used;
    uint32_t capacity; /* a power of two */
    uint32_t count;
};

/* NULL: not there. Valid until the next map_put. */
uint64_t *map_find(const struct map *map, uint64_t key);
/* False: the key was there, and nothing changed. */
bool map_put(struct map *map, uint64_t key, uint64_t value);
void map_clear(struct map *map);

#endif

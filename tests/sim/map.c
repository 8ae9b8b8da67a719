#include "tests/sim/map.h"

#include <assert.h>
#include <stdlib.h>

#define CAPACITY_MIN 512

static uint32_t place(const struct map *map, uint64_t key)
{
    uint32_t at = (uint32_t)(key ^ key >> 32) & (map->capacity - 1);
    while (map->rows[at].key != 0 && map->rows[at].key != key)
        at = (at + 1) & (map->capacity - 1);
    return at;
}

static void grow(struct map *map)
{
    struct map old = *map;
    map->capacity = old.capacity == 0 ? CAPACITY_MIN : 2 * old.capacity;
    map->rows = calloc(map->capacity, sizeof *map->rows);
    map->used = calloc(map->capacity, sizeof *map->used);
    if (map->rows == NULL || map->used == NULL)
        abort();
    for (uint32_t i = 0; i < old.count; i++) {
        struct map_row row = old.rows[old.used[i]];
        uint32_t at = place(map, row.key);
        map->rows[at] = row;
        map->used[i] = at;
    }
    free(old.rows);
    free(old.used);
}

uint64_t *map_find(const struct map *map, uint64_t key)
{
    assert(key != 0);
    if (map->capacity == 0)
        return NULL;
    uint32_t at = place(map, key);
    return map->rows[at].key == 0 ? NULL : &map->rows[at].value;
}

bool map_put(struct map *map, uint64_t key, uint64_t value)
{
    assert(key != 0);
    if (2 * map->count >= map->capacity)
        grow(map);
    uint32_t at = place(map, key);
    if (map->rows[at].key != 0)
        return false;
    map->rows[at] = (struct map_row){.key = key, .value = value};
    map->used[map->count++] = at;
    return true;
}

void map_clear(struct map *map)
{
    for (uint32_t i = 0; i < map->count; i++)
        map->rows[map->used[i]].key = 0;
    map->count = 0;
}

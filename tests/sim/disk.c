#include "tests/sim/disk.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define CELLS_MIN 256
/* States of the past are forgotten, as the daemon's retention does. */
#define STATES_KEPT 2

static struct disk_cell *cell_at(const struct disk *disk, enum pbft_record_type type, uint64_t key)
{
    const struct disk_table *t = &disk->tables[type];
    return key < t->capacity ? &t->cells[key] : NULL;
}

static void reserve(struct disk_table *t, uint64_t key)
{
    if (key < t->capacity)
        return;
    uint64_t capacity = t->capacity == 0 ? CELLS_MIN : t->capacity;
    while (capacity <= key)
        capacity *= 2;
    t->cells = reallocarray(t->cells, capacity, sizeof *t->cells);
    if (t->cells == NULL)
        abort();
    memset(&t->cells[t->capacity], 0, (capacity - t->capacity) * sizeof *t->cells);
    t->capacity = capacity;
}

static void remember(struct disk *disk, enum pbft_record_type type, uint64_t key, struct body *old)
{
    if (disk->undo_count == disk->undo_capacity) {
        disk->undo_capacity = disk->undo_capacity == 0 ? 64 : 2 * disk->undo_capacity;
        disk->undo = reallocarray(disk->undo, disk->undo_capacity, sizeof *disk->undo);
        if (disk->undo == NULL)
            abort();
    }
    disk->undo[disk->undo_count++] = (struct disk_undo){.type = type, .key = key, .value = old};
}

static void put(struct disk *disk, enum pbft_record_type type, uint64_t key, struct body *value)
{
    struct disk_table *t = &disk->tables[type];
    reserve(t, key);
    struct disk_cell *cell = &t->cells[key];
    remember(disk, type, key, cell->value);
    *cell = (struct disk_cell){.value = value, .dirty = true};
    if (key > t->last)
        t->last = key;
}

/* The states before the newest few go in the same transaction. */
static void forget_states(struct disk *disk, uint64_t newest)
{
    struct disk_table *t = &disk->tables[PBFT_RECORD_STATE];
    unsigned kept = 0;
    for (uint64_t key = newest; key > 0 && kept <= STATES_KEPT; key--) {
        if (t->cells[key].value != NULL && ++kept > STATES_KEPT)
            put(disk, PBFT_RECORD_STATE, key, NULL);
    }
}

void disk_write(struct disk *disk, const struct pbft_record *record)
{
    assert(record->type > PBFT_RECORD_INVALID && record->type < DISK_TYPES);
    put(disk, record->type, record->seq, body_new(record->value));
    if (record->type == PBFT_RECORD_STATE)
        forget_states(disk, record->seq);
}

void disk_flush(struct disk *disk)
{
    for (uint32_t i = 0; i < disk->undo_count; i++) {
        const struct disk_undo *u = &disk->undo[i];
        body_release(u->value);
        cell_at(disk, u->type, u->key)->dirty = false;
    }
    disk->undo_count = 0;
}

void disk_lose_unflushed(struct disk *disk)
{
    while (disk->undo_count > 0) {
        const struct disk_undo *u = &disk->undo[--disk->undo_count];
        struct disk_cell *cell = cell_at(disk, u->type, u->key);
        body_release(cell->value);
        *cell = (struct disk_cell){.value = u->value};
    }
}

const struct body *disk_read(const struct disk *disk, enum pbft_record_type type, uint64_t key)
{
    const struct disk_cell *cell = cell_at(disk, type, key);
    return cell != NULL && !cell->damaged ? cell->value : NULL;
}

bool disk_is_flushed(const struct disk *disk, enum pbft_record_type type, uint64_t key)
{
    const struct disk_cell *cell = cell_at(disk, type, key);
    return cell != NULL && cell->value != NULL && !cell->dirty;
}

uint64_t disk_last(const struct disk *disk, enum pbft_record_type type)
{
    const struct disk_table *t = &disk->tables[type];
    for (uint64_t key = t->last; key > 0; key--) {
        if (t->cells[key].value != NULL)
            return key;
    }
    return 0;
}

bool disk_damage(struct disk *disk, enum pbft_record_type type, uint64_t key)
{
    struct disk_cell *cell = cell_at(disk, type, key);
    if (cell == NULL || cell->value == NULL || cell->dirty)
        return false;
    cell->damaged = true;
    disk->damaged = true;
    return true;
}

void disk_clear(struct disk *disk)
{
    disk_flush(disk);
    for (unsigned type = 0; type < DISK_TYPES; type++) {
        struct disk_table *t = &disk->tables[type];
        for (uint64_t key = 0; key <= t->last && key < t->capacity; key++) {
            body_release(t->cells[key].value);
            t->cells[key] = (struct disk_cell){0};
        }
        t->last = 0;
    }
    disk->full = false;
    disk->damaged = false;
}

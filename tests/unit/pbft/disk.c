#include "tests/unit/pbft/disk.h"

#include <assert.h>
#include <stdlib.h>

static void truncate_to(struct disk *disk, size_t count)
{
    while (disk->count > count)
        buffer_free(&disk->records[--disk->count].value);
}

void disk_free(struct disk *disk)
{
    truncate_to(disk, 0);
    free(disk->records);
    *disk = (struct disk){0};
}

static void append(struct disk *disk, const struct pbft_record *record)
{
    if (disk->count == disk->capacity) {
        disk->capacity = disk->capacity == 0 ? 64 : 2 * disk->capacity;
        disk->records = realloc(disk->records, disk->capacity * sizeof *disk->records);
        assert(disk->records != NULL);
    }
    struct disk_record *r = &disk->records[disk->count++];
    *r = (struct disk_record){.type = record->type, .seq = record->seq};
    buffer_init(&r->value, SIZE_MAX / 2);
    put_raw(&r->value, record->value.data, record->value.size);
}

void disk_write(struct disk *disk, const struct pbft_record *records, unsigned count)
{
    bool durable = false;
    for (unsigned i = 0; i < count; i++) {
        append(disk, &records[i]);
        durable = durable || records[i].durable;
    }
    if (durable)
        disk->flushed = disk->count;
}

void disk_crash(struct disk *disk)
{
    truncate_to(disk, disk->flushed);
}

static const struct disk_record *find(
    const struct disk *disk, size_t count, enum pbft_record_type type, uint64_t seq)
{
    for (size_t i = count; i > 0; i--) {
        const struct disk_record *r = &disk->records[i - 1];
        if (r->type == type && (seq == 0 || r->seq == seq))
            return r;
    }
    return NULL;
}

const struct disk_record *disk_read(
    const struct disk *disk, enum pbft_record_type type, uint64_t seq)
{
    assert(seq != 0);
    return find(disk, disk->count, type, seq);
}

const struct disk_record *disk_last(const struct disk *disk, enum pbft_record_type type)
{
    return find(disk, disk->count, type, 0);
}

bool disk_is_flushed(const struct disk *disk, enum pbft_record_type type, uint64_t seq)
{
    assert(seq != 0);
    return find(disk, disk->flushed, type, seq) != NULL;
}

static uint64_t highest_batch(const struct disk *disk)
{
    uint64_t highest = 0;
    for (size_t i = 0; i < disk->count; i++) {
        const struct disk_record *r = &disk->records[i];
        if (r->type == PBFT_RECORD_BATCH && r->seq > highest)
            highest = r->seq;
    }
    return highest;
}

bool disk_restore(const struct disk *disk, struct pbft *core, struct slice *ret_app_state)
{
    const struct disk_record *state = disk_last(disk, PBFT_RECORD_STATE);
    uint64_t seq = 0;
    *ret_app_state = slice_of(NULL, 0);
    if (state != NULL) {
        seq = state->seq;
        if (pbft_restore_state(core, seq, buffer_slice(&state->value), ret_app_state) != NULL)
            return false;
    }
    uint64_t last = highest_batch(disk);
    while (++seq <= last) {
        const struct disk_record *batch = disk_read(disk, PBFT_RECORD_BATCH, seq);
        bool committed = disk_read(disk, PBFT_RECORD_COMMITTED, seq) != NULL;
        if (batch != NULL &&
            pbft_restore_batch(core, seq, buffer_slice(&batch->value), committed) != NULL)
            return false;
    }
    return true;
}

#include "tests/unit/pbft/disk.h"

#include <assert.h>
#include <stdio.h>
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

static uint64_t highest(const struct disk *disk)
{
    uint64_t highest = 0;
    for (size_t i = 0; i < disk->count; i++) {
        const struct disk_record *r = &disk->records[i];
        bool of_batch = r->type == PBFT_RECORD_BATCH || r->type == PBFT_RECORD_PREPARED;
        if (of_batch && r->seq > highest)
            highest = r->seq;
    }
    return highest;
}

static bool fits(const char *reason, enum pbft_record_type type, uint64_t seq)
{
    if (reason != NULL)
        fprintf(stderr, "record of type %u at %llu: %s\n", (unsigned)type, (unsigned long long)seq,
            reason);
    return reason == NULL;
}

static bool restore_permanent(const struct disk *disk, struct pbft *core)
{
    for (unsigned type = PBFT_RECORD_VIEW; type <= PBFT_RECORD_SILENCE; type++) {
        for (uint64_t key = 1; key <= REPLICAS_MAX; key++) {
            const struct disk_record *r = disk_read(disk, (enum pbft_record_type)type, key);
            if (r != NULL && !fits(pbft_restore_permanent(core, (enum pbft_record_type)type, key,
                                       buffer_slice(&r->value)),
                                 (enum pbft_record_type)type, key))
                return false;
        }
    }
    return true;
}

bool disk_restore(const struct disk *disk, struct pbft *core, struct slice *ret_app_state)
{
    const struct disk_record *state = disk_last(disk, PBFT_RECORD_STATE);
    uint64_t seq = 0;
    *ret_app_state = slice_of(NULL, 0);
    if (state != NULL) {
        seq = state->seq;
        if (!fits(pbft_restore_state(core, seq, buffer_slice(&state->value), ret_app_state),
                PBFT_RECORD_STATE, seq))
            return false;
    }
    if (!restore_permanent(disk, core))
        return false;
    uint64_t last = highest(disk);
    while (++seq <= last) {
        const struct disk_record *batch = disk_read(disk, PBFT_RECORD_BATCH, seq);
        const struct disk_record *prepared = disk_read(disk, PBFT_RECORD_PREPARED, seq);
        const struct disk_record *apart = disk_read(disk, PBFT_RECORD_APART, seq);
        bool committed = disk_read(disk, PBFT_RECORD_COMMITTED, seq) != NULL;
        if (batch != NULL &&
            !fits(pbft_restore_batch(core, seq, buffer_slice(&batch->value), committed),
                PBFT_RECORD_BATCH, seq))
            return false;
        struct slice none = slice_of(NULL, 0);
        if (prepared != NULL &&
            !fits(pbft_restore_prepared(core, seq, buffer_slice(&prepared->value),
                      apart != NULL ? buffer_slice(&apart->value) : none),
                PBFT_RECORD_PREPARED, seq))
            return false;
    }
    return true;
}

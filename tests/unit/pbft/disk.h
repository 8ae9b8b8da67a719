/* A model of the durable log: records in order, of which a prefix is flushed. */
#ifndef BYZ_TESTS_PBFT_DISK_H
#define BYZ_TESTS_PBFT_DISK_H

#include "proxy/pbft/pbft.h"

struct disk_record {
    enum pbft_record_type type;
    uint64_t seq;
    struct buffer value;
};

struct disk {
    struct disk_record *records;
    size_t count;
    size_t capacity;
    size_t flushed; /* records before this survive a crash */
};

void disk_free(struct disk *disk);
/* Appends an update's records; a durable one flushes all up to the last. */
void disk_write(struct disk *disk, const struct pbft_record *records, unsigned count);
/* Power fails: what is not flushed is gone. */
void disk_crash(struct disk *disk);
/* The newest record of this type at seq, or NULL. */
const struct disk_record *disk_read(
    const struct disk *disk, enum pbft_record_type type, uint64_t seq);
const struct disk_record *disk_last(const struct disk *disk, enum pbft_record_type type);
bool disk_is_flushed(const struct disk *disk, enum pbft_record_type type, uint64_t seq);
/* Restores a new core as the daemon does; false if a record was refused. */
bool disk_restore(const struct disk *disk, struct pbft *core, struct slice *ret_app_state);

#endif

/* A model of the durable log: records by type and key, of which what was not flushed is lost when
 * power fails. Damage is found as the daemon's log finds it (each record has its own digest): a
 * damaged record is as missing as none. */
#ifndef BYZ_TESTS_SIM_DISK_H
#define BYZ_TESTS_SIM_DISK_H

#include "proxy/pbft/pbft.h"
#include "tests/sim/body.h"

#define DISK_TYPES (PBFT_RECORD_SILENCE + 1)

struct disk_cell {
    struct body *value; /* NULL: no record */
    bool dirty;         /* written since the last flush */
    bool damaged;
};

struct disk_table {
    struct disk_cell *cells; /* by key */
    uint64_t capacity;
    uint64_t last; /* highest key ever written in this life of the disk */
};

/* What a record was before it was written, until the next flush. */
struct disk_undo {
    enum pbft_record_type type;
    uint64_t key;
    struct body *value;
};

struct disk {
    struct disk_table tables[DISK_TYPES];
    struct disk_undo *undo;
    uint32_t undo_count;
    uint32_t undo_capacity;
    bool full;    /* the next write fails */
    bool damaged; /* some record is */
};

/* Into the open transaction. */
void disk_write(struct disk *disk, const struct pbft_record *record);
void disk_flush(struct disk *disk);
/* Power fails: what is not flushed is as it was. */
void disk_lose_unflushed(struct disk *disk);
/* NULL: none, or damaged. */
const struct body *disk_read(const struct disk *disk, enum pbft_record_type type, uint64_t key);
bool disk_is_flushed(const struct disk *disk, enum pbft_record_type type, uint64_t key);
/* Highest key with a record; 0: none. */
uint64_t disk_last(const struct disk *disk, enum pbft_record_type type);
/* Damages one record; false if there is none at this key. */
bool disk_damage(struct disk *disk, enum pbft_record_type type, uint64_t key);
/* An empty disk; the tables' memory is kept. */
void disk_clear(struct disk *disk);

#endif

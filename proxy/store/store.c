/* The durable log on LMDB.
 *
 * Records go straight into LMDB's write transaction, which stays open until the next flush. That
 * is all there is to "kept in memory": LMDB keeps the changed pages, reads through the open
 * transaction see them, a commit makes them durable together with one fsync, and a process that
 * dies before it leaves the file as it was after the last flush. */
#include "proxy/store/store.h"

#include "common/birth.h"
#include "proxy/store/lock.h"
#include "proxy/store/record.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What may be held without a flush; then store_write flushes by itself. */
#define PENDING_BYTES_MAX (16u << 20)
#define PENDING_RECORDS_MAX 4096
#define PRUNE_RECORDS_MAX 256
/* Permanent records have other keys than sequence numbers, and stay. */
#define PRUNED_TYPE_LAST (PBFT_RECORD_VIEW - 1)

_Static_assert(PENDING_BYTES_MAX > 2 * FRAME_BODY_BYTES_MAX, "the largest record can wait");

struct store {
    MDB_env *env;
    MDB_dbi dbi;
    MDB_txn *writing; /* open while records wait for a flush, else NULL */
    MDB_txn *reading; /* kept and renewed; its slices live until the next call */
    bool reading_active;
    bool broken; /* a write failed: nothing may be promised any more */
    size_t pending_bytes;
    unsigned pending_records;
    bool follows_loss;
    int lock_fd;
    struct hasher *hasher;
    char error[512];
};

/* ---- errors ---- */

static void set_error(struct store *s, const char *what, int rc)
{
    const char *hint = "";
    if (rc == MDB_MAP_FULL)
        hint = "; the store has reached its size limit: lower log_batches_max or raise "
               "--store-size";
    else if (rc == ENOSPC)
        hint = "; free some space on the disk and start byzproxy again";
    snprintf(s->error, sizeof s->error, "%s: %s%s", what, mdb_strerror(rc), hint);
}

static bool fail_write(struct store *s, const char *what, int rc)
{
    set_error(s, what, rc);
    if (s->writing)
        mdb_txn_abort(s->writing);
    s->writing = NULL;
    s->broken = true;
    return false;
}

const char *store_error(const struct store *store)
{
    return store->error;
}

/* ---- transactions ---- */

static void read_end(struct store *s)
{
    if (s->reading_active)
        mdb_txn_reset(s->reading);
    s->reading_active = false;
}

/* The transaction to read in: the one that holds the pending records, or a read-only one. */
static MDB_txn *read_begin(struct store *s)
{
    read_end(s);
    if (s->writing)
        return s->writing;
    int rc = s->reading ? mdb_txn_renew(s->reading)
                        : mdb_txn_begin(s->env, NULL, MDB_RDONLY, &s->reading);
    if (rc != 0) {
        set_error(s, "the store cannot be read", rc);
        return NULL;
    }
    s->reading_active = true;
    return s->reading;
}

static bool write_begin(struct store *s)
{
    read_end(s);
    if (s->broken)
        return false;
    if (s->writing)
        return true;
    int rc = mdb_txn_begin(s->env, NULL, 0, &s->writing);
    if (rc != 0) {
        s->writing = NULL;
        return fail_write(s, "the store cannot be written", rc);
    }
    return true;
}

static bool write_flush(struct store *s)
{
    read_end(s);
    if (s->broken)
        return false;
    if (!s->writing)
        return true;
    MDB_txn *txn = s->writing;
    s->writing = NULL; /* mdb_txn_commit frees it, also when it fails */
    s->pending_bytes = 0;
    s->pending_records = 0;
    int rc = mdb_txn_commit(txn);
    return rc == 0 || fail_write(s, "the store cannot be flushed", rc);
}

/* ---- writing ---- */

static bool put_record(struct store *s, uint8_t type, uint64_t seq, struct slice content)
{
    uint8_t key_bytes[RECORD_KEY_BYTES];
    record_key(key_bytes, type, seq);
    MDB_val key = {sizeof key_bytes, key_bytes};
    MDB_val value = {DIGEST_BYTES + content.size, NULL};
    int rc = mdb_put(s->writing, s->dbi, &key, &value, MDB_RESERVE);
    if (rc != 0)
        return fail_write(s, "a record cannot be written", rc);
    uint8_t *at = value.mv_data;
    record_digest(s->hasher, key_bytes, content, at);
    if (content.size > 0)
        memcpy(at + DIGEST_BYTES, content.data, content.size);
    s->pending_bytes += content.size + DIGEST_BYTES + RECORD_KEY_BYTES;
    s->pending_records++;
    return true;
}

static bool pending_full(const struct store *s)
{
    return s->pending_bytes > PENDING_BYTES_MAX || s->pending_records > PENDING_RECORDS_MAX;
}

bool store_write(struct store *store, const struct pbft_record *records, unsigned count, bool flush)
{
    if (store->broken)
        return false;
    for (unsigned i = 0; i < count; i++) {
        assert(records[i].type != PBFT_RECORD_INVALID);
        assert((unsigned)records[i].type <= RECORD_TYPE_MAX);
        if (!write_begin(store))
            return false;
        if (!put_record(store, (uint8_t)records[i].type, records[i].seq, records[i].value))
            return false;
    }
    return flush || pending_full(store) ? write_flush(store) : true;
}

bool store_dirty(const struct store *store)
{
    return store->writing != NULL;
}

/* ---- reading ---- */

int store_read(
    struct store *store, enum pbft_record_type type, uint64_t seq, struct slice *ret_value)
{
    assert(type != PBFT_RECORD_INVALID);
    MDB_txn *txn = read_begin(store);
    if (!txn)
        return -1;
    uint8_t key_bytes[RECORD_KEY_BYTES];
    record_key(key_bytes, (uint8_t)type, seq);
    MDB_val key = {sizeof key_bytes, key_bytes};
    MDB_val value;
    int rc = mdb_get(txn, store->dbi, &key, &value);
    if (rc == MDB_NOTFOUND)
        return 0;
    if (rc != 0) {
        set_error(store, "a record cannot be read", rc);
        return -1;
    }
    if (record_open(store->hasher, key_bytes, slice_of(value.mv_data, value.mv_size), ret_value))
        return 1;
    snprintf(store->error, sizeof store->error,
        "the record of type %u at sequence number %llu is damaged", (unsigned)type,
        (unsigned long long)seq);
    return -1;
}

/* Moves the cursor to the first key of this type, or with `last` to its last one. Returns LMDB's
 * code; MDB_NOTFOUND: there is none. */
static int seek(MDB_cursor *cursor, uint8_t type, bool last, uint64_t *ret_seq)
{
    uint8_t key_bytes[RECORD_KEY_BYTES];
    record_key(key_bytes, type, last ? UINT64_MAX : 0);
    MDB_val key = {sizeof key_bytes, key_bytes};
    MDB_val value;
    uint8_t found = 0;
    int rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    if (last) {
        bool exact = rc == 0 && slice_equal(slice_of(key.mv_data, key.mv_size),
                                    slice_of(key_bytes, sizeof key_bytes));
        if (rc == MDB_NOTFOUND) /* nothing at or above: the very last key may be it */
            rc = mdb_cursor_get(cursor, &key, &value, MDB_LAST);
        else if (rc == 0 && !exact)
            rc = mdb_cursor_get(cursor, &key, &value, MDB_PREV);
    }
    if (rc != 0)
        return rc;
    if (!record_key_parse(slice_of(key.mv_data, key.mv_size), &found, ret_seq) || found != type)
        return MDB_NOTFOUND;
    return 0;
}

/* A file in which LMDB cannot even find its way must not pass for an empty one: what this replica
 * promised would be forgotten. So such a store takes no more writes. */
static uint64_t edge(struct store *s, enum pbft_record_type type, bool last)
{
    assert(type != PBFT_RECORD_INVALID);
    MDB_txn *txn = read_begin(s);
    MDB_cursor *cursor;
    uint64_t seq = 0;
    int rc = txn ? mdb_cursor_open(txn, s->dbi, &cursor) : EIO;
    if (rc == 0) {
        rc = seek(cursor, (uint8_t)type, last, &seq);
        mdb_cursor_close(cursor);
    }
    if (rc == 0)
        return seq;
    if (rc != MDB_NOTFOUND) {
        set_error(s, "the store cannot be read", rc);
        s->broken = true;
    }
    return 0;
}

uint64_t store_first(struct store *store, enum pbft_record_type type)
{
    return edge(store, type, false);
}

uint64_t store_last(struct store *store, enum pbft_record_type type)
{
    return edge(store, type, true);
}

/* Pages that hold records. LMDB uses free ones again, so the file's size says nothing. */
unsigned store_fill_percent(struct store *store)
{
    MDB_txn *txn = read_begin(store);
    MDB_stat stat;
    MDB_envinfo info;
    int rc = txn ? mdb_stat(txn, store->dbi, &stat) : EIO;
    if (rc == 0)
        rc = mdb_env_info(store->env, &info);
    if (rc != 0) {
        set_error(store, "the store cannot be read", rc);
        return 0; /* the next write will say so */
    }
    size_t pages = stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
    return (unsigned)(pages * 100 / (info.me_mapsize / stat.ms_psize));
}

/* ---- pruning ---- */

/* Deletes the records of one type below seq, at most *budget. Returns LMDB's error. */
static int prune_type(MDB_cursor *cursor, uint8_t type, uint64_t seq, unsigned *budget)
{
    uint64_t at;
    while (*budget > 0) {
        int rc = seek(cursor, type, false, &at);
        if (rc == MDB_NOTFOUND || (rc == 0 && at >= seq))
            return 0;
        if (rc == 0)
            rc = mdb_cursor_del(cursor, 0);
        if (rc != 0)
            return rc;
        --*budget;
    }
    return 0;
}

static bool prune_types(struct store *s, uint8_t first, uint8_t last, uint64_t seq)
{
    if (!write_begin(s))
        return false;
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(s->writing, s->dbi, &cursor);
    if (rc != 0) {
        fail_write(s, "the store cannot be pruned", rc);
        return false;
    }
    unsigned budget = PRUNE_RECORDS_MAX;
    for (unsigned type = first; type <= last && rc == 0; type++)
        rc = prune_type(cursor, (uint8_t)type, seq, &budget);
    mdb_cursor_close(cursor);
    s->pending_records += PRUNE_RECORDS_MAX - budget;
    if (rc != 0) {
        fail_write(s, "a record cannot be deleted", rc);
        return false;
    }
    return budget == 0;
}

bool store_prune(struct store *store, uint64_t seq)
{
    return prune_types(store, RECORD_META + 1, PRUNED_TYPE_LAST, seq);
}

bool store_prune_type(struct store *store, enum pbft_record_type type, uint64_t seq)
{
    assert(type != PBFT_RECORD_INVALID && !pbft_record_is_permanent(type));
    return prune_types(store, (uint8_t)type, (uint8_t)type, seq);
}

/* ---- opening ---- */

static void hex_short(char out[static 17], const uint8_t digest[static DIGEST_BYTES])
{
    hex_format(out, digest, 8);
}

static bool owner_matches(const struct record_owner *found, const struct record_owner *wanted,
    const char *path, char *ret_error, size_t error_size)
{
    if (memcmp(found->cluster, wanted->cluster, DIGEST_BYTES) != 0) {
        char theirs[17], ours[17];
        hex_short(theirs, found->cluster);
        hex_short(ours, wanted->cluster);
        snprintf(ret_error, error_size,
            "%s: the store belongs to another cluster (%s…, this is %s…); give "
            "--store the folder of this cluster's replica %u",
            path, theirs, ours, wanted->replica);
        return false;
    }
    if (found->replica != wanted->replica) {
        snprintf(ret_error, error_size,
            "%s: the store belongs to replica %u, but this is replica %u; give --store the folder "
            "of replica %u",
            path, found->replica, wanted->replica, wanted->replica);
        return false;
    }
    return true;
}

static bool owner_check(struct store *s, const char *path, struct slice stored,
    const struct record_owner *wanted, char *ret_error, size_t error_size)
{
    uint8_t key[RECORD_KEY_BYTES];
    struct slice content;
    struct record_owner found;
    record_key(key, RECORD_META, 0);
    const char *reason = "its owner record is damaged";
    if (record_open(s->hasher, key, stored, &content))
        reason = record_owner_decode(content, &found);
    if (reason) {
        snprintf(ret_error, error_size, "%s: %s", path, reason);
        return false;
    }
    s->follows_loss = found.lost;
    return owner_matches(&found, wanted, path, ret_error, error_size);
}

static bool owner_write(struct store *s, const struct record_owner *owner)
{
    uint8_t memory[64];
    struct buffer b = {.data = memory, .capacity = sizeof memory, .size_max = sizeof memory};
    record_owner_encode(&b, owner);
    assert(!b.failed);
    s->follows_loss = owner->lost;
    return put_record(s, RECORD_META, 0, buffer_slice(&b));
}

static bool refuse_absence(
    const char *path, const char *what, unsigned replica, char *ret_error, size_t error_size)
{
    snprintf(ret_error, error_size,
        "%s: %s. If replica %u ever ran, what it promised is lost: start it once with --lost-log. "
        "If it never did, say so: byzctl init --server %u --new-log",
        path, what, replica, replica);
    return false;
}

/* A store that is being made gets its owner; an old one must have the right one. */
static bool own(struct store *s, const char *path, const struct record_owner *wanted,
    enum birth birth, char *ret_error, size_t error_size)
{
    uint8_t key_bytes[RECORD_KEY_BYTES];
    record_key(key_bytes, RECORD_META, 0);
    MDB_val key = {sizeof key_bytes, key_bytes};
    MDB_val value;
    int rc = mdb_get(s->writing, s->dbi, &key, &value);
    if (rc == 0)
        return owner_check(
            s, path, slice_of(value.mv_data, value.mv_size), wanted, ret_error, error_size);
    if (rc == MDB_NOTFOUND && birth == BIRTH_UNKNOWN)
        return refuse_absence(path, "the durable log is empty; move its files away",
            wanted->replica, ret_error, error_size);
    if (rc == MDB_NOTFOUND && owner_write(s, wanted))
        return true;
    if (rc != MDB_NOTFOUND)
        set_error(s, "the store cannot be read", rc);
    snprintf(ret_error, error_size, "%s: %s", path, s->error);
    return false;
}

static bool open_environment(struct store *s, const char *path, size_t map_bytes)
{
    int rc = mdb_env_create(&s->env);
    if (rc == 0)
        rc = mdb_env_set_mapsize(s->env, map_bytes);
    if (rc == 0) /* pages are read by key, seldom in order: no read-ahead */
        rc = mdb_env_open(s->env, path, MDB_NORDAHEAD, 0600);
    if (rc == 0)
        rc = mdb_txn_begin(s->env, NULL, 0, &s->writing);
    if (rc == 0)
        rc = mdb_dbi_open(s->writing, NULL, 0, &s->dbi);
    if (rc != 0)
        set_error(s, "LMDB cannot open it", rc);
    return rc == 0;
}

/* A new file survives a power failure only if its name does. What this process may not open, it did
 * not change; EINVAL: the file system needs none of this. */
static bool sync_directory(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 ? fsync(fd) == 0 || errno == EINVAL : errno == EACCES;
    if (fd >= 0)
        close(fd);
    return ok;
}

static bool sync_names(const char *path)
{
    char parent[PATH_MAX];
    int length = snprintf(parent, sizeof parent, "%s/..", path);
    return length > 0 && (size_t)length < sizeof parent && sync_directory(path) &&
           sync_directory(parent);
}

struct store *store_open(const char *path, const uint8_t cluster[static DIGEST_BYTES],
    unsigned replica, size_t map_bytes, char *ret_error, size_t error_size)
{
    assert(replica < REPLICAS_MAX);
    struct store *s = calloc(1, sizeof *s);
    if (!s || !(s->hasher = hasher_new())) {
        snprintf(ret_error, error_size, "out of memory");
        free(s);
        return NULL;
    }
    s->lock_fd = -1;
    enum birth birth = birth_read(path);
    struct record_owner owner = {.replica = (uint16_t)replica, .lost = birth == BIRTH_LOST};
    memcpy(owner.cluster, cluster, DIGEST_BYTES);
    if (birth == BIRTH_UNKNOWN && !birth_has_log(path)) {
        refuse_absence(path, "there is no durable log", replica, ret_error, error_size);
        goto failed;
    }
    s->lock_fd = lock_take(path, ret_error, error_size);
    if (s->lock_fd < 0)
        goto failed;
    if (!open_environment(s, path, map_bytes)) {
        snprintf(ret_error, error_size, "%s: %s", path, s->error);
        goto failed;
    }
    if (!own(s, path, &owner, birth, ret_error, error_size))
        goto failed;
    if (!write_flush(s)) {
        snprintf(ret_error, error_size, "%s: %s", path, s->error);
        goto failed;
    }
    if (!sync_names(path)) {
        snprintf(ret_error, error_size, "%s: cannot be flushed: %s", path, strerror(errno));
        goto failed;
    }
    if (birth != BIRTH_UNKNOWN)
        birth_forget(path);
    return s;
failed:
    if (s->writing)
        mdb_txn_abort(s->writing);
    s->writing = NULL;
    s->broken = true;
    store_close(s);
    return NULL;
}

bool store_follows_loss(const struct store *store)
{
    return store->follows_loss;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    if (!store->broken)
        (void)write_flush(store); /* what it held was lazy: nothing was promised on it */
    read_end(store);
    if (store->reading)
        mdb_txn_abort(store->reading);
    if (store->env)
        mdb_env_close(store->env);
    lock_release(store->lock_fd);
    hasher_free(store->hasher);
    free(store);
}

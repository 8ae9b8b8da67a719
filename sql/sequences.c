/* The state of the sequences that the current transaction uses. It is written back at PostgreSQL's
 * COMMIT, so an aborted transaction leaves nothing; rolling back to a savepoint gives nothing back,
 * as in PostgreSQL. */
#include "sql/sequences.h"

#include "sql/refuse.h"
#include "sql/sequence_store.h"
#include "sql/transaction.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_sequence.h"
#include "common/int.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

/* A lane's block: as many as the last transaction drew twice over, within these. A sequence with
 * few values left is not cut into blocks: then concurrent transactions may conflict, but none is
 * lost. */
#define BLOCK_VALUES_MIN 16
#define BLOCK_VALUES_MAX 4096
#define BLOCK_SHARE 256
/* Early runs on one replica that guess at the same time stay so far apart. */
#define GUESS_APART 1024
#define GUESSES_MAX 64
/* Third kind of advisory lock; SQL's functions have 1 and 2. */
#define GUESS_LOCK 3

struct parameters {
    int64 increment, min, max, cache;
    bool cycles;
};

struct sequence {
    Oid id; /* the hash's key */
    bool is_loaded;
    struct parameters parameters;
    struct sequence_position block;  /* of this transaction's lane */
    struct sequence_position shared; /* what no lane has yet */
    struct sequence_position base;   /* … when it was loaded */
    int64 drawn;
    bool took_shared;
    bool was_set; /* setval: the shared position is the client's will */
    bool is_void; /* rows from before the transaction count no more */
    SubTransactionId void_in;
    bool is_broken; /* made void by what was rolled back */
    bool has_current;
    int64 current;
};

static HTAB *sequences;
static struct sequence *last_used;
static SubTransactionId last_drawn_in;
static int32 own_lane;
static bool at_turn = true;

/* ---- arithmetic ---- */

static bool step(const struct parameters *p, int64 *value, int64 steps)
{
    int64 distance, next;
    if (pg_mul_s64_overflow(p->increment, steps, &distance) ||
        pg_add_s64_overflow(*value, distance, &next) || next > p->max || next < p->min)
        return false;
    *value = next;
    return true;
}

static int64 limit_of(const struct parameters *p)
{
    return p->increment > 0 ? p->max : p->min;
}

static int64 restart_of(const struct parameters *p)
{
    return p->increment > 0 ? p->min : p->max;
}

/* How many values there are behind `value`; a sequence may span all 64 bits. */
static uint64 values_behind(const struct parameters *p, int64 value)
{
    uint64 distance =
        p->increment > 0 ? (uint64)p->max - (uint64)value : (uint64)value - (uint64)p->min;
    uint64 stride = p->increment > 0 ? (uint64)p->increment : -(uint64)p->increment;
    return distance / stride;
}

static void shared_advance(struct sequence *s, int64 steps)
{
    if (step(&s->parameters, &s->shared.next, steps))
        return;
    if (s->parameters.cycles)
        s->shared.next = restart_of(&s->parameters);
    else
        s->shared.remaining = 0;
}

/* ---- loading ---- */

static struct sequence *lookup(Oid id)
{
    if (sequences == NULL) {
        HASHCTL control = {.keysize = sizeof(Oid),
            .entrysize = sizeof(struct sequence),
            .hcxt = TopTransactionContext};
        sequences =
            hash_create("byzantium sequences", 16, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    }
    bool found;
    struct sequence *s = hash_search(sequences, &id, HASH_ENTER, &found);
    if (!found) {
        memset(s, 0, sizeof(*s));
        s->id = id;
    }
    return s;
}

static struct parameters parameters_of(Oid id)
{
    HeapTuple tuple = SearchSysCache1(SEQRELID, ObjectIdGetDatum(id));
    if (!HeapTupleIsValid(tuple))
        elog(ERROR, "cache lookup failed for sequence %u", id);
    Form_pg_sequence row = (Form_pg_sequence)GETSTRUCT(tuple);
    struct parameters p = {.increment = row->seqincrement,
        .min = row->seqmin,
        .max = row->seqmax,
        .cache = row->seqcache,
        .cycles = row->seqcycle};
    ReleaseSysCache(tuple);
    return p;
}

/* What PostgreSQL's relation says: nobody has drawn since it was made, altered or restarted. */
static struct sequence_position position_of_relation(Oid id, const struct parameters *p)
{
    int64 last;
    bool is_called;
    sequence_relation_read(id, &last, &is_called);
    struct sequence s = {.parameters = *p, .shared = {.next = last, .remaining = 1}};
    if (is_called)
        shared_advance(&s, 1);
    return s.shared;
}

static bool positions_equal(struct sequence_position a, struct sequence_position b)
{
    return a.next == b.next && a.remaining == b.remaining;
}

/* The latest state: a lane's row is its owner's alone, so an old snapshot would show the same. */
static struct sequence_position shared_position(const struct sequence *s)
{
    struct sequence_position position;
    if (s->is_void || !sequence_store_read(s->id, SEQUENCE_SHARED, &position))
        position = position_of_relation(s->id, &s->parameters);
    return position;
}

static void load(struct sequence *s)
{
    s->parameters = parameters_of(s->id);
    s->base = s->shared = shared_position(s);
    if (s->is_void || !sequence_store_read(s->id, own_lane, &s->block))
        s->block = (struct sequence_position){0};
    s->is_loaded = true;
}

static struct sequence *prepare(Oid id, bool check_privileges, AclMode privileges)
{
    LockRelationOid(id, RowExclusiveLock);
    if (get_rel_relkind(id) == '\0')
        ereport(ERROR, errcode(ERRCODE_UNDEFINED_TABLE), errmsg("there is no sequence %u", id));
    if (get_rel_relkind(id) != RELKIND_SEQUENCE)
        ereport(ERROR, errcode(ERRCODE_WRONG_OBJECT_TYPE),
            errmsg("\"%s\" is not a sequence", get_rel_name(id)));
    if (check_privileges && pg_class_aclcheck(id, GetUserId(), privileges) != ACLCHECK_OK)
        ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
            errmsg("permission denied for sequence %s", get_rel_name(id)));
    struct sequence *s = lookup(id);
    if (s->is_broken)
        refuse("Roll the transaction back.",
            "sequence \"%s\" was restarted behind a savepoint that was rolled back",
            get_rel_name(id));
    if (!s->is_loaded)
        load(s);
    return s;
}

/* ---- drawing ---- */

static bool guess_is_free(Oid id, uint32 place)
{
    LOCKTAG tag;
    SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, id, place, GUESS_LOCK);
    return LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

/* An early run that takes what another transaction on this server is about to take would wait for
 * that one's unique key, and get 23505 for a row that it would never have met at its turn. So it
 * goes behind it; the place is held until the transaction ends. */
static void guess(struct sequence *s)
{
    uint32 place = 0;
    if (s->parameters.cycles ||
        values_behind(&s->parameters, s->shared.next) / BLOCK_SHARE < GUESS_APART * GUESSES_MAX)
        return;
    while (place < GUESSES_MAX && !guess_is_free(s->id, place))
        place++;
    s->base = s->shared = shared_position(s); /* who held the place may have committed */
    shared_advance(s, (int64)place * GUESS_APART);
}

/* What no lane has goes to whoever is first in the order: an early run can only guess. */
static void note_shared(struct sequence *s)
{
    s->took_shared = true;
    transaction_flags_add(TRANSACTION_UNCERTAIN);
    if (s->was_set || s->is_void)
        return;
    if (at_turn)
        (void)guess_is_free(s->id, 0);
    else
        guess(s);
}

static int64 draw_shared(struct sequence *s)
{
    if (!s->took_shared)
        note_shared(s);
    if (s->shared.remaining == 0)
        ereport(ERROR, errcode(ERRCODE_SEQUENCE_GENERATOR_LIMIT_EXCEEDED),
            errmsg(s->parameters.increment > 0
                       ? "nextval: reached maximum value of sequence \"%s\" (%lld)"
                       : "nextval: reached minimum value of sequence \"%s\" (%lld)",
                get_rel_name(s->id), (long long)limit_of(&s->parameters)));
    int64 value = s->shared.next;
    shared_advance(s, 1);
    return value;
}

static int64 draw_block(struct sequence *s)
{
    int64 value = s->block.next;
    s->block.remaining--;
    (void)step(&s->parameters, &s->block.next, 1);
    return value;
}

int64 sequences_next(Oid sequence, bool check_privileges)
{
    struct sequence *s = prepare(sequence, check_privileges, ACL_USAGE | ACL_UPDATE);
    s->current = s->block.remaining > 0 ? draw_block(s) : draw_shared(s);
    s->has_current = true;
    s->drawn++;
    last_used = s;
    last_drawn_in = GetCurrentSubTransactionId();
    return s->current;
}

int64 sequences_current(Oid sequence)
{
    struct sequence *s = prepare(sequence, true, ACL_SELECT | ACL_USAGE);
    if (!s->has_current)
        ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
            errmsg("currval of sequence \"%s\" is not yet defined in this transaction",
                get_rel_name(sequence)),
            errhint("Use INSERT … RETURNING, or ask in the transaction that called nextval."));
    return s->current;
}

int64 sequences_last(void)
{
    if (last_used == NULL)
        ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
            errmsg("lastval is not yet defined in this transaction"),
            errhint("Use INSERT … RETURNING, or ask in the transaction that called nextval."));
    (void)prepare(last_used->id, true, ACL_SELECT | ACL_USAGE);
    return last_used->current;
}

int64 sequences_set(Oid sequence, int64 value, bool is_called)
{
    struct sequence *s = prepare(sequence, true, ACL_UPDATE);
    if (value < s->parameters.min || value > s->parameters.max)
        ereport(ERROR, errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
            errmsg("setval: value %lld is out of bounds for sequence \"%s\" (%lld..%lld)",
                (long long)value, get_rel_name(sequence), (long long)s->parameters.min,
                (long long)s->parameters.max));
    s->shared = (struct sequence_position){.next = value, .remaining = 1};
    s->block = (struct sequence_position){0};
    s->was_set = true;
    if (is_called) {
        shared_advance(s, 1);
        s->current = value;
        s->has_current = true;
    }
    last_drawn_in = GetCurrentSubTransactionId();
    /* open transactions draw from lanes that are void now */
    transaction_flags_add(TRANSACTION_BARRIER);
    return value;
}

bool sequences_used(Oid sequence)
{
    if (sequences == NULL)
        return false;
    const struct sequence *s = hash_search(sequences, &sequence, HASH_FIND, NULL);
    return s != NULL && (s->drawn > 0 || s->was_set);
}

void sequences_forget(Oid sequence)
{
    struct sequence *s = lookup(sequence);
    *s = (struct sequence){.id = s->id,
        .is_void = true,
        .void_in = GetCurrentSubTransactionId(),
        .has_current = s->has_current,
        .current = s->current};
}

/* ---- writing back ---- */

static uint64 block_size(const struct sequence *s)
{
    uint64 size = Max(2 * (uint64)s->drawn, (uint64)s->parameters.cache);
    size = Min(Max(size, BLOCK_VALUES_MIN), BLOCK_VALUES_MAX);
    uint64 share = values_behind(&s->parameters, s->shared.next) / BLOCK_SHARE;
    return s->parameters.cycles || s->shared.remaining == 0 || share < size ? 0 : size;
}

/* Where the next transaction in this lane finds its values: behind its own ones where that is the
 * end of all, so that one client after another leaves no gap; else in a new block when the old one
 * is used up. */
static void give_block(struct sequence *s)
{
    uint64 size = block_size(s);
    int64 end = s->block.next;
    bool is_last = s->block.remaining > 0 && s->block.remaining < s->drawn &&
                   step(&s->parameters, &end, s->block.remaining) && end == s->shared.next;
    if (size == 0 || (s->block.remaining > 0 && !is_last))
        return;
    if (!is_last)
        s->block = (struct sequence_position){.next = s->shared.next};
    s->block.remaining += (int64)size;
    shared_advance(s, (int64)size);
}

/* So that psql, pg_dump and ALTER SEQUENCE see a position from which it can go on. */
static void write_relation(const struct sequence *s)
{
    const struct parameters *p = &s->parameters;
    int64 last = s->shared.next;
    if (s->shared.remaining == 0)
        sequence_relation_write(s->id, limit_of(p), true);
    else if (step(p, &last, -1))
        sequence_relation_write(s->id, last, true);
    else
        sequence_relation_write(s->id, s->shared.next, false);
}

static void write_back(struct sequence *s)
{
    if (s->is_void || s->was_set)
        sequence_store_delete(s->id);
    if (s->drawn == 0 && !s->was_set)
        return;
    /* what was read early may be old; what was drawn from it was read again at the turn */
    if (!s->took_shared && !s->was_set && !s->is_void)
        s->base = s->shared = shared_position(s);
    if (s->drawn > 0) {
        give_block(s);
        sequence_store_write(s->id, own_lane, &s->block);
    }
    if (s->was_set || s->is_void || !positions_equal(s->shared, s->base)) {
        sequence_store_write(s->id, SEQUENCE_SHARED, &s->shared);
        write_relation(s);
    }
}

static void write_all_back(void)
{
    HASH_SEQ_STATUS scan;
    struct sequence *s;
    hash_seq_init(&scan, sequences);
    while ((s = hash_seq_search(&scan)) != NULL) {
        if (!s->is_broken)
            write_back(s);
    }
}

static void forget_all(void)
{
    sequences = NULL; /* its memory goes with the transaction */
    last_used = NULL;
    last_drawn_in = InvalidSubTransactionId;
}

void sequences_start(int32 lane, bool turn)
{
    forget_all();
    own_lane = lane;
    at_turn = turn;
}

static void on_transaction(XactEvent event, void *arg)
{
    if (event == XACT_EVENT_PRE_COMMIT && sequences != NULL)
        write_all_back();
    if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
        sequences_start(0, true);
}

static void break_void(SubTransactionId aborted)
{
    HASH_SEQ_STATUS scan;
    struct sequence *s;
    hash_seq_init(&scan, sequences);
    while ((s = hash_seq_search(&scan)) != NULL) {
        if (s->is_void && s->void_in >= aborted)
            s->is_broken = true;
    }
}

/* How many values a statement drew before it failed may depend on the order of rows. */
static void on_subtransaction(
    SubXactEvent event, SubTransactionId self, SubTransactionId parent, void *arg)
{
    if (event != SUBXACT_EVENT_ABORT_SUB || sequences == NULL)
        return;
    if (last_drawn_in >= self && client_statement_running())
        transaction_flags_add(TRANSACTION_UNCERTAIN);
    break_void(self);
}

void sequences_init(void)
{
    RegisterXactCallback(on_transaction, NULL);
    RegisterSubXactCallback(on_subtransaction, NULL);
}

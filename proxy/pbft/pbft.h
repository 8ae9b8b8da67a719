/* The agreement core: PBFT as a step function (Castro and Liskov, TOCS 2002).
 *
 * Pure: no socket, clock, disk, randomness or allocation after creation. The daemon and the
 * simulator drive the same object files. An event goes in, an update comes out:
 *
 *     pbft_step(core, &event, &update);
 *     persist update.persist[]            (durable records on disk before anything else leaves)
 *     send update.sends[], update.replies[]
 *     hand update.deliveries[] to the executor, in order
 *
 * An event belongs to the caller and is not kept. What an update points to belongs to the core and
 * is valid until the next step. The engine is a black box to the rest (papers/002 section 2.3):
 * requests in, batches in one agreed order out, results back in, cached for exactly-once replies.
 */
#ifndef BYZ_PROXY_PBFT_PBFT_H
#define BYZ_PROXY_PBFT_PBFT_H

#include "common/message.h"

struct pbft;

/* Cryptography is injected; the simulator's is cheap and unforgeable within its model. */
struct pbft_crypto {
    void *context;
    void (*digest)(void *context, const void *data, size_t size, uint8_t ret[static DIGEST_BYTES]);
    void (*sign)(void *context, enum signature_purpose purpose, const void *data, size_t size,
        uint8_t ret[static SIGNATURE_BYTES]);
    bool (*verify_replica)(void *context, unsigned replica, enum signature_purpose purpose,
        const void *data, size_t size, const uint8_t signature[static SIGNATURE_BYTES]);
    bool (*verify_client)(void *context, unsigned client, const void *data, size_t size,
        const uint8_t signature[static SIGNATURE_BYTES]);
};

#define PBFT_PENDING_BYTES (64u << 20)
#define PBFT_APP_STATE_BYTES (48u << 20)

struct pbft_options {
    unsigned faults;       /* f; n = 3f+1 */
    unsigned self;         /* this replica's index */
    unsigned client_count; /* client keys in the configuration */
    unsigned window;       /* high water mark - low water mark */
    unsigned checkpoint_interval;
    unsigned batch_requests_max;
    unsigned batch_bytes_max;
    unsigned batches_in_flight_max;
    unsigned sessions_per_client_max;
    size_t pending_bytes_max;   /* requests not yet ordered; 0: PBFT_PENDING_BYTES */
    size_t app_state_bytes_max; /* the executor's part of a checkpoint; 0: PBFT_APP_STATE_BYTES */
    uint64_t clock_skew_us_max;
    uint64_t heartbeat_us;
    uint64_t retransmit_us;
    /* Without progress for so long the primary is suspected; doubled with each view that fails. */
    uint64_t view_change_timeout_us;
    /* This replica lost its durable log, and with it what it promised: it says nothing in agreement
     * until the checkpoints have passed everything that it may have signed (silence.c). */
    bool lost_log;
    struct pbft_crypto crypto;
};

/* ---- events ---- */

enum pbft_event_type {
    PBFT_EVENT_INVALID = 0,
    PBFT_TICK,     /* time passed; call at pbft_deadline() or later */
    PBFT_REQUEST,  /* a client's request, over the client's own authenticated link */
    PBFT_MESSAGE,  /* a message of types 30..49 from another replica, over its authenticated link */
    PBFT_EXECUTED, /* the executor finished a delivered batch; strictly in delivery order */
};

struct pbft_event {
    enum pbft_event_type type;
    uint64_t now_us;   /* monotonic time: timers */
    uint64_t clock_us; /* this node's wall clock, UTC: proposals of timestamps and their check */
    /* PBFT_REQUEST */
    const struct request *request; /* .client equals the link's client (checked by the driver) */
    /* PBFT_MESSAGE */
    unsigned from;
    enum message_type message_type;
    struct slice message_body;
    /* PBFT_EXECUTED */
    uint64_t seq;
    const struct slice *results; /* one per request of the batch; empty for skipped duplicates */
    unsigned result_count;
    struct slice app_state; /* at checkpoint sequence numbers: the executor's encoded state */
    bool more_time;         /* transactions are open: keep proposing empty batches */
};

/* ---- updates ---- */

enum pbft_record_type {
    PBFT_RECORD_INVALID = 0,
    PBFT_RECORD_BATCH, /* key seq: the pre-prepare that this replica accepted (or, fetched, a batch
                          in the same form); must be durable before its PREPARE leaves */
    PBFT_RECORD_COMMITTED, /* key seq: empty value; the batch at seq is committed. May be lazy */
    PBFT_RECORD_OUTCOMES,  /* key seq: the results, count and put_bytes each. May be lazy */
    PBFT_RECORD_STATE,    /* key seq: a stable checkpoint: its certificate, the client table and the
                             executor's state. May be lazy */
    PBFT_RECORD_PREPARED, /* key seq: the certificate that a batch prepared here; must be durable
                             before its COMMIT leaves */
    PBFT_RECORD_APART,    /* key seq: the batch of PBFT_RECORD_PREPARED, where PBFT_RECORD_BATCH is
                             another one by now; durable */
    PBFT_RECORD_VIEW,     /* key 1: the view and whether it is entered; durable */
    PBFT_RECORD_VIEW_CHANGE, /* key replica + 1: a VIEW-CHANGE of the current view, this replica's
                                own or one that the new view was made from; durable */
    PBFT_RECORD_NEW_VIEW,    /* key 1: the NEW-VIEW of the view entered; durable */
    PBFT_RECORD_SILENCE,     /* key 1: until which checkpoint this replica is silent; durable */
};
/* Kept for as long as they are not overwritten, whatever the sequence numbers. */
static inline bool pbft_record_is_permanent(enum pbft_record_type type)
{
    return type >= PBFT_RECORD_VIEW;
}

struct pbft_record {
    enum pbft_record_type type;
    bool durable; /* must be flushed before this update's sends and deliveries */
    uint64_t seq;
    struct slice value;
};

#define PBFT_TO_ALL 0xffffu /* every replica but this one */

struct pbft_send {
    unsigned to; /* replica index or PBFT_TO_ALL */
    enum message_type type;
    struct slice body;
};

struct pbft_reply {
    unsigned client;
    struct slice body; /* an encoded struct reply (it names the session) */
    uint64_t session;
};

/* A batch to execute. skip[i]: request i was executed before (exactly-once); do not run it. */
struct pbft_delivery {
    struct batch batch;    /* as proposed; */
    uint64_t timestamp_us; /* agreed time, which grows with seq (the proposed one need not, after a
                              view change) */
    uint8_t seed[DIGEST_BYTES]; /* agreed; no f replicas can choose it (seed.h). Nothing secret */
    const struct request *requests; /* batch.request_count of them, decoded */
    const bool *skip;
    bool checkpoint; /* PBFT_EXECUTED must bring app_state */
};

/* Two signed statements of one replica of which a correct one makes only one. `statement`s are the
 * signed bytes. Anybody who has the replica's public key can verify it. */
struct pbft_evidence {
    unsigned replica;
    enum signature_purpose purpose; /* PRE_PREPARE, PREPARE, CHECKPOINT, VIEW_CHANGE, NEW_VIEW or
                                       CONTRIBUTION */
    struct slice statement[2];
    uint8_t signature[2][SIGNATURE_BYTES];
};

#define PBFT_EVIDENCE_MAX 4
#define PBFT_SENDS_MAX 256
#define PBFT_RECORDS_MAX 128
#define PBFT_REPLIES_MAX (BATCH_REQUESTS_MAX + 1)
#define PBFT_DELIVERIES_MAX 8

/* The order of the fields is the order in which the driver must do them. The records of one update
 * are written together or not at all: a lazy one beside a durable one is as durable. What does not
 * fit into one update follows in the next: pbft_deadline() is then in the past. */
struct pbft_update {
    struct pbft_record persist[PBFT_RECORDS_MAX];
    unsigned persist_count;
    struct pbft_send sends[PBFT_SENDS_MAX];
    unsigned send_count;
    struct pbft_reply replies[PBFT_REPLIES_MAX];
    unsigned reply_count;
    struct pbft_delivery deliveries[PBFT_DELIVERIES_MAX];
    unsigned delivery_count;
    struct pbft_evidence evidence[PBFT_EVIDENCE_MAX]; /* to be kept for people */
    unsigned evidence_count;
    bool fetch;          /* this replica has fallen behind: FETCH messages are among the sends */
    bool refused;        /* PBFT_REQUEST: the pending table is full; the client will send again */
    const char *invalid; /* the event's sender lied or is confused: why (constant text); count it */
    const char *diverged; /* 2f+1 others agree on a checkpoint that differs from ours: why. From
                             then on it is set in every update, and the core delivers and votes no
                             more: the driver must tell the DBA */
};

/* ---- life ---- */

/* Creates a core that knows nothing (sequence number 0). NULL: out of memory or options out of
 * range (only a bug or an unchecked configuration does that). Allocates all that it will ever need.
 */
struct pbft *pbft_new(const struct pbft_options *options);
void pbft_free(struct pbft *core);

/* Restoring from the durable log, before the first step, in this order: the latest state; the
 * permanent records (VIEW, VIEW_CHANGE, NEW_VIEW, SILENCE) in the order of their types; then for
 * each sequence number upwards from the state its BATCH, if there is one, and its PREPARED with the
 * APART that may belong to it (or an empty slice). The driver has checked each record's own digest.
 * These return NULL or why the record cannot be right. After restoring, committed batches above the
 * state are delivered again. */
const char *pbft_restore_state(
    struct pbft *core, uint64_t seq, struct slice value, struct slice *ret_app_state);
const char *pbft_restore_permanent(
    struct pbft *core, enum pbft_record_type type, uint64_t key, struct slice value);
const char *pbft_restore_batch(struct pbft *core, uint64_t seq, struct slice value, bool committed);
const char *pbft_restore_prepared(
    struct pbft *core, uint64_t seq, struct slice value, struct slice apart);

void pbft_step(struct pbft *core, const struct pbft_event *event, struct pbft_update *ret_update);
/* Monotonic time of the next PBFT_TICK wanted; UINT64_MAX: none. */
uint64_t pbft_deadline(const struct pbft *core);

/* ---- questions ---- */

struct pbft_info {
    uint64_t view;
    bool active;           /* the view is entered; else a view change is under way */
    bool suspects;         /* this replica has given up on the primary */
    const char *reason;    /* why it last did, or NULL */
    bool silent;           /* it lost its log and takes no part in agreement yet; */
    uint64_t silent_until; /* … until this checkpoint is stable; 0: not known yet */
    unsigned view_changes; /* that this replica took part in since it started */
    unsigned primary;
    uint64_t delivered; /* last sequence number handed to the executor */
    uint64_t executed;
    uint64_t stable;                       /* low water mark */
    unsigned pending;                      /* requests not yet ordered */
    unsigned in_flight;                    /* agreed on or proposed, not yet executed */
    uint64_t peer_delivered[REPLICAS_MAX]; /* as they last said */
    uint64_t peer_executed[REPLICAS_MAX];  /* … */
    uint64_t timestamp_us;                 /* agreed time of the last delivered batch */
};
void pbft_info(const struct pbft *core, struct pbft_info *ret);

#endif

/* Every message on the wire: its type, its fields, its canonical encoding.
 *
 * docs/protocol.md is the table of messages. Decoding never copies: slices in a decoded struct
 * borrow from the bytes given. A `…_decode` returns NULL when the bytes are the one canonical
 * encoding of a valid message, else a constant text that says what is wrong (the sender lies; the
 * caller counts and drops), and leaves *ret as it was. Encoding appends to a buffer and fails only
 * through buffer.failed. It does not check limits: a message beyond them is refused by its
 * receiver. Only texts for people are cut to their limit.
 *
 * Fields that a receiver must check against its own state (is this replica the primary? is seq
 * inside the water marks?) are not checked here: here only form and limits. */
#ifndef BYZ_COMMON_MESSAGE_H
#define BYZ_COMMON_MESSAGE_H

#include "common/codec.h"
#include "common/crypto.h"
#include "common/limits.h"

enum message_type {
    MESSAGE_INVALID = 0,
    /* any link, once, first */
    MESSAGE_HELLO = 1,
    MESSAGE_GOODBYE = 2, /* why this end closes the link */
    /* client to replica */
    MESSAGE_REQUEST = 10,      /* to be ordered: BEGIN, COMMIT, ROLLBACK */
    MESSAGE_OPERATION = 11,    /* one SQL statement, to the coordinator alone */
    MESSAGE_STATUS_QUERY = 12, /* empty body */
    MESSAGE_CANCEL = 13,       /* give up the speculative execution of a transaction */
    MESSAGE_QUERY = 14,        /* a question that needs no order, to all replicas */
    /* replica to client */
    MESSAGE_REPLY = 20, /* the outcome of an ordered request */
    MESSAGE_RESULT_COLUMNS = 21,
    MESSAGE_RESULT_ROWS = 22,
    MESSAGE_RESULT_END = 23,
    MESSAGE_STATUS_TEXT = 24, /* "name=value" lines, UTF-8 */
    MESSAGE_ANSWER = 25,      /* to a QUERY, from the last executed batch's state */
    /* replica to replica: agreement */
    MESSAGE_PRE_PREPARE = 30,
    MESSAGE_PREPARE = 31,
    MESSAGE_COMMIT = 32,
    MESSAGE_CHECKPOINT = 33,
    MESSAGE_STATUS = 34,       /* what the sender has; the others send what it lacks */
    MESSAGE_FETCH = 35,        /* committed batches, please, from the durable log */
    MESSAGE_BATCH = 36,        /* one committed batch with its outcomes */
    MESSAGE_STABLE = 37,       /* the certificate of a stable checkpoint */
    MESSAGE_CONTRIBUTION = 38, /* to the seed of batches */
    MESSAGE_RELAY = 39,        /* a backup passes a client's request on to the primary */
    /* replica to replica: view change */
    MESSAGE_VIEW_CHANGE = 40,
    MESSAGE_NEW_VIEW = 41,
    MESSAGE_WANT = 42,    /* the contents of batches that a new view may carry over, please */
    MESSAGE_CONTENT = 43, /* one of them */
    /* replica to replica: execution */
    MESSAGE_VOTE = 50,
};
/* The type's name for logs ("PRE_PREPARE"), or "?" */
const char *message_name(uint8_t type);

/* ---- links ---- */

enum hello_role { HELLO_INVALID = 0, HELLO_REPLICA = 1, HELLO_CLIENT = 2 };

struct hello {
    uint16_t version; /* PROTOCOL_VERSION */
    enum hello_role role;
    uint16_t id; /* replica index, or index of the client's key in the configuration */
    uint8_t cluster[DIGEST_BYTES]; /* digest of the configuration: both ends must have the same */
};
void hello_encode(struct buffer *b, const struct hello *m);
const char *hello_decode(struct slice body, struct hello *ret);

struct goodbye {
    char sqlstate[5];
    struct slice text; /* UTF-8, at most ERROR_TEXT_BYTES_MAX */
};
void goodbye_encode(struct buffer *b, const struct goodbye *m);
const char *goodbye_decode(struct slice body, struct goodbye *ret);

/* ---- requests ---- */

/* An ordered request. (client, session) is one connection of one client key; number counts the
 * session's requests from 1 and makes execution exactly-once. The uid of a transaction is
 * (client, session, number of its BEGIN). */
struct request {
    uint16_t client;
    uint64_t session;
    uint64_t number;
    struct slice body; /* an encoded struct order, at most REQUEST_BODY_BYTES_MAX */
    uint8_t signature[SIGNATURE_BYTES]; /* SIGN_REQUEST over request_signed_part */
};
void request_encode(struct buffer *b, const struct request *m);
const char *request_decode(struct slice body, struct request *ret);
/* Takes one request off a batch. The body is opaque here: order_decode is the executor's. */
const char *request_take(struct reader *r, struct request *ret);
/* The bytes that the signature covers: everything before it. */
void request_put_signed_part(struct buffer *b, const struct request *m);

enum order_kind { ORDER_INVALID = 0, ORDER_BEGIN = 1, ORDER_COMMIT = 2, ORDER_ROLLBACK = 3 };

/* What a request asks for: figure 2 of the paper, BFT_exec(<BEGIN,…>) and BFT_exec(<COMMIT,…>). */
struct order {
    enum order_kind kind;
    uint16_t coordinator; /* BEGIN: the replica that is to execute the operations */
    uint64_t transaction; /* COMMIT, ROLLBACK: number of the BEGIN in the same session */
    uint32_t entry_count; /* COMMIT; ROLLBACK: 0 = not verified (section 3.4) */
    struct slice entries; /* encoded entries, one after another */
};
void order_encode(struct buffer *b, const struct order *m);
/* Checks the entries too, each of them. */
const char *order_decode(struct slice body, struct order *ret);

/* A statement with its parameters, as the client sends it. */
struct statement {
    struct slice text;        /* UTF-8 without NUL, at most STATEMENT_BYTES_MAX */
    uint32_t parameter_count; /* at most PARAMETERS_MAX */
    struct slice parameters;  /* encoded, read with parameter_take */
};
struct parameter {
    uint32_t type_oid; /* 0: PostgreSQL infers it; else below FIRST_USER_OID */
    bool is_null;
    struct slice value; /* text format, without NUL */
};
void parameter_put(struct buffer *b, const struct parameter *p);
const char *parameter_take(struct reader *r, struct parameter *ret);
void statement_put(struct buffer *b, const struct statement *s);
const char *statement_take(struct reader *r, struct statement *ret);

/* One operation of a transaction's list. */
struct entry {
    struct statement statement;
    struct slice choices;  /* what the coordinator chose (sequence values…); empty in version 1 */
    uint16_t executor;     /* replica whose result the client received */
    uint16_t hash_version; /* RESULT_HASH_VERSION */
    bool failed;           /* the client received an error (so the hash is of a SQLSTATE) */
    uint8_t result_hash[DIGEST_BYTES];
};
void entry_put(struct buffer *b, const struct entry *e);
const char *entry_take(struct reader *r, struct entry *ret);

/* ---- operations ---- */

struct operation {
    uint64_t session;
    uint64_t transaction;
    uint32_t index; /* place in the transaction's list, from 0 */
    struct statement statement;
};
void operation_encode(struct buffer *b, const struct operation *m);
const char *operation_decode(struct slice body, struct operation *ret);

/* Gives up the speculative execution (the client moved to another coordinator). */
struct cancel {
    uint64_t session;
    uint64_t transaction;
};
void cancel_encode(struct buffer *b, const struct cancel *m);
const char *cancel_decode(struct slice body, struct cancel *ret);

/* The answer to an operation: COLUMNS, ROWS (any number), END; or END alone. Each carries which. */
struct result_key {
    uint64_t session;
    uint64_t transaction;
    uint32_t index;
};
struct result_columns {
    struct result_key key;
    uint32_t count;       /* at most COLUMNS_MAX */
    struct slice columns; /* read with column_take */
};
struct column {
    struct slice name;
    uint32_t type_oid; /* 0 for user-defined types */
};
void column_put(struct buffer *b, const struct column *c);
const char *column_take(struct reader *r, struct column *ret);
void result_columns_encode(struct buffer *b, const struct result_columns *m);
const char *result_columns_decode(struct slice body, struct result_columns *ret);

struct result_rows {
    struct result_key key;
    uint32_t count;
    struct slice rows; /* each put_bytes(canonical row, see result_hash.h) */
};
void result_rows_encode(struct buffer *b, const struct result_rows *m);
const char *result_rows_decode(struct slice body, struct result_rows *ret);

struct result_end {
    struct result_key key;
    bool failed;
    char sqlstate[5];  /* "00000" when not failed */
    struct slice text; /* command tag, or the error's text for people */
    struct slice hint; /* an error's DETAIL and HINT lines for people; may be empty */
};
void result_end_encode(struct buffer *b, const struct result_end *m);
const char *result_end_decode(struct slice body, struct result_end *ret);

/* ---- replies ---- */

enum outcome_kind {
    OUTCOME_INVALID = 0,
    OUTCOME_BEGUN = 1,
    OUTCOME_COMMITTED = 2,
    OUTCOME_ROLLED_BACK = 3,
    OUTCOME_ABORTED = 4, /* the transaction is over and had no effect */
    OUTCOME_REFUSED = 5, /* the request itself was not acceptable; nothing changed */
};

enum verdict {
    VERDICT_NONE = 0,      /* nothing to verify */
    VERDICT_CONFIRMED = 1, /* every result was the one the client received */
    VERDICT_UNCONFIRMED =
        2,            /* a result differed, but the statement is not known to be deterministic */
    VERDICT_LIED = 3, /* a result differed and honest replicas cannot differ here */
};

/* What an ordered request came to: equal, byte for byte, on all correct replicas. */
struct outcome {
    enum outcome_kind kind;
    enum verdict verdict;
    char sqlstate[5];   /* "00000" unless aborted or refused */
    uint32_t statement; /* index of the list entry that failed or differed; else 0 */
    bool barrier;       /* COMMITTED: it changed the catalogue (DDL, GRANT, TRUNCATE) */
    uint64_t epoch;     /* BEGUN: of the snapshot; COMMITTED: after this commit; else 0.
                           Votes carry 0: the ledger fills it in */
};
#define OUTCOME_BYTES 20
void outcome_put(struct buffer *b, const struct outcome *o);
const char *outcome_take(struct reader *r, struct outcome *ret);
bool outcome_equal(const struct outcome *a, const struct outcome *b);

struct reply {
    uint64_t view; /* so that clients know the primary */
    uint64_t session;
    uint64_t number;
    struct slice result; /* an encoded outcome; opaque to agreement */
};
void reply_encode(struct buffer *b, const struct reply *m);
const char *reply_decode(struct slice body, struct reply *ret);

/* ---- questions without order ---- */

enum query_kind {
    QUERY_INVALID = 0,
    QUERY_EPOCH = 1, /* answered by a struct epoch_answer */
};

/* Answered at once, without agreement, from what committed batches alone have made (the read-only
 * operations of Castro and Liskov, TOCS 2002). 2f+1 equal answers count: two such sets, or one and
 * the 2f+1 equal replies to a commit, share a correct replica. */
struct query {
    uint64_t session;
    uint64_t number; /* counts the connection's questions from 1; the answer names it */
    enum query_kind kind;
};
void query_encode(struct buffer *b, const struct query *m);
const char *query_decode(struct slice body, struct query *ret);

struct query_answer {
    uint64_t session;
    uint64_t number;
    struct slice answer; /* at most REPLY_BYTES_MAX; compared byte for byte */
};
void query_answer_encode(struct buffer *b, const struct query_answer *m);
const char *query_answer_decode(struct slice body, struct query_answer *ret);

struct epoch_answer {
    uint64_t epoch;         /* after the last executed batch */
    uint64_t barrier_epoch; /* of the last barrier, not above epoch; 0: none yet */
};
void epoch_answer_put(struct buffer *b, const struct epoch_answer *m);
const char *epoch_answer_decode(struct slice answer, struct epoch_answer *ret);

/* ---- agreement ---- */

/* What the replicas agree on at one sequence number. */
struct batch {
    uint64_t seq;
    uint64_t timestamp_us;  /* proposed time: UTC, microseconds since 1970. 0: a null batch, which
                               a new view puts where nothing can have been agreed on */
    uint32_t request_count; /* 0: an empty batch, so that time passes */
    struct slice requests;  /* read with request_take */
    uint32_t contribution_count; /* to the seed; at most one a replica */
    struct slice contributions;  /* read with contribution_take */
};
void batch_put(struct buffer *b, const struct batch *m);
/* Takes a batch and checks the form of every request in it. */
const char *batch_take(struct reader *r, struct batch *ret);
/* SHA-256 over the encoded batch: what prepares and commits speak of. `scratch` must be able to
 * hold the batch: reserve BATCH_BYTES_MAX once. */
void batch_digest(
    const struct batch *m, struct buffer *scratch, uint8_t ret_digest[static DIGEST_BYTES]);

struct pre_prepare {
    uint64_t view;
    struct batch batch;
    uint8_t signature[SIGNATURE_BYTES]; /* SIGN_PRE_PREPARE over (view, seq, batch digest) */
};
void pre_prepare_encode(struct buffer *b, const struct pre_prepare *m);
const char *pre_prepare_decode(struct slice body, struct pre_prepare *ret);

struct prepare {
    uint64_t view;
    uint64_t seq;
    uint8_t digest[DIGEST_BYTES];
    uint16_t replica;
    uint8_t signature[SIGNATURE_BYTES]; /* SIGN_PREPARE over (view, seq, digest, replica) */
};
void prepare_encode(struct buffer *b, const struct prepare *m);
const char *prepare_decode(struct slice body, struct prepare *ret);
/* What pre-prepare and prepare signatures cover. */
void phase_put_signed_part(struct buffer *b, uint64_t view, uint64_t seq,
    const uint8_t digest[static DIGEST_BYTES], uint16_t replica);

struct commit {
    uint64_t view;
    uint64_t seq;
    uint8_t digest[DIGEST_BYTES];
};
void commit_encode(struct buffer *b, const struct commit *m);
const char *commit_decode(struct slice body, struct commit *ret);

struct checkpoint {
    uint64_t seq;
    uint8_t digest[DIGEST_BYTES]; /* of the agreed state after executing seq */
    uint16_t replica;
    uint8_t signature[SIGNATURE_BYTES]; /* SIGN_CHECKPOINT over (seq, digest, replica) */
};
void checkpoint_encode(struct buffer *b, const struct checkpoint *m);
const char *checkpoint_decode(struct slice body, struct checkpoint *ret);
void checkpoint_put_signed_part(struct buffer *b, const struct checkpoint *m);

struct status {
    uint64_t view;
    bool active;        /* the sender has entered the view; else it waits for the new view */
    bool suspects;      /* it has given up on the view's primary */
    bool silent;        /* it lost its log and takes no part in agreement yet */
    uint64_t delivered; /* last sequence number that the sender has as committed, without a gap */
    uint64_t executed;  /* last one that its database has executed */
    uint64_t stable;    /* its last stable checkpoint */
};
void status_encode(struct buffer *b, const struct status *m);
const char *status_decode(struct slice body, struct status *ret);

struct fetch {
    uint64_t seq;   /* first batch wanted */
    uint32_t count; /* at most FETCH_BATCHES_MAX */
};
void fetch_encode(struct buffer *b, const struct fetch *m);
const char *fetch_decode(struct slice body, struct fetch *ret);

/* A batch that the sender says is committed. f+1 senders with the same batch make it so. */
struct fetched {
    struct batch batch;
    uint32_t outcome_count; /* 0 when the sender has not executed it, else one per request */
    struct slice outcomes;  /* read with fetched_outcome_take */
};
/* A request that was executed before (exactly-once) has no outcome here: twenty zero bytes, taken
 * as an outcome of kind OUTCOME_INVALID. */
void outcome_put_skipped(struct buffer *b);
const char *fetched_outcome_take(struct reader *r, struct outcome *ret);
void fetched_encode(struct buffer *b, const struct fetched *m);
const char *fetched_decode(struct slice body, struct fetched *ret);

/* The certificate of a stable checkpoint: 2f+1 signed CHECKPOINTs in one. */
struct stable {
    uint64_t seq; /* 0: the beginning, which needs no signatures */
    uint8_t digest[DIGEST_BYTES];
    uint32_t signers;        /* mask of replicas */
    struct slice signatures; /* SIGNATURE_BYTES for each signer, in their order */
};
void stable_put(struct buffer *b, const struct stable *m);
const char *stable_take(struct reader *r, struct stable *ret);
void stable_encode(struct buffer *b, const struct stable *m);
const char *stable_decode(struct slice body, struct stable *ret);

/* What a replica adds to the seed of batches: it reveals what its last contribution hid, and hides
 * the next. */
struct contribution {
    uint64_t number; /* counts the replica's contributions from 1 */
    uint8_t reveal[DIGEST_BYTES];
    uint8_t commitment[DIGEST_BYTES]; /* SHA-256 of the next reveal */
    uint16_t replica;
    uint8_t signature[SIGNATURE_BYTES]; /* SIGN_CONTRIBUTION over everything before it */
};
void contribution_put_signed_part(struct buffer *b, const struct contribution *m);
void contribution_put(struct buffer *b, const struct contribution *m);
const char *contribution_take(struct reader *r, struct contribution *ret);
void contribution_encode(struct buffer *b, const struct contribution *m);
const char *contribution_decode(struct slice body, struct contribution *ret);

/* ---- view change ---- */

/* The certificate that a batch prepared: the primary's pre-prepare and 2f backups' prepares. */
struct proof {
    uint64_t view;
    uint64_t seq;
    uint8_t digest[DIGEST_BYTES];
    uint8_t proposal_signature[SIGNATURE_BYTES]; /* SIGN_PRE_PREPARE, the view's primary */
    uint32_t signers;                            /* mask of backups */
    struct slice signatures;                     /* SIGN_PREPARE, in their order */
};
void proof_put(struct buffer *b, const struct proof *m);
const char *proof_take(struct reader *r, struct proof *ret);

struct view_change {
    uint64_t view; /* the one to go to; not 0 */
    uint16_t replica;
    struct stable stable; /* the sender's low water mark */
    uint32_t proof_count; /* at most WINDOW_MAX */
    struct slice proofs;  /* read with proof_take; their seq grows, all above stable.seq */
    struct slice content; /* everything before the signature */
    uint8_t signature[SIGNATURE_BYTES]; /* SIGN_VIEW_CHANGE over view_change_put_signed_part */
};
/* Appends everything but the signature. `content` is ignored. */
void view_change_put_content(struct buffer *b, const struct view_change *m);
const char *view_change_decode(struct slice body, struct view_change *ret);
/* (view, replica, digest of the content): small, so that two of them make small evidence. */
void view_change_put_signed_part(
    struct buffer *b, uint64_t view, uint16_t replica, const uint8_t digest[static DIGEST_BYTES]);

/* What a new view carries over from the old ones at one sequence number. */
struct carried {
    uint8_t digest[DIGEST_BYTES];       /* of the batch */
    uint8_t signature[SIGNATURE_BYTES]; /* the new primary's SIGN_PRE_PREPARE in the new view */
};
struct new_view {
    uint64_t view;
    uint32_t senders;     /* mask of the replicas whose view changes it was made from */
    struct slice digests; /* of their contents: DIGEST_BYTES each, in order */
    uint64_t low;         /* the highest stable checkpoint among them */
    uint32_t carried_count;
    struct slice carried;               /* for low+1, low+2, …; read with carried_take */
    struct slice content;               /* everything before the signature */
    uint8_t signature[SIGNATURE_BYTES]; /* SIGN_NEW_VIEW over new_view_put_signed_part */
};
void carried_put(struct buffer *b, const struct carried *m);
void carried_take(struct reader *r, struct carried *ret); /* the list's size was checked */
void new_view_put_content(struct buffer *b, const struct new_view *m);
const char *new_view_decode(struct slice body, struct new_view *ret);
/* (view, digest of the content): two of them with the same view make evidence. */
void new_view_put_signed_part(
    struct buffer *b, uint64_t view, const uint8_t digest[static DIGEST_BYTES]);

struct wanted {
    uint64_t seq;
    uint8_t digest[DIGEST_BYTES];
};
struct want {
    uint32_t count; /* 1 to WANTED_MAX */
    struct wanted wanted[WANTED_MAX];
};
void want_encode(struct buffer *b, const struct want *m);
const char *want_decode(struct slice body, struct want *ret);
/* CONTENT's body is a batch. */
void content_encode(struct buffer *b, const struct batch *m);
const char *content_decode(struct slice body, struct batch *ret);

/* ---- execution ---- */

/* What the sender's execution of one COMMIT or ROLLBACK came to (proxy/exec/README.md). */
struct vote {
    uint64_t seq;
    uint32_t index; /* of the request in the batch */
    struct outcome outcome;
};
void vote_encode(struct buffer *b, const struct vote *m);
const char *vote_decode(struct slice body, struct vote *ret);

#endif

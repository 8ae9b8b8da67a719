/* The state of the agreement core, and what its rules share: emitting and quorums.
 *
 * Internal to proxy/pbft/ (and to its tests). Each rule has a file of its own with a
 * `…_receive` or `…_try`; step.c only dispatches. */
#ifndef BYZ_PROXY_PBFT_CORE_H
#define BYZ_PROXY_PBFT_CORE_H

#include "proxy/pbft/checkpoint.h"
#include "proxy/pbft/clients.h"
#include "proxy/pbft/contributions.h"
#include "proxy/pbft/pbft.h"
#include "proxy/pbft/pending.h"
#include "proxy/pbft/seed.h"
#include "proxy/pbft/silence.h"
#include "proxy/pbft/slots.h"
#include "proxy/pbft/suspicion.h"
#include "proxy/pbft/view.h"

/* What one peer last said, and what was sent to it again. */
struct peer {
    struct status said;
    bool stuck;            /* its last two STATUS messages had the same `delivered` */
    bool helped;           /* a round of retransmission has begun; */
    uint64_t resent_us;    /* when */
    uint64_t resent_up_to; /* last sequence number sent again in this round */
    bool was_silent;       /* once: */
    uint64_t silent_from;  /* this replica's low water mark when the peer was first heard silent */
    bool heard;            /* in this step: it is helped at the step's end */
    struct want want;      /* contents that it asked for in this step; count 0: none */
    bool wanted;           /* it was answered, */
    uint64_t wanted_us;    /* last then */
};

/* Catching up from the durable logs of others. */
struct catching_up {
    uint64_t behind_us;        /* since when f+1 peers are ahead and nothing was delivered; */
    uint64_t behind_delivered; /* at this sequence number */
    bool behind;
    bool fetching;
    unsigned failed_rounds; /* of FETCH, which did not bring all that was asked for */
    uint64_t sent_us;
    uint64_t up_to; /* last sequence number asked for */
};

struct pbft {
    struct pbft_options options;
    unsigned replica_count;

    /* agreement */
    struct view view;
    struct suspicion suspicion;
    struct silence silence;
    struct slots slots;
    struct pending pending;
    struct checkpoints checkpoints;
    struct client_table ordered; /* after the last delivered batch: decides what is skipped */
    struct client_table done;    /* after the last executed batch: has the results */
    uint64_t delivered;
    uint64_t executed;
    uint64_t delivered_timestamp_us;
    uint64_t executed_timestamp_us;
    struct seed ordered_seed; /* after the last delivered batch, */
    struct seed done_seed;    /* … and after the last executed one */
    struct contributions contributions;
    bool more_time;       /* the executor wants time to pass, */
    bool said_more_time;  /* … and said so since the start */
    const char *diverged; /* why this replica stopped, or NULL */

    /* the others, and time */
    struct peer peers[REPLICAS_MAX];
    uint64_t claimed_delivered; /* what f+1 peers claim: one of them is correct */
    uint64_t claimed_stable;    /* … */
    struct catching_up catching_up;
    uint64_t status_us;      /* last STATUS sent */
    bool status_due;         /* something changed that the others should know at once */
    uint64_t contributed_us; /* contribution to the seed last sent */
    uint64_t proposed_us;    /* primary: last proposal */
    uint64_t stale_us;       /* since when the next batch is refused for its age alone */
    bool stale;
    bool started;          /* a first step was made */
    bool again;            /* more work than fitted into the update */
    uint64_t check_cursor; /* which slot the invariant checker looks at next */

    /* the step under way */
    uint64_t now_us;
    uint64_t clock_us;
    struct pbft_update *update;
    struct buffer out;     /* bodies of small messages and records; never grows */
    struct buffer scratch; /* one encoded batch or request */
    struct buffer batch;   /* requests of the batch that is being proposed */
    struct buffer seeds;   /* its contributions */
    struct buffer relays;  /* requests that are passed on to the primary */
    struct request requests[PBFT_DELIVERIES_MAX][BATCH_REQUESTS_MAX];
    bool skip[PBFT_DELIVERIES_MAX][BATCH_REQUESTS_MAX];
};

/* ---- who and how many ---- */

unsigned core_primary(const struct pbft *core);
bool core_is_primary(const struct pbft *core);
unsigned core_primary_of(const struct pbft *core, uint64_t view);
/* 2f+1: any two such sets share a correct replica. */
unsigned core_quorum(const struct pbft *core);
/* f+1: at least one of them is correct. */
unsigned core_weak_quorum(const struct pbft *core);
/* Finds out anew what f+1 peers claim. */
void core_count_claims(struct pbft *core);
/* Encodes with batch_put into the scratch buffer and digests. */
void core_batch_digest(
    struct pbft *core, const struct batch *batch, uint8_t ret[static DIGEST_BYTES]);
bool core_phase_is_signed(struct pbft *core, enum signature_purpose purpose, uint64_t view,
    uint64_t seq, const uint8_t digest[static DIGEST_BYTES], unsigned signer,
    const uint8_t signature[static SIGNATURE_BYTES]);
/* Does the slot hold a batch of the current view, so that its votes are about it? */
bool core_is_current(const struct pbft *core, const struct slot *slot);
/* Puts a batch into an empty slot and records it, durably. */
void core_put_batch(struct pbft *core, struct slot *slot, const struct pre_prepare *m,
    bool is_proposal, const uint8_t digest[static DIGEST_BYTES]);
/* Goes to another view: forgets what belongs to the old one. */
void core_set_view(struct pbft *core, uint64_t number);
/* Records the view and whether it is entered. */
void core_record_view(struct pbft *core);
/* Time since `since_us`, 0 if the clock stepped back. */
uint64_t core_elapsed(const struct pbft *core, uint64_t since_us);

/* ---- emitting ---- */

/* Small bodies are encoded into core->out between these two. */
size_t emit_begin(const struct pbft *core);
struct slice emit_end(const struct pbft *core, size_t begin);
void emit_send(struct pbft *core, unsigned to, enum message_type type, struct slice body);
void emit_record(
    struct pbft *core, enum pbft_record_type type, bool durable, uint64_t seq, struct slice value);
void emit_reply(
    struct pbft *core, unsigned client, uint64_t session, uint64_t number, struct slice result);
/* The fixed answer to a request of a forgotten session. */
void emit_forgotten(struct pbft *core, unsigned client, uint64_t session, uint64_t number);

#endif

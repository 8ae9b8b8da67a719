/* The log: one slot for each sequence number between the water marks (sections 4.2 to 4.4 of the
 * PBFT paper).
 *
 * A slot knows three things: the batch that it holds and how far it has come (`state`); the votes
 * of the core's current view; and the certificate of the newest view in which a batch prepared here
 * (`prepared`), which must be shown in every later view change until a stable checkpoint passes it.
 *
 * The memory of a slot is fixed at creation; a slot is used again for seq + window once the low
 * water mark has passed seq. */
#ifndef BYZ_PROXY_PBFT_SLOTS_H
#define BYZ_PROXY_PBFT_SLOTS_H

#include "common/message.h"
#include "proxy/pbft/tally.h"

/* Within a view a state only moves forward. When a view ends, what is not final yet is only a
 * batch's content that the new view may ask for: it stays as it is, with its old `view`, until the
 * new view carries it over (PRE_PREPARED again) or drops it (EMPTY). */
enum slot_state {
    SLOT_INVALID = 0,
    SLOT_EMPTY,        /* no batch; votes may have come before it */
    SLOT_PRE_PREPARED, /* a batch proposed by the view's primary, durable here */
    SLOT_PREPARED,     /* 2f backups vouch for it: no other batch can prepare here in this view */
    SLOT_COMMITTED,    /* 2f+1 prepared it, or f+1 say that it is committed: final in all views */
    SLOT_DELIVERED,    /* handed to the executor */
    SLOT_EXECUTED,     /* its results are known */
};

/* The certificate that a batch prepared here. */
struct prepared {
    bool held;
    bool
        apart; /* the slot holds another batch by now, or none; the certificate's is in `encoded` */
    uint64_t view;
    uint8_t digest[DIGEST_BYTES];
    uint8_t proposal_signature[SIGNATURE_BYTES];
    uint32_t signers; /* mask of 2f backups */
    uint8_t signature[REPLICAS_MAX][SIGNATURE_BYTES];
    struct buffer encoded; /* struct pre_prepare */
};

struct slot {
    uint64_t seq;
    enum slot_state state;
    uint64_t view;         /* in which the batch was proposed, last */
    bool is_proposal;      /* `encoded` carries the primary's signature; a fetched batch has none */
    struct buffer encoded; /* struct pre_prepare */
    struct batch batch;    /* borrowed from `encoded` */
    uint8_t digest[DIGEST_BYTES];
    uint64_t time_us;      /* agreed time; known once it is delivered */
    struct tally prepares; /* of backups, with signatures */
    uint8_t prepare_signature[REPLICAS_MAX][SIGNATURE_BYTES];
    struct tally commits;
    struct tally fetched;   /* replicas that say it is committed, from their durable logs */
    uint64_t since_us;      /* when this replica last had something new to say about it */
    bool wanted;            /* empty, and the view carries over a batch whose content is missing: */
    struct carried carried; /* this one */
    struct prepared prepared;
};

struct slots {
    struct slot *ring;
    unsigned window;
    uint64_t low;  /* the stable checkpoint */
    uint64_t high; /* low + window, as of the start of the step: a slot that the step freed is not
                      written again while the update may still point at it */
};

bool slots_init(struct slots *slots, unsigned window, size_t batch_bytes_max);
void slots_release(struct slots *slots);

/* NULL outside of (low, high]. */
struct slot *slots_at(const struct slots *slots, uint64_t seq);
/* Moves the low water mark up; slots up to it are emptied. */
void slots_advance(struct slots *slots, uint64_t low);
/* Makes the slots freed by the last step usable. */
void slots_start_step(struct slots *slots);
/* Starts the log at a restored checkpoint. */
void slots_start_at(struct slots *slots, uint64_t low);

/* Forgets all votes: another view begins. */
void slots_clear_votes(struct slots *slots);

/* Puts a batch into a slot. The state is left alone. */
void slot_put(struct slot *slot, const struct pre_prepare *m, bool is_proposal,
    const uint8_t digest[static DIGEST_BYTES]);
/* The same batch again, in a later view. */
void slot_put_again(
    struct slot *slot, uint64_t view, const uint8_t signature[static SIGNATURE_BYTES]);
const uint8_t *slot_signature(const struct slot *slot); /* the primary's, of SIGNATURE_BYTES */
/* Empties a slot that is not final for a new view; the batch of its certificate is put apart. */
void slot_retire(struct slot *slot);
/* Takes the batch that was put apart back into the empty slot. */
void slot_put_back(struct slot *slot);
/* The encoded batch within an encoded struct pre_prepare. */
struct slice slot_batch_bytes(struct slice pre_prepare);
bool slot_has_apart(const struct slot *slot, const uint8_t digest[static DIGEST_BYTES]);
void slot_move(struct slot *slot, enum slot_state state);
/* Back to PRE_PREPARED: the same batch, proposed again by a new view. */
void slot_renew(struct slot *slot);
bool slot_has_batch(const struct slot *slot);
bool slot_is_committed(const struct slot *slot);
/* A batch or any vote has come. */
bool slot_is_started(const struct slot *slot);

#endif

/* The log: one slot for each sequence number between the water marks (sections 4.2 and 4.3 of the
 * PBFT paper).
 *
 * A slot's state only moves forward, along a checked table. The memory of a slot is fixed at
 * creation; a slot is used again for seq + window once the low water mark has passed seq. */
#ifndef BYZ_PROXY_PBFT_SLOTS_H
#define BYZ_PROXY_PBFT_SLOTS_H

#include "common/message.h"
#include "proxy/pbft/tally.h"

enum slot_state {
    SLOT_INVALID = 0,
    SLOT_EMPTY,        /* no batch; votes may have come before it */
    SLOT_PRE_PREPARED, /* a batch proposed by the view's primary, durable here */
    SLOT_PREPARED,     /* 2f backups vouch for it: no other batch can prepare here in this view */
    SLOT_COMMITTED,    /* 2f+1 prepared it, or f+1 say that it is committed: final */
    SLOT_DELIVERED,    /* handed to the executor */
    SLOT_EXECUTED,     /* its results are known */
};

struct slot {
    uint64_t seq;
    enum slot_state state;
    uint64_t view;         /* of the batch's pre-prepare */
    bool is_proposal;      /* `encoded` carries the primary's signature; a fetched batch has none */
    struct buffer encoded; /* struct pre_prepare */
    struct batch batch;    /* borrowed from `encoded` */
    uint8_t digest[DIGEST_BYTES];
    struct tally prepares; /* of backups, with signatures: the prepared certificate */
    uint8_t prepare_signature[REPLICAS_MAX][SIGNATURE_BYTES];
    struct tally commits;
    struct tally fetched; /* replicas that say it is committed, from their durable logs */
    uint64_t since_us;    /* when this replica last had something new to say about it */
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

/* Puts a batch into a slot. The state is left alone. */
void slot_put(struct slot *slot, const struct pre_prepare *m, bool is_proposal,
    const uint8_t digest[static DIGEST_BYTES]);
void slot_move(struct slot *slot, enum slot_state state);
bool slot_has_batch(const struct slot *slot);
bool slot_is_committed(const struct slot *slot);
/* A batch or any vote has come. */
bool slot_is_started(const struct slot *slot);

#endif

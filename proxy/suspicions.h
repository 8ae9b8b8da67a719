/* What this replica saw that no correct replica does, or that it could not confirm: kept until the
 * database has it (byzantium.suspicions), in a bounded ring.
 *
 * A suspicion is what this replica saw, not a proof (the one kind that is, has a file): a lying
 * client can make an honest replica look bad (it names the executor of a statement in its list), a
 * slow network can make it look silent. Pure. */
#ifndef BYZ_PROXY_SUSPICIONS_H
#define BYZ_PROXY_SUSPICIONS_H

#include "common/message.h"

enum suspicion_kind {
    SUSPICION_INVALID = 0,
    SUSPICION_WRONG_RESULT,    /* decided: the result that the client received is wrong */
    SUSPICION_UNCONFIRMED,     /* decided: it could not be confirmed; honest replicas may differ */
    SUSPICION_DISSENT,         /* a replica voted otherwise than was decided */
    SUSPICION_CONTRADICTION,   /* a replica voted twice, differently */
    SUSPICION_MISMATCH,        /* this replica's own execution differs from the decision */
    SUSPICION_INVALID_MESSAGE, /* a replica sent what no correct one sends */
    SUSPICION_SILENT,          /* a replica cannot be reached */
    SUSPICION_DIVERGED,        /* 2f+1 others hold another state than this replica */
    SUSPICION_PROVEN,          /* a replica signed a contradiction: common/evidence.h */
    SUSPICION_COUNT,
};
/* "wrong_result" and so on: what the table shows. */
const char *suspicion_word(enum suspicion_kind kind);

#define SUSPICION_STATEMENT_BYTES_MAX 500 /* of the statement's text; the rest is cut */
#define SUSPICION_DETAIL_BYTES_MAX 300

struct suspicion {
    enum suspicion_kind kind;
    unsigned replica; /* whom it is about */
    uint64_t seen_us; /* of this replica's clock, UTC */
    uint64_t seq;     /* batch; 0: it is about none */
    uint32_t request; /* of the batch, from 0 */

    bool has_transaction;
    uint16_t client;
    uint64_t session;
    uint64_t number;

    struct outcome decided; /* OUTCOME_INVALID: nothing was decided */
    bool has_statement;
    uint32_t statement_index; /* in the transaction's list, from 0 */
    struct slice statement;   /* its text, borrowed */
    struct slice detail;      /* for people, borrowed; may be empty */
};

#define SUSPICIONS_MAX 256

struct kept_suspicion {
    struct suspicion suspicion; /* its slices point to what follows */
    uint8_t statement[SUSPICION_STATEMENT_BYTES_MAX];
    uint8_t detail[SUSPICION_DETAIL_BYTES_MAX];
};

/* Zero-initialise; must not be moved. */
struct suspicions {
    struct kept_suspicion ring[SUSPICIONS_MAX];
    unsigned first;
    unsigned count;
    uint64_t taken; /* so many left the ring, one way or the other: the first one's number */
    uint64_t lost;  /* that made room before the database had them */
    struct {
        uint64_t seq;
        uint32_t request;
    } latest[REPLICAS_MAX][SUSPICION_COUNT];
};

/* Copies; long texts are cut between two characters. The oldest makes room if need be. False: the
 * same was said last about this replica (a vote that is repeated is no new suspicion); nothing was
 * added. */
bool suspicions_add(struct suspicions *s, const struct suspicion *suspicion);
/* In the order in which they were added; index < s->count. */
const struct suspicion *suspicions_at(const struct suspicions *s, unsigned index);
/* Number of the one behind the last: to be given to suspicions_forget once all up to there are
 * written, whatever was added or lost meanwhile. */
uint64_t suspicions_mark(const struct suspicions *s, unsigned count);
void suspicions_forget(struct suspicions *s, uint64_t mark);

#endif

/* What correct replicas have said, for ever: everything that they signed (and COMMIT), across
 * crashes and restarts.
 *
 * Kept by (kind, view, number): each replica's digest. So two things are seen at once: a replica
 * that contradicts itself, and how many correct replicas stand behind something. */
#ifndef BYZ_TESTS_SIM_STATEMENTS_H
#define BYZ_TESTS_SIM_STATEMENTS_H

#include "tests/sim/keys.h"

enum statement_kind {
    STATEMENT_INVALID = 0,
    STATEMENT_PROPOSAL, /* PRE-PREPARE, or carried over by a NEW-VIEW: one a view and number */
    STATEMENT_PREPARE,
    STATEMENT_COMMIT,
    STATEMENT_CHECKPOINT,  /* one a number, whatever the view */
    STATEMENT_VIEW_CHANGE, /* one a view */
    STATEMENT_NEW_VIEW,
    STATEMENT_CONTRIBUTION, /* one a number */
};

struct statement_row {
    uint64_t view;
    uint64_t number;
    uint32_t kind; /* 0: an unused row */
    uint32_t said; /* mask of replicas */
    uint64_t digest[KEYS_REPLICAS_MAX];
};

struct statements {
    struct statement_row *rows;
    uint32_t capacity; /* a power of two */
    uint32_t count;
    uint32_t *used; /* indices of rows in use, so that clearing is cheap */
};

enum statement_result { STATEMENT_NEW = 1, STATEMENT_REPEATED, STATEMENT_CONTRADICTED };

enum statement_result statements_add(struct statements *s, enum statement_kind kind,
    unsigned replica, uint64_t view, uint64_t number, uint64_t digest);
/* Which replicas said this, and how many they are. */
uint32_t statements_mask(const struct statements *s, enum statement_kind kind, uint64_t view,
    uint64_t number, uint64_t digest);
unsigned statements_count(const struct statements *s, enum statement_kind kind, uint64_t view,
    uint64_t number, uint64_t digest);
/* Which ones said anything there. */
uint32_t statements_said(
    const struct statements *s, enum statement_kind kind, uint64_t view, uint64_t number);
void statements_clear(struct statements *s);

#endif

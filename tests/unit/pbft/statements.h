/* Everything that one replica ever said to bind itself: does it contradict itself?
 *
 * Stands outside of the code under test, outlives every crash of the replica, and knows only what
 * was sent. What a third party could convict a replica by is one part (two signed statements about
 * one thing); what the safety of a view change rests on is the other (a VIEW-CHANGE ends all
 * earlier views, and shows everything for which a COMMIT was sent). */
#ifndef BYZ_TESTS_PBFT_STATEMENTS_H
#define BYZ_TESTS_PBFT_STATEMENTS_H

#include "proxy/pbft/pbft.h"

#define STATEMENTS_SEQ_MAX 8192

struct word {
    enum message_type type; /* 0: a free place */
    uint64_t view;
    uint64_t seq;
    uint8_t digest[DIGEST_BYTES];
};

struct statements {
    unsigned self;
    unsigned n;
    struct word *table; /* open addressing */
    size_t count;
    size_t capacity;
    uint64_t left;    /* the view of its latest VIEW-CHANGE: it has left all earlier ones */
    uint64_t highest; /* sequence number of a COMMIT */
    struct {
        bool said;
        bool final; /* known to be final here: others show it */
        uint64_t view;
        uint8_t digest[DIGEST_BYTES];
    } commits[STATEMENTS_SEQ_MAX]; /* the latest for each sequence number */
};

struct statements *statements_new(unsigned self, unsigned n);
void statements_free(struct statements *s);

/* The replica learnt that the batch at seq is final. */
void statements_final(struct statements *s, uint64_t seq);
/* Adds what it sends. NULL, or why a correct replica does not say this. */
const char *statements_add(struct statements *s, enum message_type type, struct slice body);
/* A whole update: what it records, then what it sends. */
const char *statements_add_update(struct statements *s, const struct pbft_update *update);

#endif

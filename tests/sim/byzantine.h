/* The adversary: one mind behind all faulty replicas and clients of a run.
 *
 * Each faulty replica runs the real core, so that what it says is mostly to the point. All of it
 * passes through here on its way to each single receiver, who may get it changed, late, twice, or
 * not at all; and from time to time the adversary says things of its own. It signs only with the
 * keys of faulty replicas (forge.h) and clients. */
#ifndef BYZ_TESTS_SIM_BYZANTINE_H
#define BYZ_TESTS_SIM_BYZANTINE_H

#include "tests/sim/plan.h"
#include "tests/sim/schedule.h"

struct sim;

#define VARIANTS 32
#define KEPT 128
#define STASH 64

/* Two proposals at one number, each for its own group of replicas. */
struct variant {
    uint64_t view;
    uint64_t seq; /* 0: unused */
    uint8_t digest[2][DIGEST_BYTES];
    struct body *body[2];
    uint32_t group; /* mask: who is told the second */
};

/* Said or heard once, to be said again. */
struct kept {
    struct body *body;
    uint8_t type;
    uint8_t from;
};

/* A certificate, and its batch as it was proposed. */
struct stashed {
    struct body *proof;
    struct body *proposal; /* NULL: not known */
};

struct adversary {
    struct variant variants[VARIANTS];
    unsigned variant_count;
    struct kept kept[KEPT];
    unsigned kept_count;
    struct stashed stash[STASH]; /* by number: the oldest views' */
    uint64_t silent_types;       /* mask of message types */
    uint32_t chosen;             /* mask of replicas that are told the truth, or anything */
    uint64_t highest_seq;        /* it has heard of, */
    uint64_t highest_view;       /* … */
    uint64_t highest_stable;
    struct body *stable; /* the newest certificate of a stable checkpoint; NULL: none */
    uint64_t lied_view; /* the newest that it said VIEW-CHANGE to before anybody could be earlier */
    uint64_t hidden_seq; /* up to where it had a go at preparing alone */
};

void adversary_start(struct sim *sim);
void adversary_end(struct sim *sim);
/* What a faulty replica's core sends to one receiver. */
void adversary_send(
    struct sim *sim, unsigned from, unsigned to, enum message_type type, struct body *body);
void adversary_reply(struct sim *sim, unsigned from, unsigned client, struct body *body);
/* What a faulty replica receives. */
void adversary_hear(struct sim *sim, const struct event *event);
/* A faulty replica's core has prepared something. */
void adversary_stash(struct sim *sim, unsigned replica, struct slice proof);
/* … or a checkpoint has become stable there. */
void adversary_stash_state(struct sim *sim, struct slice state);
/* Its own deeds, whenever their time comes. */
void adversary_forge(struct sim *sim, const struct event *event);

/* ---- between its parts ---- */

/* Does it follow this habit now? */
bool adversary_feels_like(struct sim *sim, enum habit habit);
/* Sends and gives the body up. */
void adversary_say(struct sim *sim, unsigned from, unsigned to, enum message_type type,
    struct body *body, uint64_t delay_us);
void adversary_say_to(struct sim *sim, unsigned from, uint32_t receivers, enum message_type type,
    struct body *body, uint64_t delay_us);
/* Some faulty replica; there is one. */
unsigned adversary_any(struct sim *sim);
/* Some correct replica. */
unsigned adversary_victim(struct sim *sim);

/* Each returns what is to be sent instead (a new reference), or NULL: as it is. */
struct body *byz_proposal_change(
    struct sim *sim, unsigned from, unsigned to, struct body *body, uint64_t *ret_delay_us);
struct body *byz_vote_change(
    struct sim *sim, unsigned from, unsigned to, enum message_type type, struct body *body);
struct body *byz_state_change(
    struct sim *sim, unsigned from, unsigned to, enum message_type type, struct body *body);
struct body *byz_view_change(
    struct sim *sim, unsigned from, unsigned to, enum message_type type, struct body *body);
struct body *byz_noise_change(
    struct sim *sim, unsigned from, unsigned to, enum message_type type, struct body *body);
/* Deeds. */
void byz_proposal_forge(struct sim *sim);
void byz_vote_forge(struct sim *sim);
void byz_state_forge(struct sim *sim);
void byz_view_forge(struct sim *sim);
/* Somebody leaves for this view: all liars come along at once. */
void byz_view_follow(struct sim *sim, uint64_t view);
void byz_view_answer(struct sim *sim, unsigned liar, unsigned to, struct slice body);
void byz_noise_forge(struct sim *sim);
void byz_noise_keep(struct sim *sim, unsigned from, enum message_type type, struct body *body);
struct variant *byz_proposal_variant(struct sim *sim, uint64_t view, uint64_t seq);

#endif

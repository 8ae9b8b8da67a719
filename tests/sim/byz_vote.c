/* Lying backups: PREPARE and COMMIT for whatever helps, twice, too early, for other views. */
#include "tests/sim/byzantine.h"
#include "tests/sim/forge.h"
#include "tests/sim/sim.h"

#include <string.h>

struct vote_seen {
    uint64_t view;
    uint64_t seq;
    uint8_t digest[DIGEST_BYTES];
};

static bool read_vote(enum message_type type, struct body *body, struct vote_seen *ret)
{
    struct prepare prepare;
    struct commit commit;
    if (type == MESSAGE_PREPARE && prepare_decode(body_slice(body), &prepare) == NULL) {
        *ret = (struct vote_seen){.view = prepare.view, .seq = prepare.seq};
        memcpy(ret->digest, prepare.digest, DIGEST_BYTES);
        return true;
    }
    if (type == MESSAGE_COMMIT && commit_decode(body_slice(body), &commit) == NULL) {
        *ret = (struct vote_seen){.view = commit.view, .seq = commit.seq};
        memcpy(ret->digest, commit.digest, DIGEST_BYTES);
        return true;
    }
    return false;
}

static struct body *vote(struct sim *sim, unsigned from, enum message_type type,
    const struct vote_seen *v, const uint8_t digest[static DIGEST_BYTES])
{
    return type == MESSAGE_PREPARE ? forge_prepare(sim, from, v->view, v->seq, digest)
                                   : forge_commit(v->view, v->seq, digest);
}

/* The same twice, the next phase at once, another view's, or another batch's. */
static struct body *vote_wrongly(
    struct sim *sim, unsigned from, unsigned to, enum message_type type, struct vote_seen *v)
{
    uint8_t digest[DIGEST_BYTES];
    memcpy(digest, v->digest, DIGEST_BYTES);
    switch (sim_chance_below(sim, 4)) {
    case 0:
        adversary_say(sim, from, to, type, vote(sim, from, type, v, digest), 0);
        return NULL;
    case 1:
        adversary_say(sim, from, to, MESSAGE_COMMIT, forge_commit(v->view, v->seq, digest), 0);
        return NULL;
    case 2:
        v->view += sim_chance_below(sim, 2) == 0 ? 1 : UINT64_MAX;
        return vote(sim, from, type, v, digest);
    case 3:
        digest[sim_chance_below(sim, DIGEST_BYTES)] ^= 1;
        return vote(sim, from, type, v, digest);
    }
    return NULL;
}

struct body *byz_vote_change(
    struct sim *sim, unsigned from, unsigned to, enum message_type type, struct body *body)
{
    struct vote_seen seen;
    if (!read_vote(type, body, &seen))
        return NULL;
    struct variant *v = byz_proposal_variant(sim, seen.view, seen.seq);
    if (v != NULL)
        return vote(sim, from, type, &seen, v->digest[v->group >> to & 1]);
    if (!adversary_feels_like(sim, HABIT_TWO_VOTES))
        return NULL;
    return vote_wrongly(sim, from, to, type, &seen);
}

/* Votes for what is under way (heard from a correct replica), before one's own core would: the
 * more the better, to one victim. */
void byz_vote_forge(struct sim *sim)
{
    struct adversary *a = &sim->adversary;
    if (a->kept_count == 0 || !adversary_feels_like(sim, HABIT_TWO_VOTES))
        return;
    const struct kept *k = &a->kept[sim_chance_below(sim, KEPT)];
    struct vote_seen seen;
    if (k->body == NULL || !read_vote((enum message_type)k->type, k->body, &seen))
        return;
    unsigned victim = adversary_victim(sim);
    for (unsigned i = 0; i < sim->plan.replicas; i++) {
        if (!sim_is_faulty(sim, i))
            continue;
        for (unsigned times = 0; times < 2; times++) {
            adversary_say(sim, i, victim, MESSAGE_PREPARE,
                vote(sim, i, MESSAGE_PREPARE, &seen, seen.digest), 0);
            adversary_say(sim, i, victim, MESSAGE_COMMIT,
                vote(sim, i, MESSAGE_COMMIT, &seen, seen.digest), 0);
        }
    }
}

/* A lying primary: two batches at one number, wrong times, requests that nobody made or that were
 * executed before, proposals that come late. */
#include "tests/sim/byzantine.h"
#include "tests/sim/forge.h"
#include "tests/sim/sim.h"

#include <string.h>

#define LATE_US_MAX 400000

struct variant *byz_proposal_variant(struct sim *sim, uint64_t view, uint64_t seq)
{
    for (unsigned i = 0; i < VARIANTS; i++) {
        struct variant *v = &sim->adversary.variants[i];
        if (v->seq == seq && v->view == view)
            return v;
    }
    return NULL;
}

/* ---- two batches at one number ---- */

/* Every accomplice tells each group what it wants to hear. */
static void vote_for_both(struct sim *sim, const struct variant *v)
{
    uint32_t everybody = (UINT32_C(1) << sim->plan.replicas) - 1;
    unsigned primary = (unsigned)(v->view % sim->plan.replicas);
    for (unsigned i = 0; i < sim->plan.replicas; i++) {
        for (unsigned which = 0; which < 2 && sim_is_faulty(sim, i); which++) {
            uint32_t receivers = which == 1 ? v->group : everybody & ~v->group;
            uint64_t delay_us = sim_chance_below(sim, 20000);
            if (i != primary)
                adversary_say_to(sim, i, receivers, MESSAGE_PREPARE,
                    forge_prepare(sim, i, v->view, v->seq, v->digest[which]), delay_us);
            adversary_say_to(sim, i, receivers, MESSAGE_COMMIT,
                forge_commit(v->view, v->seq, v->digest[which]), delay_us);
        }
    }
}

static struct variant *add_variant(
    struct sim *sim, unsigned from, const struct pre_prepare *m, struct body *body)
{
    struct adversary *a = &sim->adversary;
    struct variant *v = &a->variants[a->variant_count++ % VARIANTS];
    body_release(v->body[0]);
    body_release(v->body[1]);
    struct batch other = m->batch;
    other.timestamp_us++;
    if (sim_chance_below(sim, 2) == 0) {
        other.request_count = 0;
        other.requests = slice_of(NULL, 0);
    }
    *v = (struct variant){.view = m->view,
        .seq = m->batch.seq,
        .body = {body_keep(body), forge_pre_prepare(sim, from, m->view, &other)},
        .group = random_mask(&sim->random, sim->plan.replicas, 500)};
    keys_batch_digest(&sim->keys, &m->batch, v->digest[0]);
    keys_batch_digest(&sim->keys, &other, v->digest[1]);
    vote_for_both(sim, v);
    return v;
}

static struct body *equivocate(
    struct sim *sim, unsigned from, unsigned to, const struct pre_prepare *m, struct body *body)
{
    struct variant *v = byz_proposal_variant(sim, m->view, m->batch.seq);
    if (v == NULL && adversary_feels_like(sim, HABIT_EQUIVOCATION))
        v = add_variant(sim, from, m, body);
    if (v == NULL)
        return NULL;
    bool second = (v->group >> to & 1) != 0;
    if (sim_chance_below(sim, 16) == 0) /* and some hear both */
        adversary_say(
            sim, from, to, MESSAGE_PRE_PREPARE, body_keep(v->body[!second]), sim->plan.flush_us);
    return body_keep(v->body[second]);
}

/* ---- wrong contents: the same to everybody, or else nothing would come of it ---- */

/* What it feels like doing with this proposal. */
static struct random mood(const struct sim *sim, const struct pre_prepare *m, enum habit habit)
{
    return (struct random){mix64(sim->plan.seed + habit) ^ mix64(m->view * 1000003 + m->batch.seq)};
}

static bool feels_like(
    const struct sim *sim, const struct pre_prepare *m, enum habit habit, struct random *ret)
{
    *ret = mood(sim, m, habit);
    return (sim->plan.habits & habit) != 0 && random_chance(ret, sim->plan.zeal_permille);
}

static struct body *play_with_time(
    struct sim *sim, unsigned from, const struct pre_prepare *m, struct random *r)
{
    struct batch batch = m->batch;
    uint64_t skew_us = sim->plan.clock_skew_us;
    uint64_t shift_us = random_below(r, random_chance(r, 700) ? 3 * skew_us : 100);
    batch.timestamp_us += random_chance(r, 600) ? shift_us : -shift_us;
    return forge_pre_prepare(sim, from, m->view, &batch);
}

/* A correct client's next request, which it never made: the signature cannot be right. */
static void put_invention(const struct sim *sim, unsigned client, struct buffer *requests)
{
    const struct client *c = &sim->clients[client];
    static const char text[] = "all the money to me";
    struct request m = {.client = (uint16_t)client,
        .session = c->session + 1,
        .number = c->number + 1,
        .body = slice_of(text, sizeof text)};
    memset(m.signature, 7, sizeof m.signature);
    request_encode(requests, &m);
}

/* What correct clients ask for now or asked for before: signed, and perhaps executed long ago. */
static void put_repetition(const struct sim *sim, unsigned client, struct buffer *requests)
{
    const struct body *request = sim->clients[client].request;
    if (request != NULL)
        put_raw(requests, request->bytes, request->size);
    else
        put_invention(sim, client, requests);
}

static struct body *invent(
    struct sim *sim, unsigned from, const struct pre_prepare *m, struct random *r)
{
    static struct buffer requests = {.size_max = 4096};
    struct batch batch = m->batch;
    if (batch.request_count + 1 > sim->plan.batch_requests)
        return NULL;
    buffer_clear(&requests);
    put_raw(&requests, batch.requests.data, batch.requests.size);
    unsigned client = (unsigned)random_below(r, sim->plan.clients);
    if (random_chance(r, 500))
        put_invention(sim, client, &requests);
    else
        put_repetition(sim, client, &requests);
    if (requests.failed)
        return NULL;
    batch.request_count++;
    batch.requests = buffer_slice(&requests);
    return forge_pre_prepare(sim, from, m->view, &batch);
}

/* Whoever rules the network as well can have a certificate that nobody else has, and show it when
 * something else has long become final: what correct replicas say of this proposal reaches the
 * faulty ones, but not one another, for a while. */
static void prepare_alone(struct sim *sim, uint64_t seq)
{
    struct adversary *a = &sim->adversary;
    if (sim->calm || a->hidden_seq >= seq)
        return;
    a->hidden_seq = seq + sim_chance_below(sim, 2 * sim->plan.in_flight);
    sim->network.hushed_us =
        sim->now_us + (1 + sim_chance_below(sim, 3)) * sim->plan.view_change_timeout_us;
}

struct body *byz_proposal_change(
    struct sim *sim, unsigned from, unsigned to, struct body *body, uint64_t *ret_delay_us)
{
    struct pre_prepare m;
    if (pre_prepare_decode(body_slice(body), &m) != NULL || m.view % sim->plan.replicas != from)
        return NULL;
    if (adversary_feels_like(sim, HABIT_SLOWNESS))
        *ret_delay_us += sim_chance_below(sim, LATE_US_MAX);
    struct random r;
    if (feels_like(sim, &m, HABIT_HIDING, &r))
        prepare_alone(sim, m.batch.seq);
    struct body *changed = equivocate(sim, from, to, &m, body);
    if (changed == NULL && feels_like(sim, &m, HABIT_TIME_GAMES, &r))
        changed = play_with_time(sim, from, &m, &r);
    if (changed == NULL && feels_like(sim, &m, HABIT_INVENTION, &r))
        changed = invent(sim, from, &m, &r);
    return changed;
}

/* ---- proposals out of nothing ---- */

/* Somewhere around the edges of the window, or far from it. */
static uint64_t strange_number(struct sim *sim)
{
    uint64_t low = sim->adversary.highest_stable, window = sim->plan.window;
    switch (sim_chance_below(sim, 5)) {
    case 0:
        return low + window + 1 + sim_chance_below(sim, 4);
    case 1:
        return low > 0 ? low : 1;
    case 2:
        return sim->adversary.highest_seq + 1 + sim_chance_below(sim, window);
    case 3:
        return 1 + sim_chance_below(sim, low + 1);
    }
    return UINT64_MAX - sim_chance_below(sim, 3);
}

void byz_proposal_forge(struct sim *sim)
{
    if (!adversary_feels_like(sim, HABIT_BEYOND))
        return;
    unsigned liar = adversary_any(sim);
    uint64_t view = sim->adversary.highest_view;
    struct batch batch = {
        .seq = strange_number(sim), .timestamp_us = PLAN_CLOCK_US + sim->now_us + 1};
    uint8_t digest[DIGEST_BYTES];
    keys_batch_digest(&sim->keys, &batch, digest);
    unsigned victim = adversary_victim(sim);
    if (view % sim->plan.replicas == liar)
        adversary_say(
            sim, liar, victim, MESSAGE_PRE_PREPARE, forge_pre_prepare(sim, liar, view, &batch), 0);
    else
        adversary_say(sim, liar, victim, MESSAGE_PREPARE,
            forge_prepare(sim, liar, view, batch.seq, digest), 0);
    adversary_say(sim, liar, victim, MESSAGE_COMMIT, forge_commit(view, batch.seq, digest), 0);
}

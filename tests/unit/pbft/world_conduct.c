/* How replicas that are not correct behave: they run the same core, and what it sends is replaced.
 * They sign with their own key only. */
#include "tests/unit/pbft/forge.h"
#include "tests/unit/pbft/forge_view.h"
#include "tests/unit/pbft/world.h"

#include <stdlib.h>
#include <string.h>

static void to_each(struct world *w, unsigned from, const struct pbft_send *send, struct slice body)
{
    for (unsigned to = 0; to < w->n; to++) {
        if (to != from && (send->to == PBFT_TO_ALL || send->to == to))
            world_transmit(w, from, to, send->type, body);
    }
}

/* ---- garbage ---- */

static void send_garbage(struct world *w, unsigned from, const struct pbft_send *send)
{
    struct buffer b = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
    struct pbft_send changed = *send;
    if (world_random(w, 2) == 0) {
        put_raw(&b, send->body.data, send->body.size);
        for (unsigned i = 0; b.size > 0 && i < 3; i++)
            b.data[world_random(w, b.size)] ^= (uint8_t)(1u << world_random(w, 8));
    } else {
        for (uint64_t left = world_random(w, 300); left > 0; left--)
            put_u8(&b, (uint8_t)world_random(w, 256));
        changed.type = (enum message_type)(MESSAGE_PRE_PREPARE + world_random(w, 14));
    }
    if (changed.type != MESSAGE_FETCH)
        to_each(w, from, &changed, buffer_slice(&b));
    buffer_free(&b);
}

/* ---- lies ---- */

static void lie_in_prepare(struct world *w, unsigned from, const struct pbft_send *send)
{
    struct prepare m;
    if (prepare_decode(send->body, &m) != NULL)
        world_fail(w, "a core sent a malformed prepare");
    struct buffer b = BUFFER_INIT(4096);
    m.digest[0] ^= 1;
    forge_prepare(&b, from, m.view, m.seq, m.digest);
    to_each(w, from, send, buffer_slice(&b));
    m.digest[0] ^= 3; /* and a second, different one */
    forge_prepare(&b, from, m.view, m.seq, m.digest);
    to_each(w, from, send, buffer_slice(&b));
    buffer_free(&b);
}

static void lie_in_commit(struct world *w, unsigned from, const struct pbft_send *send)
{
    struct commit m;
    if (commit_decode(send->body, &m) != NULL)
        world_fail(w, "a core sent a malformed commit");
    m.digest[1] ^= 1;
    struct buffer b = BUFFER_INIT(4096);
    forge_commit(&b, m.view, m.seq, m.digest);
    to_each(w, from, send, buffer_slice(&b));
    buffer_free(&b);
}

static void lie_in_checkpoint(struct world *w, unsigned from, const struct pbft_send *send)
{
    struct checkpoint m;
    if (checkpoint_decode(send->body, &m) != NULL)
        world_fail(w, "a core sent a malformed checkpoint");
    m.digest[2] ^= 1;
    struct buffer b = BUFFER_INIT(4096);
    forge_checkpoint(&b, from, m.seq, m.digest);
    to_each(w, from, send, buffer_slice(&b));
    buffer_free(&b);
}

static void lie_in_status(struct world *w, unsigned from, const struct pbft_send *send)
{
    struct status m;
    if (status_decode(send->body, &m) != NULL)
        world_fail(w, "a core sent a malformed status");
    struct buffer b = BUFFER_INIT(4096);
    m.view += world_random(w, 3);
    m.suspects = world_random(w, 2) == 0;
    m.active = world_random(w, 2) == 0;
    m.delivered += 1000;
    m.executed += 900;
    m.stable += 800;
    forge_status_of(&b, &m);
    to_each(w, from, send, buffer_slice(&b));
    buffer_free(&b);
}

static void lie_in_batch(struct world *w, unsigned from, const struct pbft_send *send)
{
    struct fetched m;
    if (fetched_decode(send->body, &m) != NULL)
        world_fail(w, "a malformed batch was sent");
    m.batch.timestamp_us++;
    struct buffer b = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
    forge_fetched(&b, &m.batch);
    to_each(w, from, send, buffer_slice(&b));
    buffer_free(&b);
}

static void send_lie(struct world *w, unsigned from, const struct pbft_send *send)
{
    if (send->type != MESSAGE_STATUS && send->type != MESSAGE_CONTRIBUTION)
        world_trace(w, "r%u       lies in this %s", from, message_name((uint8_t)send->type));
    if (send->type == MESSAGE_PREPARE)
        lie_in_prepare(w, from, send);
    else if (send->type == MESSAGE_COMMIT)
        lie_in_commit(w, from, send);
    else if (send->type == MESSAGE_CHECKPOINT)
        lie_in_checkpoint(w, from, send);
    else if (send->type == MESSAGE_STATUS)
        lie_in_status(w, from, send);
    else if (send->type == MESSAGE_BATCH)
        lie_in_batch(w, from, send);
}

/* ---- lies in view changes ---- */

/* Shows the first certificates only, or one that is forged, or goes further than anybody. */
static void scheme_in_view_change(struct world *w, unsigned from, const struct pbft_send *send)
{
    struct view_change m;
    if (view_change_decode(send->body, &m) != NULL)
        world_fail(w, "a core sent a malformed view change");
    if (m.replica != from) {
        to_each(w, from, send, send->body);
        return;
    }
    struct forged_change change = {
        .replica = from, .view = m.view + (world_random(w, 4) == 0 ? world_random(w, 5) : 0)};
    uint8_t digest[DIGEST_BYTES];
    memset(digest, (int)world_random(w, 256), sizeof digest);
    if (world_random(w, 2) == 0) {
        forge_add_proof(
            &change, w->n, 0, 1 + world_random(w, 40), digest, (1u << 2 * w->options.faults) - 1);
        change.proofs.data[change.proofs.size - 1] ^= 1;
    }
    struct buffer b = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
    forge_view_change(&b, &change);
    for (unsigned to = 0; to < w->n; to++) {
        if (to != from && (send->to == PBFT_TO_ALL || send->to == to))
            world_transmit(
                w, from, to, send->type, world_random(w, 2) == 0 ? buffer_slice(&b) : send->body);
    }
    buffer_free(&b);
}

/* As primary: something else than what follows from the view changes. */
static void scheme_in_new_view(struct world *w, unsigned from, const struct pbft_send *send)
{
    struct new_view m;
    if (new_view_decode(send->body, &m) != NULL)
        world_fail(w, "a core sent a malformed new view");
    if (m.view % w->n != from || world_random(w, 3) == 0) {
        to_each(w, from, send, send->body);
        return;
    }
    struct forged_new_view *forged = calloc(1, sizeof *forged);
    if (forged == NULL)
        world_fail(w, "out of memory");
    forged->primary = from;
    forged->view = m.view;
    forged->senders = m.senders;
    forged->low = m.low;
    for (unsigned i = 0, next = 0; i < w->n; i++) {
        if ((m.senders >> i & 1) != 0)
            memcpy(forged->digests[i], m.digests.data + DIGEST_BYTES * next++, DIGEST_BYTES);
    }
    for (uint32_t i = 0; i < m.carried_count; i++)
        forge_add_null(forged);
    struct buffer b = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
    forge_new_view(&b, forged);
    free(forged);
    for (unsigned to = 0; to < w->n; to++) {
        if (to != from && (send->to == PBFT_TO_ALL || send->to == to))
            world_transmit(
                w, from, to, send->type, world_random(w, 2) == 0 ? buffer_slice(&b) : send->body);
    }
    buffer_free(&b);
}

static void scheme(struct world *w, unsigned from, const struct pbft_send *send)
{
    if (send->type == MESSAGE_VIEW_CHANGE)
        scheme_in_view_change(w, from, send);
    else if (send->type == MESSAGE_NEW_VIEW)
        scheme_in_new_view(w, from, send);
    else if (send->type == MESSAGE_STATUS) {
        struct status m;
        if (status_decode(send->body, &m) != NULL)
            world_fail(w, "a core sent a malformed status");
        m.suspects = true;
        struct buffer b = BUFFER_INIT(4096);
        forge_status_of(&b, &m);
        to_each(w, from, send, buffer_slice(&b));
        buffer_free(&b);
    } else
        to_each(w, from, send, send->body);
}

/* ---- a primary whose clock is wrong ---- */

#define AHEAD_US UINT64_C(3600000000)

static void run_ahead(struct world *w, unsigned from, const struct pbft_send *send)
{
    struct pre_prepare m;
    if (send->type != MESSAGE_PRE_PREPARE || pre_prepare_decode(send->body, &m) != NULL) {
        to_each(w, from, send, send->body);
        return;
    }
    struct buffer b = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
    m.batch.timestamp_us += AHEAD_US;
    forge_pre_prepare(&b, from, m.view, &m.batch);
    to_each(w, from, send, buffer_slice(&b));
    buffer_free(&b);
}

/* ---- an equivocating primary ---- */

static void equivocate(struct world *w, unsigned from, const struct pbft_send *send)
{
    struct pre_prepare m;
    if (send->type != MESSAGE_PRE_PREPARE || pre_prepare_decode(send->body, &m) != NULL) {
        to_each(w, from, send, send->body);
        return;
    }
    struct buffer other = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
    m.batch.timestamp_us++;
    forge_pre_prepare(&other, from, m.view, &m.batch);
    for (unsigned to = 0; to < w->n; to++) {
        if (to == from || (send->to != PBFT_TO_ALL && send->to != to))
            continue;
        bool lie = world_random(w, 3) == 0;
        if (lie)
            world_trace(w, "r%u       tells r%u another batch %llu", from, to,
                (unsigned long long)m.batch.seq);
        world_transmit(w, from, to, send->type, lie ? buffer_slice(&other) : send->body);
    }
    buffer_free(&other);
}

void world_conduct_send(struct world *w, unsigned from, const struct pbft_send *send)
{
    switch (w->nodes[from].conduct) {
    case CONDUCT_CORRECT:
        to_each(w, from, send, send->body);
        return;
    case CONDUCT_SILENT:
        return;
    case CONDUCT_GARBAGE:
        send_garbage(w, from, send);
        return;
    case CONDUCT_LIAR:
        send_lie(w, from, send);
        return;
    case CONDUCT_EQUIVOCATOR:
        equivocate(w, from, send);
        return;
    case CONDUCT_AHEAD:
        run_ahead(w, from, send);
        return;
    case CONDUCT_SCHEMER:
        scheme(w, from, send);
        return;
    case CONDUCT_INVALID:
        break;
    }
    world_fail(w, "a replica without conduct");
}

#include "tests/unit/pbft/single.h"

#include "proxy/pbft/core.h"
#include "proxy/pbft/invariants.h"
#include "tests/unit/pbft/forge.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pbft_options single_options(unsigned self, unsigned faults)
{
    return (struct pbft_options){
        .faults = faults,
        .self = self,
        .client_count = 4,
        .window = 16,
        .checkpoint_interval = 4,
        .batch_requests_max = 4,
        .batch_bytes_max = 4096,
        .batches_in_flight_max = 2,
        .sessions_per_client_max = 2,
        .pending_bytes_max = 2 << 20,
        .app_state_bytes_max = 64,
        .clock_skew_us_max = SINGLE_SKEW_US,
        .heartbeat_us = SINGLE_HEARTBEAT_US,
        .retransmit_us = SINGLE_RETRANSMIT_US,
        .view_change_timeout_us = SINGLE_TIMEOUT_US,
    };
}

struct single *single_new_with(const struct pbft_options *options)
{
    struct single *s = calloc(1, sizeof *s);
    assert(s != NULL);
    s->options = *options;
    s->signer.self = options->self;
    s->options.crypto = fake_crypto(&s->signer);
    s->core = pbft_new(&s->options);
    assert(s->core != NULL);
    buffer_init(&s->out, FRAME_BODY_BYTES_MAX);
    buffer_init(&s->requests, FRAME_BODY_BYTES_MAX);
    s->now_us = 1;
    s->clock_us = SINGLE_CLOCK_US;
    s->said = statements_new(options->self, 3 * options->faults + 1);
    return s;
}

struct single *single_new(unsigned self, unsigned faults)
{
    struct pbft_options options = single_options(self, faults);
    return single_new_with(&options);
}

void single_free(struct single *s)
{
    pbft_free(s->core);
    buffer_free(&s->out);
    buffer_free(&s->requests);
    disk_free(&s->disk);
    statements_free(s->said);
    free(s);
}

static void renew(struct single *s)
{
    pbft_free(s->core);
    s->core = pbft_new(&s->options);
    assert(s->core != NULL);
}

void single_restart(struct single *s)
{
    renew(s);
    disk_free(&s->disk);
    statements_free(s->said);
    s->said = statements_new(s->options.self, 3 * s->options.faults + 1);
}

void single_crash(struct single *s)
{
    disk_crash(&s->disk);
    s->options.lost_log = false;
    renew(s);
    struct slice app_state;
    bool restored = disk_restore(&s->disk, s->core, &app_state);
    assert(restored);
}

void single_lose_log(struct single *s)
{
    disk_free(&s->disk);
    s->options.lost_log = true;
    renew(s);
}

/* ---- events ---- */

static void step(struct single *s, struct pbft_event event)
{
    event.now_us = s->now_us;
    event.clock_us = s->clock_us;
    pbft_step(s->core, &event, &s->update);
    invariants_check_all(s->core);
    disk_write(&s->disk, s->update.persist, s->update.persist_count);
    const char *reason = statements_add_update(s->said, &s->update);
    if (reason != NULL) {
        fprintf(stderr, "replica %u: %s\n", s->options.self, reason);
        abort();
    }
}

void single_tick(struct single *s, uint64_t later_us)
{
    s->now_us += later_us;
    s->clock_us += later_us;
    step(s, (struct pbft_event){.type = PBFT_TICK});
}

void single_settle(struct single *s)
{
    while (pbft_deadline(s->core) <= s->now_us)
        single_tick(s, 0);
}

void single_request(struct single *s, const struct request *request)
{
    step(s, (struct pbft_event){.type = PBFT_REQUEST, .request = request});
}

void single_ask(struct single *s, unsigned client, uint64_t session, uint64_t number)
{
    buffer_clear(&s->requests);
    struct request r = forge_request(&s->requests, client, session, number, "work");
    single_request(s, &r);
}

void single_message(struct single *s, unsigned from, enum message_type type)
{
    assert(!s->out.failed);
    step(s, (struct pbft_event){.type = PBFT_MESSAGE,
                .from = from,
                .message_type = type,
                .message_body = buffer_slice(&s->out)});
}

void single_executed(struct single *s, uint64_t seq, const bool *skip, unsigned count)
{
    struct slice results[BATCH_REQUESTS_MAX];
    for (unsigned i = 0; i < count; i++)
        results[i] = skip != NULL && skip[i] ? slice_of(NULL, 0) : slice_text("ok!");
    step(s, (struct pbft_event){.type = PBFT_EXECUTED,
                .seq = seq,
                .results = results,
                .result_count = count,
                .app_state = slice_text("state"),
                .more_time = s->more_time});
}

/* ---- agreeing ---- */

struct batch single_batch(struct single *s, uint64_t seq)
{
    buffer_clear(&s->requests);
    forge_request(&s->requests, 0, 5, seq, "work");
    return forge_batch(seq, SINGLE_CLOCK_US + seq, 1, &s->requests);
}

void single_pre_prepare(struct single *s, const struct batch *batch)
{
    unsigned primary = (unsigned)(s->view % (3 * s->options.faults + 1));
    forge_pre_prepare(&s->out, primary, s->view, batch);
    single_message(s, primary, MESSAGE_PRE_PREPARE);
}

void single_prepares(struct single *s, const struct batch *batch, unsigned count)
{
    uint8_t digest[DIGEST_BYTES];
    forge_batch_digest(batch, digest);
    unsigned primary = (unsigned)(s->view % (3 * s->options.faults + 1));
    for (unsigned peer = 0; count > 0; peer++) {
        if (peer == s->options.self || peer == primary)
            continue;
        forge_prepare(&s->out, peer, s->view, batch->seq, digest);
        single_message(s, peer, MESSAGE_PREPARE);
        count--;
    }
}

void single_commits(struct single *s, const struct batch *batch, unsigned count)
{
    uint8_t digest[DIGEST_BYTES];
    forge_batch_digest(batch, digest);
    for (unsigned peer = 0; count > 0; peer++) {
        if (peer == s->options.self)
            continue;
        forge_commit(&s->out, s->view, batch->seq, digest);
        single_message(s, peer, MESSAGE_COMMIT);
        count--;
    }
}

void single_agree(struct single *s, const struct batch *batch)
{
    unsigned faults = s->options.faults;
    single_pre_prepare(s, batch);
    single_prepares(s, batch, 2 * faults - 1);
    single_commits(s, batch, 2 * faults);
}

void single_run(struct single *s, uint64_t first, uint64_t last)
{
    for (uint64_t seq = first + 1; seq <= last; seq++) {
        struct batch batch = single_batch(s, seq);
        single_agree(s, &batch);
        single_executed(s, seq, NULL, 1);
    }
}

void single_status(
    struct single *s, unsigned from, uint64_t delivered, uint64_t executed, uint64_t stable)
{
    forge_status(&s->out, s->view, delivered, executed, stable);
    single_message(s, from, MESSAGE_STATUS);
}

/* ---- looking ---- */

unsigned single_sent(const struct single *s, enum message_type type)
{
    unsigned count = 0;
    for (unsigned i = 0; i < s->update.send_count; i++)
        count += s->update.sends[i].type == type;
    return count;
}

const struct pbft_send *single_send_of(const struct single *s, enum message_type type)
{
    for (unsigned i = 0; i < s->update.send_count; i++) {
        if (s->update.sends[i].type == type)
            return &s->update.sends[i];
    }
    return NULL;
}

const struct pbft_record *single_record_of(const struct single *s, enum pbft_record_type type)
{
    for (unsigned i = 0; i < s->update.persist_count; i++) {
        if (s->update.persist[i].type == type)
            return &s->update.persist[i];
    }
    return NULL;
}

struct pbft_info single_info(const struct single *s)
{
    struct pbft_info info;
    pbft_info(s->core, &info);
    return info;
}

/* ---- checkpoints and catching up ---- */

void single_own_digest(const struct single *s, uint8_t ret[static DIGEST_BYTES])
{
    struct checkpoint m;
    const struct pbft_send *send = single_send_of(s, MESSAGE_CHECKPOINT);
    assert(send != NULL);
    const char *reason = checkpoint_decode(send->body, &m);
    assert(reason == NULL);
    memcpy(ret, m.digest, DIGEST_BYTES);
}

void single_checkpoint_from(
    struct single *s, unsigned peer, uint64_t seq, const uint8_t digest[static DIGEST_BYTES])
{
    forge_checkpoint(&s->out, peer, seq, digest);
    single_message(s, peer, MESSAGE_CHECKPOINT);
}

void single_make_stable(struct single *s, uint64_t seq)
{
    uint8_t digest[DIGEST_BYTES];
    single_own_digest(s, digest);
    for (unsigned peer = 2; peer < 4; peer++)
        single_checkpoint_from(s, peer, seq, digest);
    assert(single_info(s).stable == seq);
}

void single_fetched(struct single *s, unsigned from, const struct batch *batch)
{
    forge_fetched(&s->out, batch);
    single_message(s, from, MESSAGE_BATCH);
}

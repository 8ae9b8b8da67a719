#include "tests/agreement/null_state.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* previous digest; seq, time, seed; client, session, number; outcome */
#define LINK_BYTES (DIGEST_BYTES + 8 + 8 + DIGEST_BYTES + 2 + 8 + 8 + OUTCOME_BYTES)

/* ---- changing it ---- */

static struct null_session *session_of(struct null_state *state, const struct request *request)
{
    for (unsigned i = state->session_count; i > 0; i--) {
        struct null_session *s = &state->sessions[i - 1];
        if (s->session == request->session && s->client == request->client)
            return s;
    }
    if (state->session_count == NULL_SESSIONS_MAX)
        memmove(&state->sessions[0], &state->sessions[1],
            --state->session_count * sizeof state->sessions[0]);
    struct null_session *s = &state->sessions[state->session_count++];
    *s = (struct null_session){.client = request->client, .session = request->session};
    return s;
}

static void chain(
    struct null_state *state, const struct batch_copy *batch, const struct batch_request *r)
{
    uint8_t memory[LINK_BYTES];
    struct buffer b = {.data = memory, .capacity = sizeof memory, .size_max = sizeof memory};
    put_raw(&b, state->digest, sizeof state->digest);
    put_u64(&b, batch->seq);
    put_u64(&b, batch->timestamp_us);
    put_raw(&b, batch->seed, sizeof batch->seed);
    put_u16(&b, r->request.client);
    put_u64(&b, r->request.session);
    put_u64(&b, r->request.number);
    outcome_put(&b, &r->outcome);
    assert(!b.failed && b.size == sizeof memory);
    sha256(state->digest, b.data, b.size);
}

void null_state_add(
    struct null_state *state, const struct batch_copy *batch, const struct batch_request *request)
{
    struct null_session *s = session_of(state, &request->request);
    s->last = request->request.number;
    s->count++;
    state->count++;
    chain(state, batch, request);
}

/* ---- checkpoints ---- */

void null_state_put(struct buffer *b, const struct null_state *state)
{
    put_raw(b, state->digest, sizeof state->digest);
    put_u64(b, state->count);
    put_u32(b, state->session_count);
    for (unsigned i = 0; i < state->session_count; i++) {
        put_u16(b, state->sessions[i].client);
        put_u64(b, state->sessions[i].session);
        put_u64(b, state->sessions[i].last);
        put_u64(b, state->sessions[i].count);
    }
}

const char *null_state_get(struct reader *r, struct null_state *ret)
{
    struct null_state state = {0};
    get_raw(r, state.digest, sizeof state.digest);
    state.count = get_u64(r);
    uint32_t count = get_u32(r);
    if (count > NULL_SESSIONS_MAX)
        return "null state: too many sessions";
    for (state.session_count = 0; state.session_count < count; state.session_count++) {
        struct null_session *s = &state.sessions[state.session_count];
        s->client = get_u16(r);
        s->session = get_u64(r);
        s->last = get_u64(r);
        s->count = get_u64(r);
    }
    if (r->failed)
        return "null state: truncated";
    *ret = state;
    return NULL;
}

/* ---- showing it ---- */

void null_state_text(const struct null_state *state, struct buffer *b)
{
    char line[128], hex[2 * DIGEST_BYTES + 1];
    hex_format(hex, state->digest, sizeof state->digest);
    snprintf(line, sizeof line, "null_digest=%s\n", hex);
    put_raw(b, line, strlen(line));
    snprintf(line, sizeof line, "null_count=%" PRIu64 "\n", state->count);
    put_raw(b, line, strlen(line));
    for (unsigned i = 0; i < state->session_count; i++) {
        const struct null_session *s = &state->sessions[i];
        snprintf(line, sizeof line,
            "null_session_%u_%" PRIu64 "=last %" PRIu64 " count %" PRIu64 "\n", s->client,
            s->session, s->last, s->count);
        put_raw(b, line, strlen(line));
    }
}

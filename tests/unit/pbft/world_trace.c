/* What happens, one line each, for people: the scenarios are compared with it. */
#include "tests/unit/pbft/forge.h"
#include "tests/unit/pbft/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT_BYTES 256

typedef unsigned long long ull;

void world_trace(struct world *w, const char *format, ...)
{
    if (!w->options.trace)
        return;
    char line[512];
    int size = snprintf(line, sizeof line, "%9.3f ", (double)w->now_us / 1000);
    va_list arguments;
    va_start(arguments, format);
    size += vsnprintf(line + size, sizeof line - (size_t)size, format, arguments);
    va_end(arguments);
    put_raw(&w->trace, line, (size_t)size);
    put_u8(&w->trace, '\n');
}

void world_note(struct world *w, const char *text)
{
    world_trace(w, "-- %s", text);
}

/* ---- texts ---- */

static void append(char text[static TEXT_BYTES], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void append(char text[static TEXT_BYTES], const char *format, ...)
{
    size_t size = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + size, TEXT_BYTES - size, format, arguments);
    va_end(arguments);
}

/* "3", or "3 in view 1" where the view is not the first. */
static void describe_phase(char text[static TEXT_BYTES], uint64_t view, uint64_t seq)
{
    append(text, " %llu", (ull)seq);
    if (view > 0)
        append(text, " in view %llu", (ull)view);
}

static void describe_view_change(
    char text[static TEXT_BYTES], unsigned from, const struct view_change *m)
{
    append(text, " to view %llu", (ull)m->view);
    if (m->replica != from)
        append(text, " of r%u", (unsigned)m->replica);
    append(text, ": stable %llu, prepared", (ull)m->stable.seq);
    struct reader r = reader_of(m->proofs);
    for (uint32_t i = 0; i < m->proof_count; i++) {
        struct proof proof;
        if (proof_take(&r, &proof) == NULL)
            describe_phase(text, proof.view, proof.seq);
    }
    if (m->proof_count == 0)
        append(text, " nothing");
}

static void describe_new_view(char text[static TEXT_BYTES], const struct new_view *m)
{
    append(text, " %llu from", (ull)m->view);
    for (unsigned i = 0; i < REPLICAS_MAX; i++) {
        if ((m->senders >> i & 1) != 0)
            append(text, " r%u", i);
    }
    append(text, ": behind %llu", (ull)m->low);
    struct reader r = reader_of(m->carried);
    for (uint32_t i = 0; i < m->carried_count; i++) {
        struct carried carried;
        uint8_t null_digest[DIGEST_BYTES];
        struct batch null = {.seq = m->low + 1 + i};
        carried_take(&r, &carried);
        forge_batch_digest(&null, null_digest);
        bool is_null = memcmp(null_digest, carried.digest, DIGEST_BYTES) == 0;
        append(text, ", %llu%s", (ull)null.seq, is_null ? " null" : "");
    }
    if (m->carried_count == 0)
        append(text, " nothing");
}

static void describe_want(char text[static TEXT_BYTES], const struct want *m)
{
    for (uint32_t i = 0; i < m->count; i++)
        append(text, " %llu", (ull)m->wanted[i].seq);
}

/* What the body says, if it can be read. */
static void describe(char text[static TEXT_BYTES], unsigned from, const struct pbft_send *send)
{
    struct pre_prepare pre_prepare;
    struct prepare prepare;
    struct commit commit;
    struct view_change view_change;
    struct new_view new_view;
    struct fetch fetch;
    struct want want;
    struct request request;
    struct slice body = send->body;
    if (send->type == MESSAGE_PRE_PREPARE && pre_prepare_decode(body, &pre_prepare) == NULL)
        describe_phase(text, pre_prepare.view, pre_prepare.batch.seq);
    else if (send->type == MESSAGE_PREPARE && prepare_decode(body, &prepare) == NULL)
        describe_phase(text, prepare.view, prepare.seq);
    else if (send->type == MESSAGE_COMMIT && commit_decode(body, &commit) == NULL)
        describe_phase(text, commit.view, commit.seq);
    else if (send->type == MESSAGE_VIEW_CHANGE && view_change_decode(body, &view_change) == NULL)
        describe_view_change(text, from, &view_change);
    else if (send->type == MESSAGE_NEW_VIEW && new_view_decode(body, &new_view) == NULL)
        describe_new_view(text, &new_view);
    else if (send->type == MESSAGE_FETCH && fetch_decode(body, &fetch) == NULL)
        append(text, " %llu, %u batches", (ull)fetch.seq, (unsigned)fetch.count);
    else if (send->type == MESSAGE_WANT && want_decode(body, &want) == NULL)
        describe_want(text, &want);
    else if (send->type == MESSAGE_RELAY && request_decode(body, &request) == NULL)
        append(text, " %u.%llu.%llu", (unsigned)request.client, (ull)request.session,
            (ull)request.number);
    else { /* the sequence number stands first */
        struct reader r = reader_of(body);
        append(text, " %llu", (ull)get_u64(&r));
    }
}

/* ---- messages and records ---- */

/* Regular, and so left out: but for what is new in it. */
static void trace_status(struct world *w, unsigned from, const struct pbft_send *send)
{
    struct status m;
    struct status *before = &w->nodes[from].traced;
    if (status_decode(send->body, &m) != NULL)
        return;
    if (m.suspects && (!before->suspects || before->view != m.view))
        world_trace(w, "r%u -> *  STATUS: suspects the primary of view %llu", from, (ull)m.view);
    if (!m.suspects && before->suspects && before->view == m.view)
        world_trace(w, "r%u -> *  STATUS: suspects it no more", from);
    if (m.silent != before->silent)
        world_trace(w, "r%u -> *  STATUS: %s", from, m.silent ? "silent" : "silent no more");
    *before = m;
}

void world_trace_send(struct world *w, unsigned from, const struct pbft_send *send)
{
    if (!w->options.trace || send->type == MESSAGE_CONTRIBUTION)
        return;
    if (send->type == MESSAGE_STATUS) {
        trace_status(w, from, send);
        return;
    }
    char to[8] = "*", text[TEXT_BYTES] = "";
    if (send->to != PBFT_TO_ALL)
        snprintf(to, sizeof to, "r%u", send->to);
    describe(text, from, send);
    world_trace(w, "r%u -> %-2s %s%s", from, to, message_name((uint8_t)send->type), text);
}

static const char *record_name(enum pbft_record_type type)
{
    switch (type) {
    case PBFT_RECORD_BATCH:
        return "BATCH";
    case PBFT_RECORD_COMMITTED:
        return "COMMITTED";
    case PBFT_RECORD_OUTCOMES:
        return "OUTCOMES";
    case PBFT_RECORD_STATE:
        return "STATE";
    case PBFT_RECORD_PREPARED:
        return "PREPARED";
    case PBFT_RECORD_APART:
        return "APART";
    case PBFT_RECORD_VIEW:
        return "VIEW";
    case PBFT_RECORD_VIEW_CHANGE:
        return "VIEW_CHANGE";
    case PBFT_RECORD_NEW_VIEW:
        return "NEW_VIEW";
    case PBFT_RECORD_SILENCE:
        return "SILENCE";
    case PBFT_RECORD_INVALID:
        break;
    }
    return "?";
}

static void describe_record(char text[static TEXT_BYTES], const struct pbft_record *record)
{
    struct reader r = reader_of(record->value);
    if (record->type == PBFT_RECORD_VIEW) {
        uint64_t view = get_u64(&r);
        append(text, " %llu%s", (ull)view, get_bool(&r) ? ", entered" : "");
    } else if (record->type == PBFT_RECORD_SILENCE) {
        bool silent = get_bool(&r);
        uint64_t until = get_u64(&r);
        if (silent)
            append(text, " until %llu", (ull)until);
        else
            append(text, " ended");
    } else if (record->type == PBFT_RECORD_VIEW_CHANGE)
        append(text, " of r%llu", (ull)record->seq - 1);
    else if (record->type == PBFT_RECORD_NEW_VIEW)
        append(text, " %llu", (ull)get_u64(&r));
    else
        append(text, " %llu", (ull)record->seq);
}

void world_trace_record(struct world *w, unsigned replica, const struct pbft_record *record)
{
    if (!w->options.trace)
        return;
    char text[TEXT_BYTES] = "";
    describe_record(text, record);
    world_trace(w, "r%u       %s %s%s", replica, record->durable ? "flushes" : "notes",
        record_name(record->type), text);
}

#include "tests/sim/trace.h"

#include "tests/sim/sim.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LINE_BYTES 240
#define MESSAGE_BYTES 120

enum trace_mode trace_mode;

static char lines[TRACE_TAIL_LINES][LINE_BYTES];
static uint64_t line_count;

void trace_line(const struct sim *sim, const char *format, ...)
{
    char *line = lines[line_count++ % TRACE_TAIL_LINES];
    int size = snprintf(line, LINE_BYTES, "%10.3f  ", (double)sim->now_us / 1000);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + size, LINE_BYTES - (size_t)size, format, arguments);
    va_end(arguments);
    if (trace_mode == TRACE_ALL)
        puts(line);
}

void trace_end(struct sim *sim, const char *text)
{
    if (trace_mode == TRACE_OFF)
        return;
    uint64_t first = line_count > TRACE_TAIL_LINES ? line_count - TRACE_TAIL_LINES : 0;
    for (uint64_t i = first; trace_mode == TRACE_TAIL && i < line_count; i++)
        puts(lines[i % TRACE_TAIL_LINES]);
    printf("%10.3f  VIOLATION  %s\n", (double)sim->now_us / 1000, text);
    fflush(stdout);
}

/* ---- names ---- */

const char *trace_replica(unsigned replica)
{
    static char names[4][8];
    static unsigned next;
    char *name = names[next++ % 4];
    snprintf(name, sizeof names[0], "r%u", replica);
    return name;
}

const char *trace_record(int type)
{
    static const char *const names[] = {"?", "BATCH", "COMMITTED", "OUTCOMES", "STATE", "PREPARED",
        "APART", "VIEW", "VIEW_CHANGE", "NEW_VIEW", "SILENCE"};
    return type > 0 && type < (int)(sizeof names / sizeof names[0]) ? names[type] : "?";
}

/* ---- messages ---- */

/* Four digits of a digest. */
static unsigned tag(const uint8_t *digest)
{
    return (unsigned)digest[0] << 8 | digest[1];
}

static void describe_proposal(char *text, struct slice body)
{
    struct pre_prepare m;
    uint8_t digest[DIGEST_BYTES];
    if (pre_prepare_decode(body, &m) != NULL) {
        snprintf(text, MESSAGE_BYTES, "PRE_PREPARE, malformed");
        return;
    }
    struct keys fake = {.real = false};
    keys_batch_digest(&fake, &m.batch, digest);
    snprintf(text, MESSAGE_BYTES, "PRE_PREPARE v%" PRIu64 " n%" PRIu64 " %04x, %u requests", m.view,
        m.batch.seq, tag(digest), m.batch.request_count);
}

static void describe_view_change(char *text, struct slice body)
{
    struct view_change m;
    if (view_change_decode(body, &m) != NULL) {
        snprintf(text, MESSAGE_BYTES, "VIEW_CHANGE, malformed");
        return;
    }
    size_t size = (size_t)snprintf(text, MESSAGE_BYTES,
        "VIEW_CHANGE of r%u to v%" PRIu64 ", stable %" PRIu64 ", prepared", m.replica, m.view,
        m.stable.seq);
    struct reader r = reader_of(m.proofs);
    struct proof p;
    for (uint32_t i = 0; i < m.proof_count && proof_take(&r, &p) == NULL && size < MESSAGE_BYTES;
         i++)
        size += (size_t)snprintf(text + size, MESSAGE_BYTES - size, " %" PRIu64 "@%" PRIu64 ":%04x",
            p.seq, p.view, tag(p.digest));
}

static void describe_new_view(char *text, struct slice body)
{
    struct new_view m;
    if (new_view_decode(body, &m) != NULL) {
        snprintf(text, MESSAGE_BYTES, "NEW_VIEW, malformed");
        return;
    }
    size_t size = (size_t)snprintf(text, MESSAGE_BYTES,
        "NEW_VIEW v%" PRIu64 " of %x, from %" PRIu64 ":", m.view, m.senders, m.low);
    struct reader r = reader_of(m.carried);
    for (uint32_t i = 0; i < m.carried_count && size < MESSAGE_BYTES; i++) {
        struct carried c;
        carried_take(&r, &c);
        size += (size_t)snprintf(text + size, MESSAGE_BYTES - size, " %04x", tag(c.digest));
    }
}

static void describe_status(char *text, struct slice body)
{
    struct status m;
    if (status_decode(body, &m) != NULL) {
        snprintf(text, MESSAGE_BYTES, "STATUS, malformed");
        return;
    }
    snprintf(text, MESSAGE_BYTES,
        "STATUS v%" PRIu64 "%s%s%s delivered %" PRIu64 " executed %" PRIu64 " stable %" PRIu64,
        m.view, m.active ? "" : " changing", m.suspects ? " suspects" : "",
        m.silent ? " silent" : "", m.delivered, m.executed, m.stable);
}

/* View, number, digest in front. */
static void describe_phase(char *text, const char *name, struct slice body)
{
    struct reader r = reader_of(body);
    uint64_t view = get_u64(&r), seq = get_u64(&r);
    uint8_t digest[DIGEST_BYTES];
    get_raw(&r, digest, sizeof digest);
    snprintf(
        text, MESSAGE_BYTES, "%s v%" PRIu64 " n%" PRIu64 " %04x", name, view, seq, tag(digest));
}

const char *trace_message(enum message_type type, struct slice body)
{
    static char texts[4][MESSAGE_BYTES];
    static unsigned next;
    char *text = texts[next++ % 4];
    struct reader r = reader_of(body);
    if (type == MESSAGE_PRE_PREPARE)
        describe_proposal(text, body);
    else if (type == MESSAGE_PREPARE || type == MESSAGE_COMMIT)
        describe_phase(text, message_name((uint8_t)type), body);
    else if (type == MESSAGE_VIEW_CHANGE)
        describe_view_change(text, body);
    else if (type == MESSAGE_NEW_VIEW)
        describe_new_view(text, body);
    else if (type == MESSAGE_STATUS)
        describe_status(text, body);
    else
        snprintf(text, MESSAGE_BYTES, "%s %" PRIu64, message_name((uint8_t)type), get_u64(&r));
    return text;
}

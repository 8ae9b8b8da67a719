#include "proxy/exec/transcript.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void transcript_init(struct transcript *t)
{
    *t = (struct transcript){0};
}

void transcript_free(struct transcript *t)
{
    free(t->lines);
    *t = (struct transcript){0};
}

/* False: out of memory. */
static bool digest_statement(const struct statement *statement, struct buffer *scratch,
    uint8_t ret_digest[static DIGEST_BYTES])
{
    buffer_clear(scratch);
    statement_put(scratch, statement);
    if (scratch->failed)
        return false;
    sha256(ret_digest, scratch->data, scratch->size);
    return true;
}

static bool make_room(struct transcript *t)
{
    if (t->count < t->capacity)
        return true;
    if (t->count >= ENTRIES_MAX)
        return false;
    uint32_t capacity = t->capacity == 0 ? 16 : t->capacity * 2;
    struct transcript_line *lines = realloc(t->lines, capacity * sizeof *lines);
    if (lines == NULL)
        return false;
    t->lines = lines;
    t->capacity = capacity;
    return true;
}

bool transcript_add(struct transcript *t, const struct statement *statement,
    const struct answer_end *end, struct buffer *scratch)
{
    struct transcript_line line = {.failed = end->failed};
    memcpy(line.result, end->hash, DIGEST_BYTES);
    if (!digest_statement(statement, scratch, line.statement) || !make_room(t))
        return false;
    t->lines[t->count++] = line;
    return true;
}

static bool line_equals(
    const struct transcript_line *line, const struct entry *entry, struct buffer *scratch)
{
    uint8_t digest[DIGEST_BYTES];
    return !line->failed && !entry->failed &&
           memcmp(line->result, entry->result_hash, DIGEST_BYTES) == 0 &&
           digest_statement(&entry->statement, scratch, digest) &&
           memcmp(line->statement, digest, DIGEST_BYTES) == 0;
}

bool transcript_equals(
    const struct transcript *t, struct slice entries, uint32_t entry_count, struct buffer *scratch)
{
    if (entry_count != t->count)
        return false;
    struct reader r = reader_of(entries);
    for (uint32_t i = 0; i < entry_count; i++) {
        struct entry entry;
        const char *reason = entry_take(&r, &entry);
        assert(reason == NULL); /* the order was decoded */
        if (!line_equals(&t->lines[i], &entry, scratch))
            return false;
    }
    return true;
}

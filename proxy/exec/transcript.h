/* What the coordinator executed and answered, operation by operation (opsAndHRes of the paper's
 * figure 4), to be compared with what the client says at COMMIT (different_list). */
#ifndef BYZ_PROXY_EXEC_TRANSCRIPT_H
#define BYZ_PROXY_EXEC_TRANSCRIPT_H

#include "common/message.h"
#include "proxy/exec/answer.h"

struct transcript_line {
    uint8_t statement[DIGEST_BYTES];
    uint8_t result[DIGEST_BYTES];
    bool failed;
};

struct transcript {
    struct transcript_line *lines;
    uint32_t count; /* at most ENTRIES_MAX */
    uint32_t capacity;
};

void transcript_init(struct transcript *transcript);
void transcript_free(struct transcript *transcript);

/* False: out of memory, or ENTRIES_MAX reached. */
bool transcript_add(struct transcript *transcript, const struct statement *statement,
    const struct answer_end *end, struct buffer *scratch);
/* Is this the list, and did every statement succeed? Where one failed the list must run again at
 * its place in the order: it may fail no more. */
bool transcript_equals(const struct transcript *transcript, struct slice entries,
    uint32_t entry_count, struct buffer *scratch);

#endif

/* Fuzzes the reader of evidence files, which come from strangers. What it accepts and understands
 * must come back from the file that is written from it. */
#include "tests/fuzz/fuzz_message.h"

#include "common/evidence.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check_same(const struct evidence *a, const struct evidence *b)
{
    bool same = a->replica == b->replica && a->purpose == b->purpose &&
                memcmp(a->cluster, b->cluster, DIGEST_BYTES) == 0 &&
                memcmp(a->public_key, b->public_key, PUBLIC_KEY_BYTES) == 0;
    for (unsigned i = 0; i < 2; i++)
        same = same &&
               slice_equal(slice_of(a->statement[i].bytes, a->statement[i].size),
                   slice_of(b->statement[i].bytes, b->statement[i].size)) &&
               memcmp(a->statement[i].signature, b->statement[i].signature, SIGNATURE_BYTES) == 0;
    if (!same) {
        fprintf(stderr, "evidence that is written is not what is read back\n");
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct evidence e, again;
    struct evidence_claim claim;
    char error[256], name[EVIDENCE_NAME_BYTES_MAX];
    if (!evidence_parse("input", slice_of(data, size), &e, error, sizeof error))
        return 0;
    (void)evidence_invalid_reason(&e);
    if (evidence_claim(&e, 0, &claim) != NULL)
        return 0;
    struct buffer b = BUFFER_INIT(EVIDENCE_FILE_BYTES_MAX);
    evidence_format(&b, &e);
    evidence_name(&e, name);
    if (b.failed || !evidence_parse(name, buffer_slice(&b), &again, error, sizeof error)) {
        fprintf(stderr, "evidence that is written cannot be read: %s\n", error);
        abort();
    }
    check_same(&e, &again);
    buffer_free(&b);
    return 0;
}

/* Writes the seeds of the fuzzers' corpora: one file per kind of message and of evidence.
 * usage: make_corpus tests/fuzz/corpus */
#include "common/limits.h"
#include "tests/fuzz/evidence_samples.h"
#include "tests/fuzz/message_samples.h"

#include <stdio.h>

/* With the type byte in front, if there is one. */
static int write_sample(const char *directory, const char *kind, const char *name,
    const uint8_t *type, const struct buffer *body)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s/%s", directory, kind, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    if (type != NULL)
        fputc(*type, file);
    fwrite(body->data, 1, body->size, file);
    return fclose(file) == 0 ? 0 : 1;
}

static int write_messages(const char *directory)
{
    int result = 0;
    struct buffer body = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
    for (unsigned i = 0; i < MESSAGE_SAMPLES; i++) {
        uint8_t type;
        const char *name = message_sample(i, &type, &body);
        result |= write_sample(directory, "message", name, &type, &body);
    }
    buffer_free(&body);
    return result;
}

static int write_evidence(const char *directory)
{
    static const uint8_t cluster[DIGEST_BYTES] = {0xc1};
    int result = 0;
    struct buffer text = BUFFER_INIT(EVIDENCE_FILE_BYTES_MAX);
    struct private_key *key = private_key_generate();
    if (key == NULL)
        return 1;
    for (unsigned i = 0; i < EVIDENCE_SAMPLES; i++) {
        struct evidence e;
        const char *name = evidence_sample(i, key, cluster, &e);
        buffer_clear(&text);
        evidence_format(&text, &e);
        result |= write_sample(directory, "evidence", name, NULL, &text);
    }
    private_key_free(key);
    buffer_free(&text);
    return result;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
        return 2;
    }
    return write_messages(argv[1]) | write_evidence(argv[1]);
}

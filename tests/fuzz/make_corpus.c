/* Writes one file per kind of message into a directory: the seeds of the fuzzer's corpus.
 * usage: make_corpus tests/fuzz/corpus/message */
#include "common/limits.h"
#include "tests/fuzz/message_samples.h"

#include <stdio.h>

static int write_sample(const char *directory, unsigned index)
{
    struct buffer body = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
    uint8_t type;
    const char *name = message_sample(index, &type, &body);
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    fputc(type, file);
    fwrite(body.data, 1, body.size, file);
    buffer_free(&body);
    return fclose(file) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
        return 2;
    }
    int result = 0;
    for (unsigned i = 0; i < MESSAGE_SAMPLES; i++)
        result |= write_sample(argv[1], i);
    return result;
}

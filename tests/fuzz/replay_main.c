/* Runs the fuzzer's entry point over every file of a corpus: an ordinary test. */
#include "tests/fuzz/fuzz_message.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_BYTES_MAX (5 << 20)

/* False: the file cannot be read. */
static bool replay(const char *directory, const char *name, uint8_t *bytes)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    size_t size = fread(bytes, 1, FILE_BYTES_MAX, file);
    bool ok = ferror(file) == 0;
    fclose(file);
    if (ok)
        LLVMFuzzerTestOneInput(bytes, size);
    return ok;
}

int main(int argc, char **argv)
{
    DIR *directory = argc == 2 ? opendir(argv[1]) : NULL;
    uint8_t *bytes = malloc(FILE_BYTES_MAX);
    if (directory == NULL || bytes == NULL) {
        fprintf(stderr, "usage: %s CORPUS\n", argv[0]);
        return 2;
    }
    unsigned count = 0;
    struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        if (!replay(argv[1], entry->d_name, bytes)) {
            fprintf(stderr, "%s: cannot be read\n", entry->d_name);
            return 1;
        }
        count++;
    }
    closedir(directory);
    free(bytes);
    printf("%u inputs\n", count);
    return count > 0 ? 0 : 1;
}

/* Reading a small file whole, and writing a new one, with a ceiling and a message. */
#ifndef BYZ_COMMON_FILE_H
#define BYZ_COMMON_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Reads a regular file of at most size_max bytes into out. With `secret`, refuses a file that group
 * or others can access. Returns its size, or -1 and a message that begins "path: ". */
ssize_t file_read(
    const char *path, bool secret, void *out, size_t size_max, char *ret_error, size_t error_size);

/* Creates the file, durably; fails if it exists. On failure nothing is left behind. */
bool file_write_new(const char *path, mode_t mode, const void *data, size_t size, char *ret_error,
    size_t error_size);

#endif

#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- reading ---- */

/* NULL, or why this file must not be read. */
static const char *file_reason(const struct stat *st, bool secret, size_t size_max)
{
    if (!S_ISREG(st->st_mode))
        return "not a regular file";
    if (secret && (st->st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return "accessible to group or others; set its mode to 0600";
    if ((uintmax_t)st->st_size > size_max)
        return "file too long";
    return NULL;
}

static ssize_t read_all(int fd, char *out, size_t size_max)
{
    size_t size = 0;
    while (size < size_max) {
        ssize_t part = read(fd, out + size, size_max - size);
        if (part < 0 && errno == EINTR)
            continue;
        if (part < 0)
            return -1;
        if (part == 0)
            break;
        size += (size_t)part;
    }
    return (ssize_t)size;
}

static ssize_t read_open(int fd, bool secret, void *out, size_t size_max, const char **ret_reason)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        *ret_reason = strerror(errno);
        return -1;
    }
    *ret_reason = file_reason(&st, secret, size_max);
    if (*ret_reason != NULL)
        return -1;
    ssize_t size = read_all(fd, out, size_max);
    if (size < 0)
        *ret_reason = strerror(errno);
    return size;
}

ssize_t file_read(
    const char *path, bool secret, void *out, size_t size_max, char *ret_error, size_t error_size)
{
    /* Opening a pipe by mistake must not block. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        snprintf(ret_error, error_size, "%s: %s", path, strerror(errno));
        return -1;
    }
    const char *reason;
    ssize_t size = read_open(fd, secret, out, size_max, &reason);
    if (size < 0)
        snprintf(ret_error, error_size, "%s: %s", path, reason);
    close(fd);
    return size;
}

/* ---- writing ---- */

static bool write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t part = write(fd, data, size);
        if (part < 0 && errno == EINTR)
            continue;
        if (part < 0)
            return false;
        data += part;
        size -= (size_t)part;
    }
    return true;
}

bool file_write_new(const char *path, mode_t mode, const void *data, size_t size, char *ret_error,
    size_t error_size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0) {
        snprintf(ret_error, error_size, "%s: %s", path, strerror(errno));
        return false;
    }
    int failure = write_all(fd, data, size) && fsync(fd) == 0 ? 0 : errno;
    if (close(fd) != 0 && failure == 0)
        failure = errno;
    if (failure == 0)
        return true;
    unlink(path);
    snprintf(ret_error, error_size, "%s: %s", path, strerror(failure));
    return false;
}

#include "proxy/store/lock.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* The owner writes its pid into the file, for the message alone. */
static void owner_read(int fd, char *out, size_t size)
{
    assert(size > 0);
    ssize_t got = pread(fd, out, size - 1, 0);
    out[got > 0 ? got : 0] = '\0';
    out[strspn(out, "0123456789")] = '\0';
}

static void owner_write(int fd)
{
    char text[32];
    int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) == 0) {
        ssize_t written = pwrite(fd, text, (size_t)length, 0);
        (void)written; /* only a message would miss it */
    }
}

int lock_take(const char *directory, char *ret_error, size_t error_size)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/LOCK", directory);
    if (length < 0 || (size_t)length >= sizeof path) {
        snprintf(ret_error, error_size, "%s: the path is too long", directory);
        return -1;
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        snprintf(ret_error, error_size, "%s: %s", path, strerror(errno));
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        owner_write(fd);
        return fd;
    }
    char owner[32];
    owner_read(fd, owner, sizeof owner);
    if (errno == EWOULDBLOCK)
        snprintf(ret_error, error_size,
            "%s: the store is in use by process %s; stop that byzproxy first", directory,
            owner[0] ? owner : "(unknown)");
    else
        snprintf(ret_error, error_size, "%s: %s", path, strerror(errno));
    close(fd);
    return -1;
}

void lock_release(int fd)
{
    if (fd >= 0)
        close(fd);
}

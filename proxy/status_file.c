#include "proxy/status_file.h"

#include "proxy/log.h"
#include "proxy/status.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PERIOD_SECONDS 1.0
#define SUFFIX ".new"

struct status_file {
    struct ev_loop *loop;
    struct ev_timer timer;
    const char *path;
    status_say *say;
    void *context;
    bool failing; /* said already */
    char draft[PATH_MAX];
};

static bool write_all(int fd, struct slice text)
{
    while (text.size > 0) {
        ssize_t written = write(fd, text.data, text.size);
        if (written <= 0)
            return false;
        text.data += written;
        text.size -= (size_t)written;
    }
    return true;
}

/* A reader finds a whole text, the old one or the new one. Nothing is flushed to disk: after a
 * crash of the machine an old status is worth nothing. False with errno. */
static bool renew(struct status_file *file)
{
    struct buffer text = BUFFER_INIT(STATUS_TEXT_BYTES_MAX);
    file->say(file->context, &text);
    int fd = open(file->draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool good = fd >= 0 && write_all(fd, buffer_slice(&text));
    int saved = errno;
    if (fd >= 0)
        close(fd);
    buffer_free(&text);
    errno = saved;
    return good && rename(file->draft, file->path) == 0;
}

/* A replica works without its status file; that it cannot be written is said once. */
static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct status_file *file = timer->data;
    bool good = renew(file);
    if (!good && !file->failing)
        log_line(LEVEL_WARNING, "cannot write %s: %s", file->path, strerror(errno));
    file->failing = !good;
}

struct status_file *status_file_new(struct ev_loop *loop, const char *path, status_say *say,
    void *context, char *ret_error, size_t error_size)
{
    struct status_file *file = calloc(1, sizeof *file);
    if (!file) {
        snprintf(ret_error, error_size, "out of memory");
        return NULL;
    }
    *file = (struct status_file){.loop = loop, .path = path, .say = say, .context = context};
    int length = snprintf(file->draft, sizeof file->draft, "%s" SUFFIX, path);
    ev_timer_init(&file->timer, on_timer, PERIOD_SECONDS, PERIOD_SECONDS);
    file->timer.data = file;
    if (length < 0 || (size_t)length >= sizeof file->draft) {
        snprintf(ret_error, error_size, "the status file's name is too long");
    } else if (!renew(file)) {
        snprintf(ret_error, error_size, "cannot write %s: %s", path, strerror(errno));
    } else {
        ev_timer_start(loop, &file->timer);
        return file;
    }
    free(file);
    return NULL;
}

void status_file_free(struct status_file *file)
{
    if (!file)
        return;
    ev_timer_stop(file->loop, &file->timer);
    unlink(file->path);
    free(file);
}

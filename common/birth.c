#include "common/birth.h"

#include "common/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_FILE "data.mdb" /* LMDB's name */

static const char *mark_name(enum birth birth)
{
    switch (birth) {
    case BIRTH_NEW:
        return "NEW";
    case BIRTH_LOST:
        return "LOST";
    case BIRTH_UNKNOWN:
        break;
    }
    assert(!"a mark");
    return "";
}

static const char *mark_text(enum birth birth)
{
    return birth == BIRTH_NEW
               ? "This replica has never run. byzproxy makes its durable log here and removes this "
                 "file.\nDo not put it into the folder of a replica that has run.\n"
               : "This replica has lost its durable log. byzproxy makes an empty one here, stays "
                 "silent in\nagreement until that is safe, and removes this file.\n";
}

static bool path_of(const char *directory, const char *name, char ret[static PATH_MAX])
{
    int length = snprintf(ret, PATH_MAX, "%s/%s", directory, name);
    return length > 0 && length < PATH_MAX;
}

static bool has(const char *directory, const char *name)
{
    char path[PATH_MAX];
    return path_of(directory, name, path) && access(path, F_OK) == 0;
}

bool birth_has_log(const char *directory)
{
    return has(directory, LOG_FILE);
}

enum birth birth_read(const char *directory)
{
    if (has(directory, mark_name(BIRTH_LOST)))
        return BIRTH_LOST;
    return has(directory, mark_name(BIRTH_NEW)) ? BIRTH_NEW : BIRTH_UNKNOWN;
}

static bool sync_directory(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && (fsync(fd) == 0 || errno == EINVAL);
    if (fd >= 0)
        close(fd);
    return ok;
}

bool birth_mark(const char *directory, enum birth birth, char *ret_error, size_t error_size)
{
    char path[PATH_MAX];
    const char *text = mark_text(birth);
    if (!path_of(directory, mark_name(birth), path)) {
        snprintf(ret_error, error_size, "%s: the path is too long", directory);
        return false;
    }
    if (mkdir(directory, 0700) != 0 && errno != EEXIST) {
        snprintf(ret_error, error_size, "%s: %s", directory, strerror(errno));
        return false;
    }
    if (access(path, F_OK) != 0 &&
        !file_write_new(path, 0600, text, strlen(text), ret_error, error_size))
        return false;
    if (sync_directory(directory))
        return true;
    snprintf(ret_error, error_size, "%s: cannot be flushed: %s", directory, strerror(errno));
    return false;
}

void birth_forget(const char *directory)
{
    char path[PATH_MAX];
    if (path_of(directory, mark_name(BIRTH_NEW), path))
        (void)unlink(path);
    if (path_of(directory, mark_name(BIRTH_LOST), path))
        (void)unlink(path);
    (void)sync_directory(directory);
}

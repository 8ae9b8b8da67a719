#include "proxy/evidence_log.h"

#include "common/file.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX ".evidence"
#define TEMPORARY "new.tmp" /* one at a time; left over after a crash, it is replaced */

/* ---- what is there ---- */

/* Whose evidence this is, by the file's name (evidence_name); REPLICAS_MAX: it is none. */
static unsigned replica_of(const char *name)
{
    static const char prefix[] = "replica";
    size_t length = strlen(name), suffix = strlen(SUFFIX);
    unsigned replica = 0;
    if (length < suffix || strcmp(name + length - suffix, SUFFIX) != 0 ||
        strncmp(name, prefix, sizeof prefix - 1) != 0)
        return REPLICAS_MAX;
    const char *at = name + sizeof prefix - 1;
    for (; *at >= '0' && *at <= '9' && replica < REPLICAS_MAX; at++)
        replica = replica * 10 + (unsigned)(*at - '0');
    bool numbered = at > name + sizeof prefix - 1 && *at == '-';
    return numbered && replica < REPLICAS_MAX ? replica : REPLICAS_MAX;
}

bool evidence_log_start(struct evidence_log *log, const char *store_path)
{
    *log = (struct evidence_log){0};
    int length = snprintf(log->directory, sizeof log->directory, "%s/evidence", store_path);
    if (length < 0 || (size_t)length >= sizeof log->directory - EVIDENCE_NAME_BYTES_MAX)
        return false;
    DIR *directory = opendir(log->directory);
    if (!directory) /* made when it is needed */
        return true;
    struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        unsigned replica = replica_of(entry->d_name);
        if (replica < REPLICAS_MAX)
            log->kept[replica]++;
    }
    closedir(directory);
    return true;
}

unsigned evidence_log_count(const struct evidence_log *log)
{
    unsigned count = 0;
    for (unsigned i = 0; i < REPLICAS_MAX; i++)
        count += log->kept[i];
    return count;
}

/* ---- keeping ---- */

static void path_of(const struct evidence_log *log, const char *name, char ret[static PATH_MAX])
{
    int length = snprintf(ret, PATH_MAX, "%s/%s", log->directory, name);
    assert(length > 0 && length < PATH_MAX); /* evidence_log_start left room */
}

static bool sync_directory(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && (fsync(fd) == 0 || errno == EINVAL);
    if (fd >= 0)
        close(fd);
    return ok;
}

/* Under another name first: a file with a name that counts is whole. */
static bool write_file(const struct evidence_log *log, const char *path,
    const struct evidence *evidence, char *ret_reason, size_t reason_size)
{
    uint8_t text[EVIDENCE_FILE_BYTES_MAX];
    struct buffer b = {.data = text, .capacity = sizeof text, .size_max = sizeof text};
    char temporary[PATH_MAX];
    evidence_format(&b, evidence);
    assert(!b.failed);
    path_of(log, TEMPORARY, temporary);
    if (mkdir(log->directory, 0700) != 0 && errno != EEXIST) {
        snprintf(ret_reason, reason_size, "%s: %s", log->directory, strerror(errno));
        return false;
    }
    (void)unlink(temporary);
    if (!file_write_new(temporary, 0600, b.data, b.size, ret_reason, reason_size))
        return false;
    if (rename(temporary, path) == 0 && sync_directory(log->directory))
        return true;
    snprintf(ret_reason, reason_size, "%s: %s", path, strerror(errno));
    return false;
}

enum evidence_result evidence_log_keep(struct evidence_log *log, const struct evidence *evidence,
    char ret_path[static PATH_MAX], char *ret_reason, size_t reason_size)
{
    char name[EVIDENCE_NAME_BYTES_MAX];
    struct evidence_claim claim;
    assert(evidence->replica < REPLICAS_MAX);
    const char *reason = evidence_claim(evidence, 0, &claim);
    if (!reason) {
        evidence_name(evidence, name);
        path_of(log, name, ret_path);
        if (access(ret_path, F_OK) == 0)
            return EVIDENCE_KNOWN;
        if (log->kept[evidence->replica] >= EVIDENCE_KEPT_MAX)
            return EVIDENCE_FULL;
        reason = evidence_invalid_reason(evidence);
    }
    if (reason) {
        snprintf(ret_reason, reason_size, "%s", reason);
        return EVIDENCE_INVALID;
    }
    if (!write_file(log, ret_path, evidence, ret_reason, reason_size))
        return EVIDENCE_FAILED;
    log->kept[evidence->replica]++;
    return EVIDENCE_KEPT;
}

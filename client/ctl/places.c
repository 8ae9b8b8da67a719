#include "client/ctl/places.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

/* What meson knows about an installation; the build gives it. */
#ifndef BYZ_INSTALLED_LIBRARIES
#error "the build must say where byzantium.so will be installed"
#endif

static bool path_set(struct path *ret, const char *first, const char *second)
{
    int length = snprintf(ret->text, sizeof ret->text, "%s%s", first, second);
    return length >= 0 && (size_t)length < sizeof ret->text;
}

/* The folder with links resolved as far as it exists, so that one cluster has one name. */
static bool path_absolute(struct path *ret, const char *directory)
{
    char resolved[PATH_MAX];
    if (realpath(directory, resolved))
        return path_set(ret, resolved, "");
    if (directory[0] == '/')
        return path_set(ret, directory, "");
    char here[PATH_MAX];
    if (!getcwd(here, sizeof here))
        return false;
    struct path base;
    return path_set(&base, here, "/") && path_set(ret, base.text, directory);
}

static bool socket_fits(const struct path *directory)
{
    /* The longest path below: the last replica's socket. Linux allows 107 bytes. */
    static const char below[] = "/replica00/run/.s.PGSQL.5432";
    struct sockaddr_un address;
    size_t allowed = sizeof address.sun_path - 1;
    size_t length = strlen(directory->text) + sizeof below - 1;
    if (length <= allowed)
        return true;
    ctl_error("the folder's name is too long: a unix socket's path has at most %zu bytes, so the "
              "folder at most %zu, and this has %zu: %s",
        allowed, allowed - (sizeof below - 1), strlen(directory->text), directory->text);
    return false;
}

bool place_directory(struct ctl *ctl, const char *directory)
{
    if (!directory[0] || !path_absolute(&ctl->directory, directory) ||
        strlen(ctl->directory.text) > DIRECTORY_BYTES_MAX) {
        ctl_error("the folder's name is empty or too long");
        return false;
    }
    char *text = ctl->directory.text;
    for (size_t end = strlen(text); end > 1 && text[end - 1] == '/'; end--)
        text[end - 1] = '\0';
    if (strpbrk(text, "\"'\\\n,")) {
        ctl_error("the folder's name must be without quotes, commas, backslashes and line ends: %s",
            text);
        return false;
    }
    return socket_fits(&ctl->directory);
}

struct path place_below(const struct ctl *ctl, const char *name)
{
    struct path path;
    snprintf(
        path.text, sizeof path.text, "%.*s/%.200s", DIRECTORY_BYTES_MAX, ctl->directory.text, name);
    return path;
}

struct path place_config(const struct ctl *ctl)
{
    return place_below(ctl, "cluster.conf");
}

struct path place_client_key(const struct ctl *ctl, const char *client)
{
    char name[NAME_BYTES_MAX + 16];
    snprintf(name, sizeof name, "clients/%.*s.key", NAME_BYTES_MAX, client);
    return place_below(ctl, name);
}

struct path place_replica(const struct ctl *ctl, unsigned replica, const char *name)
{
    char below[160];
    snprintf(below, sizeof below, "replica%u%s%.100s", replica, name[0] ? "/" : "", name);
    return place_below(ctl, below);
}

/* The folder that byzctl's own file lies in. */
static bool own_folder(struct path *ret)
{
    char file[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", file, sizeof file - 1);
    if (length <= 0)
        return false;
    file[length] = '\0';
    char *slash = strrchr(file, '/');
    if (!slash)
        return false;
    *slash = '\0';
    return path_set(ret, file, "");
}

/* pg_config belongs to the development files; a machine that only runs a cluster may lack them. */
#define DEBIAN_BINDIR "/usr/lib/postgresql/15/bin"

/* The first of these that exists: relative to byzctl's folder, or absolute. */
static bool find_file(const char *what, const char *const candidates[], int mode, struct path *ret)
{
    struct path own;
    if (!own_folder(&own))
        own.text[0] = '\0';
    for (unsigned i = 0; candidates[i]; i++) {
        bool absolute = candidates[i][0] == '/';
        struct path base;
        char resolved[PATH_MAX];
        if (!path_set(&base, absolute ? "" : own.text, absolute ? "" : "/"))
            continue;
        struct path candidate;
        if (path_set(&candidate, base.text, candidates[i]) && access(candidate.text, mode) == 0 &&
            realpath(candidate.text, resolved))
            return path_set(ret, resolved, "");
    }
    ctl_error("cannot find %s: neither in the build tree around %s nor among the installed files",
        what, own.text);
    return false;
}

bool place_byzproxy(struct path *ret)
{
    const char *const candidates[] = {"byzproxy", "../../proxy/byzproxy", NULL};
    return find_file("byzproxy", candidates, X_OK, ret);
}

bool place_library(struct path *ret)
{
    const char *const candidates[] = {
        "../../sql/byzantium.so", BYZ_INSTALLED_LIBRARIES "/byzantium.so", NULL};
    return find_file("byzantium.so", candidates, R_OK, ret);
}

bool place_sql(const char *name, struct path *ret)
{
    char built[128], installed[512];
    snprintf(built, sizeof built, "%s", name);
    snprintf(installed, sizeof installed, BYZ_INSTALLED_DATA "/%s", name);
    const char *const candidates[] = {built, installed, NULL};
    return find_file(name, candidates, R_OK, ret);
}

/* What `pg_config --bindir` prints. */
static bool pg_config_bindir(struct path *ret)
{
    FILE *f = popen("pg_config --bindir 2>/dev/null", "re");
    if (!f)
        return false;
    bool read = fgets(ret->text, sizeof ret->text, f) != NULL;
    if (pclose(f) != 0 || !read)
        return false;
    ret->text[strcspn(ret->text, "\n")] = '\0';
    return ret->text[0] == '/';
}

static bool program_in(const char *folder, const char *program, struct path *ret)
{
    struct path base;
    return path_set(&base, folder, "/") && path_set(ret, base.text, program) &&
           access(ret->text, X_OK) == 0;
}

bool place_postgresql(const char *program, struct path *ret)
{
    struct path folder;
    const char *given = getenv("BYZPGBIN");
    if (given && given[0]) {
        if (program_in(given, program, ret))
            return true;
    } else if ((pg_config_bindir(&folder) && program_in(folder.text, program, ret)) ||
               program_in(DEBIAN_BINDIR, program, ret)) {
        return true;
    }
    ctl_error("cannot find PostgreSQL's %s: install PostgreSQL 15, or say in BYZPGBIN which folder "
              "its programs are in",
        program);
    return false;
}

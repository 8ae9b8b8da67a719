/* byzproxy: one replica. Reads what it is given, checks it, runs the driver. */
#include "proxy/driver.h"
#include "proxy/log.h"
#include "proxy/options.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void on_stop_signal(struct ev_loop *loop, ev_signal *watcher, int events)
{
    log_line(LEVEL_LOG, "received signal %d", watcher->signum);
    driver_stop(watcher->data);
}

static void on_hangup(struct ev_loop *loop, ev_signal *watcher, int events)
{
    log_line(LEVEL_LOG, "received SIGHUP; the configuration is read at start only");
}

/* A link each for clients and replicas, and PostgreSQL's sessions: as many descriptors as we may.
 */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit); /* with fewer, fewer clients are accepted */
}

static bool write_pid_file(const char *path)
{
    char text[32];
    int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool written = fd >= 0 && write(fd, text, (size_t)length) == length;
    if (!written)
        log_line(LEVEL_FATAL, "%s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return written;
}

/* The key must be the one that the configuration gives to this replica; otherwise the others would
 * refuse every link, and nobody would see why. */
static bool key_fits(
    const struct config *config, unsigned self, const struct private_key *key, const char *path)
{
    uint8_t public_key[PUBLIC_KEY_BYTES];
    private_key_public(key, public_key);
    if (memcmp(public_key, config->replicas[self].public_key, sizeof public_key) == 0)
        return true;
    log_line(
        LEVEL_FATAL, "%s is not the key that the configuration has for replica %u", path, self);
    for (unsigned i = 0; i < config->replica_count; i++)
        if (memcmp(public_key, config->replicas[i].public_key, sizeof public_key) == 0)
            log_hint("It is the key of replica %u.", i);
    return false;
}

static enum proxy_exit run_loop(struct ev_loop *loop, struct driver *driver)
{
    ev_signal terminate, interrupt, hangup;
    ev_signal_init(&terminate, on_stop_signal, SIGTERM);
    ev_signal_init(&interrupt, on_stop_signal, SIGINT);
    ev_signal_init(&hangup, on_hangup, SIGHUP);
    terminate.data = interrupt.data = driver;
    ev_signal_start(loop, &terminate);
    ev_signal_start(loop, &interrupt);
    ev_signal_start(loop, &hangup);
    enum proxy_exit code = driver_run(driver);
    ev_signal_stop(loop, &terminate);
    ev_signal_stop(loop, &interrupt);
    ev_signal_stop(loop, &hangup);
    return code;
}

static enum proxy_exit run(
    const struct options *options, const struct config *config, const struct private_key *key)
{
    char error[512];
    struct ev_loop *loop = ev_default_loop(EVFLAG_AUTO);
    if (!loop) {
        log_line(LEVEL_FATAL, "no event loop: %s", strerror(errno));
        return PROXY_EXIT_FAILURE;
    }
    struct driver_options driver_options = {.config = config,
        .self = (unsigned)options->replica,
        .key = key,
        .store_path = options->store,
        .lost_log = options->lost_log,
        .store_bytes = (size_t)options->store_gib << 30,
        .postgres = options->postgres,
        .status_file = options->status_file};
    struct driver *driver = driver_new(loop, &driver_options, error, sizeof error);
    if (!driver) {
        log_line(LEVEL_FATAL, "%s", error);
        return PROXY_EXIT_FAILURE;
    }
    log_line(LEVEL_LOG, "byzproxy %s of cluster \"%s\" listens on %s:%u", BYZ_VERSION, config->name,
        config->replicas[options->replica].host, config->replicas[options->replica].port);
    enum proxy_exit code = PROXY_EXIT_FAILURE;
    if (!options->pid_file || write_pid_file(options->pid_file))
        code = run_loop(loop, driver);
    driver_free(driver);
    if (options->pid_file)
        unlink(options->pid_file);
    return code;
}

static enum proxy_exit load_and_run(const struct options *options)
{
    char error[512];
    enum proxy_exit code = PROXY_EXIT_USAGE;
    struct private_key *key = NULL;
    struct config *config = config_load(options->config, error, sizeof error);
    if (!config) {
        log_line(LEVEL_FATAL, "%s", error);
        return PROXY_EXIT_USAGE;
    }
    if ((unsigned)options->replica >= config->replica_count)
        log_line(LEVEL_FATAL, "%s has no replica %d", options->config, options->replica);
    else if (!(key = private_key_load(options->key, error, sizeof error)))
        log_line(LEVEL_FATAL, "%s", error);
    else if (key_fits(config, (unsigned)options->replica, key, options->key))
        code = run(options, config, key);
    private_key_free(key);
    config_free(config);
    return code;
}

int main(int argc, char **argv)
{
    struct options options;
    char error[256];
    umask(077);
    signal(SIGPIPE, SIG_IGN);
    switch (options_parse(argc, argv, &options, error, sizeof error)) {
    case OPTIONS_HELP:
        fputs(options_help, stdout);
        return PROXY_EXIT_OK;
    case OPTIONS_VERSION:
        printf("byzproxy %s\n", BYZ_VERSION);
        return PROXY_EXIT_OK;
    case OPTIONS_INVALID:
        fprintf(stderr, "byzproxy: %s\nTry \"byzproxy --help\".\n", error);
        return PROXY_EXIT_USAGE;
    case OPTIONS_RUN:
        break;
    }
    log_start(options.log_level, options.replica);
    raise_descriptor_limit();
    return (int)load_and_run(&options);
}

#include "client/ctl/proxy.h"

#include "client/ctl/places.h"
#include "client/ctl/postgres.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool proxy_running(const struct ctl *ctl, unsigned replica, struct process_id *ret)
{
    return process_running(place_replica(ctl, replica, "proxy.pid").text, ret);
}

bool proxy_start(const struct ctl *ctl, const struct config *config, unsigned replica)
{
    struct process_id id;
    if (proxy_running(ctl, replica, &id))
        return true;
    struct path program;
    if (!place_byzproxy(&program))
        return false;
    struct path file = place_config(ctl), key = place_replica(ctl, replica, "replica.key"),
                store = place_replica(ctl, replica, "store"),
                run = place_replica(ctl, replica, "run"),
                log = place_replica(ctl, replica, "log/proxy.log"),
                pid_file = place_replica(ctl, replica, "proxy.pid");
    char number[16], conninfo[PATH_BYTES_MAX + 128];
    snprintf(number, sizeof number, "%u", replica);
    snprintf(conninfo, sizeof conninfo, "host='%s' port=5432 user=" ROLE_OWNER " dbname=%s",
        run.text, config->database);
    const char *const argv[] = {program.text, "--config", file.text, "--replica", number, "--key",
        key.text, "--store", store.text, "--postgres", conninfo, NULL};
    pid_t pid = process_daemon(argv, log.text);
    if (pid < 0) {
        ctl_error("replica %u: cannot start %s: %m", replica, program.text);
        return false;
    }
    if (!process_save(pid_file.text, pid)) {
        /* It ended at once; whoever waits for it will say why. Anything else is worth a word. */
        if (access(place_replica(ctl, replica, "").text, W_OK))
            ctl_error("replica %u: cannot write %s: %m", replica, pid_file.text);
    }
    return true;
}

bool proxy_stop(const struct ctl *ctl, unsigned replica)
{
    struct path pid_file = place_replica(ctl, replica, "proxy.pid");
    struct process_id id;
    bool killed = false;
    if (process_running(pid_file.text, &id) && !process_stop(id, 15000, &killed)) {
        ctl_error("replica %u: byzproxy (process %ld) does not end", replica, (long)id.pid);
        return false;
    }
    if (killed)
        ctl_error("replica %u: byzproxy did not stop in 15 s and was killed", replica);
    unlink(pid_file.text);
    return true;
}

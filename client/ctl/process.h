/* Child processes: programs that byzctl waits for, and the daemons that it leaves behind. */
#ifndef BYZ_CLIENT_CTL_PROCESS_H
#define BYZ_CLIENT_CTL_PROCESS_H

#include "common/codec.h"

#include <sys/types.h>

/* Runs a program to its end, its output appended to the file `log`. Returns its exit code, 128 plus
 * the signal that ended it, or 127 if it could not be started. */
int process_run(const char *const argv[], const char *log);

/* Runs a program to its end, what it prints appended to `out` (out->failed: it did not fit); errors
 * go where ours go. Returns as process_run does. */
int process_capture(const char *const argv[], struct buffer *out);

/* Starts a program in a session of its own, output appended to `log`. Returns its pid, or -1 with
 * errno when it could not be started. */
pid_t process_daemon(const char *const argv[], const char *log);

/* A process that outlives byzctl is known by pid and start time: a pid alone may be somebody
 * else's by now. */
struct process_id {
    pid_t pid;
    unsigned long long started; /* clock ticks since boot, /proc/PID/stat */
};

/* Writes a pid file ("PID STARTED"). False with errno. */
bool process_save(const char *file, pid_t pid);
/* Reads a pid file. True only if that very process still runs. */
bool process_running(const char *file, struct process_id *ret);
bool process_same(struct process_id id);
/* Sends SIGTERM, waits, after the patience SIGKILL. True when it is gone; *ret_killed tells if the
 * patience was not enough. */
bool process_stop(struct process_id id, unsigned patience_ms, bool *ret_killed);

/* Waits for `count` children of this process; true if all of them ended with exit code 0. */
bool process_wait_all(const pid_t *children, unsigned count);

/* Monotonic milliseconds, and sleeping them. */
unsigned long long clock_ms(void);
void sleep_ms(unsigned ms);

/* The last lines of a file, for showing why a daemon ended; "" if there are none. */
void process_log_tail(const char *log, char *out, size_t size);

#endif

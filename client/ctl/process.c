#include "client/ctl/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

unsigned long long clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (unsigned long long)now.tv_sec * 1000 + (unsigned long long)now.tv_nsec / 1000000;
}

void sleep_ms(unsigned ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&time, NULL);
}

/* In the child: standard input empty, both outputs to the log; then the program. */
static void child_become(const char *const argv[], const char *log)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (null < 0 || out < 0)
        return;
    if (dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        return;
    execv(argv[0], (char *const *)argv);
}

static int exit_code_of(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int wait_exit(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return 127;
    }
    return exit_code_of(status);
}

int process_run(const char *const argv[], const char *log)
{
    pid_t pid = fork();
    if (pid < 0)
        return 127;
    if (pid == 0) {
        child_become(argv, log);
        _exit(127);
    }
    return wait_exit(pid);
}

int process_capture(const char *const argv[], struct buffer *out)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return 127;
    pid_t pid = fork();
    if (pid == 0) {
        if (dup2(ends[1], 1) >= 0)
            execv(argv[0], (char *const *)argv);
        _exit(127);
    }
    close(ends[1]);
    static char chunk[1 << 16];
    ssize_t got = 0;
    /* To the end even when the buffer is full: the program must not die of our lack of room. */
    while (pid > 0 &&
           ((got = read(ends[0], chunk, sizeof chunk)) > 0 || (got < 0 && errno == EINTR))) {
        if (got > 0)
            put_raw(out, chunk, (size_t)got);
    }
    close(ends[0]);
    return pid > 0 ? wait_exit(pid) : 127;
}

pid_t process_daemon(const char *const argv[], const char *log)
{
    /* The pipe closes itself when the program starts; if it does not, the reason comes through. */
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        setsid();
        child_become(argv, log);
        int reason = errno;
        ssize_t ignored = write(ends[1], &reason, sizeof reason);
        (void)ignored;
        _exit(127);
    }
    close(ends[1]);
    int reason = errno;
    if (pid > 0 && read(ends[0], &reason, sizeof reason) > 0) {
        waitpid(pid, NULL, 0);
        pid = -1;
    }
    close(ends[0]);
    errno = reason;
    return pid;
}

/* State and start time of a process: fields 3 and 22 of its stat line, counted behind the name,
 * which may itself contain blanks and brackets. */
static bool stat_read(pid_t pid, char *ret_state, unsigned long long *ret_started)
{
    char file[64], line[1024];
    snprintf(file, sizeof file, "/proc/%ld/stat", (long)pid);
    FILE *f = fopen(file, "re");
    if (!f)
        return false;
    bool read = fgets(line, sizeof line, f) != NULL;
    fclose(f);
    const char *behind = read ? strrchr(line, ')') : NULL;
    return behind && sscanf(behind + 1,
                         " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
                         "%*s %llu",
                         ret_state, ret_started) == 2;
}

bool process_same(struct process_id id)
{
    char state = 0;
    unsigned long long started = 0;
    return stat_read(id.pid, &state, &started) && started == id.started && state != 'Z' &&
           state != 'X';
}

bool process_save(const char *file, pid_t pid)
{
    char state = 0;
    unsigned long long started = 0;
    if (!stat_read(pid, &state, &started))
        return false;
    FILE *f = fopen(file, "we");
    if (!f)
        return false;
    bool good = fprintf(f, "%ld %llu\n", (long)pid, started) > 0;
    return fclose(f) == 0 && good;
}

bool process_running(const char *file, struct process_id *ret)
{
    FILE *f = fopen(file, "re");
    if (!f)
        return false;
    long pid = 0;
    unsigned long long started = 0;
    int fields = fscanf(f, "%ld %llu", &pid, &started);
    fclose(f);
    if (fields != 2 || pid <= 1)
        return false;
    *ret = (struct process_id){.pid = (pid_t)pid, .started = started};
    return process_same(*ret);
}

static bool wait_gone(struct process_id id, unsigned patience_ms)
{
    unsigned long long until = clock_ms() + patience_ms;
    while (process_same(id)) {
        if (clock_ms() > until)
            return false;
        sleep_ms(20);
    }
    return true;
}

bool process_stop(struct process_id id, unsigned patience_ms, bool *ret_killed)
{
    *ret_killed = false;
    if (!process_same(id))
        return true;
    kill(id.pid, SIGTERM);
    kill(id.pid, SIGCONT); /* a stopped process could not hear it */
    if (wait_gone(id, patience_ms))
        return true;
    *ret_killed = true;
    kill(id.pid, SIGKILL);
    return wait_gone(id, 5000);
}

bool process_wait_all(const pid_t *children, unsigned count)
{
    bool good = true;
    for (unsigned i = 0; i < count; i++) {
        good &= wait_exit(children[i]) == 0;
    }
    return good;
}

void process_log_tail(const char *log, char *out, size_t size)
{
    out[0] = '\0';
    FILE *f = fopen(log, "re");
    if (!f)
        return;
    fseek(f, 0, SEEK_END);
    long end = ftell(f);
    long from = end > (long)size ? end - (long)size + 1 : 0;
    fseek(f, from, SEEK_SET);
    size_t got = fread(out, 1, size - 1, f);
    out[got] = '\0';
    fclose(f);
    char *first = from > 0 ? strchr(out, '\n') : NULL; /* not half a line */
    if (first)
        memmove(out, first + 1, strlen(first + 1) + 1);
}

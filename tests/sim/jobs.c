#include "tests/sim/jobs.h"

#include "tests/sim/sim.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define POLL_US 20000
#define PROGRESS_SECONDS 2.0

/* Of one process. */
struct job {
    pid_t pid;
    _Atomic uint64_t seeds; /* finished, */
    _Atomic uint64_t counts[COUNTS];
    _Atomic uint64_t seed; /* under way */
    char violation[VIOLATION_TEXT_MAX];
};

/* Shared with the processes. */
struct shared {
    _Atomic uint64_t next;
    struct job jobs[];
};

struct run {
    const struct options *options;
    const char *program;
    struct shared *shared;
    unsigned violations;
    double shown_seconds;
    double start_seconds;
};

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Cores are made and freed by the thousand: their memory stays with the process. */
static void keep_memory(void)
{
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
}

static void work(const struct options *o, struct shared *shared, struct job *job)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    keep_memory();
    violation_set_place(job->violation);
    struct sim *sim = sim_new();
    for (;;) {
        uint64_t seed = atomic_fetch_add(&shared->next, 1);
        if (seed > o->last)
            break;
        job->seed = seed;
        sim_run(sim, seed, o->faults);
        for (unsigned i = 0; i < COUNTS; i++)
            job->counts[i] += sim->counts.of[i];
        job->seeds++;
    }
    _exit(0);
}

static bool start(struct run *run, struct job *job)
{
    job->violation[0] = 0;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        work(run->options, run->shared, job);
    job->pid = pid; /* in shared memory: the parent's to write */
    return pid > 0;
}

/* ---- violations ---- */

/* The same seed once more, with a trace; it must find the same. */
static void show_again(const struct run *run, uint64_t seed)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        trace_mode = TRACE_TAIL;
        sim_run(sim_new(), seed, run->options->faults);
        printf("… which a second run of this seed does not show: something is not deterministic\n");
        fflush(stdout);
        _exit(0);
    }
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

static void report(struct run *run, struct job *job)
{
    run->violations++;
    uint64_t seed = job->seed;
    printf("VIOLATION  seed %llu  %s\n", (unsigned long long)seed,
        job->violation[0] != 0 ? job->violation : "the process died");
    printf("reproduce: %s --seed %llu --trace", run->program, (unsigned long long)seed);
    if (run->options->faults != 0)
        printf(" --faults %u", run->options->faults);
    printf("\n");
    show_again(run, seed);
    printf("\n");
    fflush(stdout);
    job->seeds++;
}

/* ---- watching ---- */

static void add_up(const struct run *run, struct jobs_result *ret)
{
    *ret = (struct jobs_result){
        .violations = run->violations, .seconds = seconds_now() - run->start_seconds};
    for (unsigned i = 0; i < run->options->jobs; i++) {
        ret->seeds += run->shared->jobs[i].seeds;
        for (unsigned j = 0; j < COUNTS; j++)
            ret->counts.of[j] += run->shared->jobs[i].counts[j];
    }
}

static void show_progress(struct run *run)
{
    struct jobs_result sum;
    if (run->options->quiet || seconds_now() - run->shown_seconds < PROGRESS_SECONDS)
        return;
    run->shown_seconds = seconds_now();
    add_up(run, &sum);
    fprintf(stderr, "%llu of %llu seeds, %u violations, %.2f million events/s\n",
        (unsigned long long)sum.seeds,
        (unsigned long long)(run->options->last - run->options->first + 1), sum.violations,
        (double)sum.counts.of[COUNT_EVENTS] / sum.seconds / 1e6);
}

/* Returns whether the process still runs, or another does in its place. */
static bool look_after(struct run *run, struct job *job)
{
    int status;
    pid_t pid = waitpid(job->pid, &status, WNOHANG);
    if (pid == 0 || (pid < 0 && errno == EINTR))
        return true;
    job->pid = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return false;
    report(run, job);
    return run->violations < run->options->violations_max && start(run, job);
}

static void stop_all(struct run *run)
{
    run->shared->next = run->options->last + 1;
    for (unsigned i = 0; i < run->options->jobs; i++) {
        struct job *job = &run->shared->jobs[i];
        if (job->pid <= 0)
            continue;
        kill(job->pid, SIGKILL);
        waitpid(job->pid, NULL, 0);
        job->pid = 0;
    }
}

static void watch(struct run *run)
{
    bool any = true;
    while (any && run->violations < run->options->violations_max) {
        any = false;
        for (unsigned i = 0;
             i < run->options->jobs && run->violations < run->options->violations_max; i++) {
            struct job *job = &run->shared->jobs[i];
            if (job->pid > 0)
                any = look_after(run, job) || any;
        }
        show_progress(run);
        usleep(any ? POLL_US : 0);
    }
    stop_all(run);
}

bool jobs_run(const struct options *options, const char *program, struct jobs_result *ret)
{
    size_t size = sizeof(struct shared) + options->jobs * sizeof(struct job);
    struct shared *shared =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return false;
    shared->next = options->first;
    struct run run = {.options = options,
        .program = program,
        .shared = shared,
        .start_seconds = seconds_now(),
        .shown_seconds = seconds_now()};
    bool started = true;
    for (unsigned i = 0; i < options->jobs; i++)
        started = start(&run, &shared->jobs[i]) && started;
    watch(&run);
    add_up(&run, ret);
    munmap(shared, size);
    return started;
}

#include "tests/sim/violation.h"

#include "tests/sim/sim.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static char *place;
static struct sim *current;

void violation_set_place(char *text)
{
    place = text;
}

static void show(struct sim *sim, const char *text)
{
    if (place != NULL)
        snprintf(place, VIOLATION_TEXT_MAX, "%s", text);
    trace_end(sim, text);
}

void violation(struct sim *sim, const char *checker, const char *format, ...)
{
    char text[VIOLATION_TEXT_MAX];
    int size = snprintf(text, sizeof text, "%s: ", checker);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + size, sizeof text - (size_t)size, format, arguments);
    va_end(arguments);
    show(sim, text);
    _exit(VIOLATION_EXIT);
}

/* The assertion's own text went to stderr. The process is as good as dead, and what is called here
 * was interrupted nowhere else than in abort() or at a wild access: good enough for a last word. */
static void on_abort(int signal_number)
{
    signal(signal_number, SIG_DFL);
    show(current, signal_number == SIGABRT ? "assertion: a core's own (its text stands above)"
                                           : "crash: a wild access");
    _exit(VIOLATION_EXIT);
}

void violation_catch_aborts(struct sim *sim)
{
    current = sim;
    signal(SIGABRT, on_abort);
    signal(SIGSEGV, on_abort);
}

/* What happened, for people: the last lines of a run, or all of them.
 *
 * Off, it costs one test of a flag. A violation is found without it, and the same seed is then run
 * again with it. */
#ifndef BYZ_TESTS_SIM_TRACE_H
#define BYZ_TESTS_SIM_TRACE_H

#include "common/message.h"

#include <stdbool.h>

struct sim;

enum trace_mode {
    TRACE_OFF = 0,
    TRACE_TAIL, /* keeps the last lines, prints them when a violation ends the run */
    TRACE_ALL,  /* prints every line */
};

extern enum trace_mode trace_mode;
#define TRACE_TAIL_LINES 80

#define TRACE(sim, ...)                                                                            \
    do {                                                                                           \
        if (__builtin_expect(trace_mode != TRACE_OFF, 0))                                          \
            trace_line((sim), __VA_ARGS__);                                                        \
    } while (0)

void trace_line(const struct sim *sim, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* "PREPARE v0 n7 4af1", for any message; static memory, valid until the next but three. */
const char *trace_message(enum message_type type, struct slice body);
const char *trace_record(int type);
/* "r3"; static memory. */
const char *trace_replica(unsigned replica);
/* Prints the tail and the last word. */
void trace_end(struct sim *sim, const char *text);

#endif

/* A broken promise of the code under test: it ends the process at once, after saying what and
 * where. The state stays as it was, for a debugger. */
#ifndef BYZ_TESTS_SIM_VIOLATION_H
#define BYZ_TESTS_SIM_VIOLATION_H

struct sim;

#define VIOLATION_TEXT_MAX 500
#define VIOLATION_EXIT 3

/* Where the text goes besides the trace (memory that the parent process sees); may be NULL. */
void violation_set_place(char *text);
/* `checker`: one word for which of them. */
void violation(struct sim *sim, const char *checker, const char *format, ...)
    __attribute__((noreturn, format(printf, 3, 4)));
/* Assertions of the core are violations as well. */
void violation_catch_aborts(struct sim *sim);

#endif

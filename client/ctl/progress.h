/* How far a long piece of work is: a bar on a terminal, a line per tenth elsewhere. */
#ifndef BYZ_CLIENT_CTL_PROGRESS_H
#define BYZ_CLIENT_CTL_PROGRESS_H

#include <stdbool.h>

struct progress {
    const char *what; /* borrowed */
    unsigned long long total;
    unsigned tenths_shown;
    unsigned long long begun_ms;
    unsigned long long shown_ms;
    bool terminal;
    bool quiet;
};

void progress_start(struct progress *p, const char *what, unsigned long long total, bool quiet);
void progress_show(struct progress *p, unsigned long long done);
/* Takes the bar away, so that a message can stand in its place. */
void progress_clear(struct progress *p);

#endif

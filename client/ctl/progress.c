#include "client/ctl/progress.h"

#include "client/ctl/process.h"

#include <stdio.h>
#include <unistd.h>

#define BAR_CELLS 40
#define REDRAW_MS 100

void progress_start(struct progress *p, const char *what, unsigned long long total, bool quiet)
{
    *p = (struct progress){.what = what,
        .total = total ? total : 1,
        .begun_ms = clock_ms(),
        .terminal = isatty(STDERR_FILENO) == 1,
        .quiet = quiet};
}

static void draw(struct progress *p, unsigned long long done, double seconds)
{
    char bar[BAR_CELLS + 1];
    unsigned filled = (unsigned)(done * BAR_CELLS / p->total);
    for (unsigned i = 0; i < BAR_CELLS; i++)
        bar[i] = i < filled ? '#' : '.';
    bar[BAR_CELLS] = '\0';
    fprintf(stderr, "\r%s [%s] %llu/%llu  %.0f/s ", p->what, bar, done, p->total,
        seconds > 0 ? (double)done / seconds : 0.0);
}

void progress_show(struct progress *p, unsigned long long done)
{
    if (p->quiet)
        return;
    unsigned long long now = clock_ms();
    double seconds = (double)(now - p->begun_ms) / 1000;
    if (p->terminal) {
        if (now - p->shown_ms < REDRAW_MS && done < p->total)
            return;
        p->shown_ms = now;
        draw(p, done, seconds);
        return;
    }
    unsigned tenths = (unsigned)(done * 10 / p->total);
    if (tenths > p->tenths_shown) {
        p->tenths_shown = tenths;
        fprintf(stderr, "%s: %u %% (%llu of %llu, %.1f s)\n", p->what, tenths * 10, done, p->total,
            seconds);
    }
}

void progress_clear(struct progress *p)
{
    if (p->terminal && !p->quiet)
        fputs("\r\033[K", stderr);
}

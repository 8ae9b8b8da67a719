#include "tests/bench/system.h"

#include <string.h>
#include <time.h>

const struct system *system_find(const char *name)
{
    static const struct system *const systems[] = {
        &system_byzantium, &system_single, &system_pipelined, &system_interactive};
    for (size_t i = 0; i < sizeof systems / sizeof systems[0]; i++) {
        if (strcmp(systems[i]->name, name) == 0)
            return systems[i];
    }
    return NULL;
}

uint64_t clock_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void phase_end(struct tally *tally, enum phase phase, uint64_t *mark)
{
    uint64_t now = clock_us();
    tally->phase_us[phase] += now - *mark;
    *mark = now;
}

bool sqlstate_is_conflict(const char *sqlstate)
{
    return strcmp(sqlstate, "40001") == 0 || strcmp(sqlstate, "40P01") == 0;
}

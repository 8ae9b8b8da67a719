/* malloc and its kin are wrapped by the linker (--wrap), for everything that is linked statically:
 * the core and what it uses of common/. */
#include "tests/sim/check_memory.h"

#include "tests/sim/sim.h"

#include <stdlib.h>

#define EVENTS_MAX 20000000
#define BODIES_BYTES_MAX (UINT64_C(256) << 20)

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static bool stepping;
static unsigned allocations;

void *__wrap_malloc(size_t size)
{
    allocations += stepping;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    allocations += stepping;
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    allocations += stepping;
    return __real_realloc(memory, size);
}

void check_memory_start(struct sim *sim)
{
    sim->memory = (struct check_memory){0};
}

/* Real cryptography allocates inside OpenSSL, which is not wrapped, and in our calls of it. */
void check_memory_step(struct sim *sim, bool begins)
{
    stepping = begins && !sim->plan.real_crypto;
    if (allocations > 0)
        violation(sim, "memory", "a core allocates memory within a step");
}

void check_memory_audit(struct sim *sim)
{
    uint64_t bytes = body_live_bytes();
    if (bytes > sim->memory.bodies_max)
        sim->memory.bodies_max = bytes;
    if (bytes > BODIES_BYTES_MAX)
        violation(sim, "memory", "messages and records take %llu bytes", (unsigned long long)bytes);
    if (sim->counts.of[COUNT_EVENTS] > EVENTS_MAX)
        violation(sim, "memory", "work without end: %llu events",
            (unsigned long long)sim->counts.of[COUNT_EVENTS]);
}

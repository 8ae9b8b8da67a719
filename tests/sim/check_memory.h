/* Bounded memory and bounded work: a core never allocates within a step (all its memory was
 * allocated from its options), and what a run keeps in flight and does stays below a ceiling. */
#ifndef BYZ_TESTS_SIM_CHECK_MEMORY_H
#define BYZ_TESTS_SIM_CHECK_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

struct sim;

struct check_memory {
    uint64_t bodies_max; /* bytes */
};

void check_memory_start(struct sim *sim);
/* Around a core's step. */
void check_memory_step(struct sim *sim, bool begins);
/* From time to time. */
void check_memory_audit(struct sim *sim);

#endif

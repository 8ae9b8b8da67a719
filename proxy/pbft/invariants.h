/* What must hold between any two steps, whatever the others did. A violation is our own bug. */
#ifndef BYZ_PROXY_PBFT_INVARIANTS_H
#define BYZ_PROXY_PBFT_INVARIANTS_H

struct pbft;

/* After each step: the counters, and one slot in turn. */
void invariants_check(struct pbft *core);
/* All slots; for tests. */
void invariants_check_all(const struct pbft *core);

#endif

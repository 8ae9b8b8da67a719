#include "tests/sim/counts.h"

const char *count_name(enum count count)
{
    static const char *const names[COUNTS] = {"events", "messages", "batches final",
        "requests believed", "view changes", "new views", "new views forged",
        "batches carried over", "lies", "hidden certificates shown", "evidence",
        "checkpoints stable", "crashes", "logs lost", "batches from logs"};
    return names[count];
}

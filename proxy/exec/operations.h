/* Operations that cannot run yet, copied, within a ceiling of bytes for all of them. */
#ifndef BYZ_PROXY_EXEC_OPERATIONS_H
#define BYZ_PROXY_EXEC_OPERATIONS_H

#include "common/limits.h"
#include "common/message.h"

struct waiting_operation {
    unsigned client;
    struct result_key key;
    struct statement statement; /* into `bytes` */
    double deadline;            /* of the loop's time; the queue's user sets and reads it */
    struct waiting_operation *next;
    size_t size;
    uint8_t bytes[];
};

struct operation_queue {
    struct waiting_operation *first;
    struct waiting_operation **last;
    unsigned count;
};

/* One client must leave room for the others. */
#define OPERATIONS_CLIENT_SHARE 8

/* Bytes of all waiting operations, in all queues. */
struct operation_budget {
    size_t bytes;
    size_t bytes_max;
    size_t of_client[CLIENT_KEYS_MAX]; /* each up to bytes_max / OPERATIONS_CLIENT_SHARE */
};

void operations_init(struct operation_queue *queue);
/* Copies. NULL: beyond the budget or the client's share of it, or out of memory. */
struct waiting_operation *operations_push(struct operation_queue *queue,
    struct operation_budget *budget, unsigned client, const struct operation *operation);
/* Takes out the operation behind `at` (which is &queue->first or &previous->next); the caller frees
 * it with operation_free. */
struct waiting_operation *operations_remove(
    struct operation_queue *queue, struct waiting_operation **at);
void operation_free(struct operation_budget *budget, struct waiting_operation *operation);

#endif

/* The daemon's heart: agreement core, durable log, executor and network in one event loop.
 *
 * Persist before send. An update's records go into the log's open transaction and its messages into
 * the links' queues as soon as the core returns it; nothing leaves the process until the end of the
 * loop's iteration (settle in driver.c), which first flushes the log, if any record asked for it,
 * then hands batches to the executor, then lets the links write. So every message and every batch
 * leaves after every record that was written before it: a stronger order than struct pbft_update
 * demands, and one flush serves all steps of an iteration. */
#ifndef BYZ_PROXY_DRIVER_H
#define BYZ_PROXY_DRIVER_H

#include "common/config.h"
#include "common/crypto.h"

struct ev_loop;
struct driver;

/* How the process ends (docs/architecture.md). */
enum proxy_exit {
    PROXY_EXIT_OK = 0,
    PROXY_EXIT_FAILURE = 1,
    PROXY_EXIT_USAGE = 2,
    PROXY_EXIT_POSTGRES = 3, /* PostgreSQL differs from the configuration */
};

struct driver_options {
    const struct config *config;
    unsigned self;
    const struct private_key *key;
    const char *store_path;
    size_t store_bytes;
    bool lost_log;           /* if there is no log, it was lost */
    const char *postgres;    /* conninfo */
    const char *status_file; /* or NULL */
};

/* Opens and restores the log, starts executor and network. NULL with a message. What `options`
 * points to must outlive it. */
struct driver *driver_new(
    struct ev_loop *loop, const struct driver_options *options, char *ret_error, size_t error_size);
/* Runs until driver_stop or a failure. */
enum proxy_exit driver_run(struct driver *driver);
/* Ends in order: takes nothing new from clients, finishes the batch in work, flushes, says goodbye.
 * A second call ends at once. */
void driver_stop(struct driver *driver);
void driver_free(struct driver *driver);

#endif

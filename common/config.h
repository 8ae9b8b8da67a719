/* The cluster's configuration: one file, the same on every node, without secrets.
 *
 *     cluster "bank" {
 *         faults = 1                    # f; there must be 3f+1 replicas
 *         database = "bank"
 *         checkpoint_interval = 64
 *         ...
 *     }
 *     replica "0" { host = "127.0.0.1" port = 7400 public_key = "<64 hex digits>" }
 *     client "demo" { public_key = "<64 hex digits>" }
 *     setting "work_mem" { value = "4MB" }   # must be equal in every replica's PostgreSQL
 *
 * Parsed with libconfuse. Errors name file and line. Two digests of the canonical content (not of
 * the file's bytes) matter. The identity says which cluster this is: stores, databases and
 * signatures are bound to it, so that they outlive a change of limits, addresses or clients. The
 * digest covers everything: links carry it, so that nodes with different files do not work
 * together. */
#ifndef BYZ_COMMON_CONFIG_H
#define BYZ_COMMON_CONFIG_H

#include "common/codec.h"
#include "common/limits.h"

#define SETTINGS_MAX 128
#define HOST_BYTES_MAX 255
#define SETTING_VALUE_BYTES_MAX 255

struct config_replica {
    char host[HOST_BYTES_MAX + 1];
    uint16_t port;
    uint8_t public_key[PUBLIC_KEY_BYTES];
};

struct config_client {
    char name[NAME_BYTES_MAX + 1];
    uint8_t public_key[PUBLIC_KEY_BYTES];
};

struct config_setting {
    char name[NAME_BYTES_MAX + 1];
    char value[SETTING_VALUE_BYTES_MAX + 1];
};

struct config {
    char name[NAME_BYTES_MAX + 1];
    char database[NAME_BYTES_MAX + 1];
    unsigned faults;        /* f */
    unsigned replica_count; /* 3f+1 */
    unsigned client_count;
    unsigned setting_count;

    /* agreement; the default in brackets */
    unsigned window;                /* [256] sequence numbers between the water marks */
    unsigned checkpoint_interval;   /* [64] batches; window >= 2 * checkpoint_interval */
    unsigned batch_requests_max;    /* [64] */
    unsigned batch_bytes_max;       /* [1 MiB + 4 KiB] holds at least one request of any size */
    unsigned batches_in_flight_max; /* [2] proposed and not yet executed */
    unsigned clock_skew_ms_max;     /* [10000] a backup refuses batches further from its clock */
    unsigned heartbeat_ms;  /* [250] status messages; empty batches while transactions are open */
    unsigned retransmit_ms; /* [200] */
    unsigned view_change_timeout_ms;  /* [300] without progress: the primary is replaced */
    unsigned sessions_per_client_max; /* [256] remembered for exactly-once */
    unsigned log_batches_max;         /* [1000000] kept in the durable log for others */

    /* execution */
    unsigned transactions_max;            /* [1000] open at once, in all */
    unsigned transactions_per_client_max; /* [500] */
    unsigned transaction_timeout_ms;      /* [60000] of agreed time; then it is rolled back */
    unsigned operations_max;              /* [10000] in one transaction */
    unsigned result_bytes_max;            /* [16 MiB] */
    unsigned statement_timeout_ms;        /* [30000] an operation on the coordinator */
    unsigned lock_patience_ms;            /* [2] before the order looks for who holds its lock */
    unsigned sessions_max;                /* [48] PostgreSQL sessions of one replica */

    struct config_replica replicas[REPLICAS_MAX];
    struct config_client *clients; /* client_count of them, owned */
    struct config_setting settings[SETTINGS_MAX];
    uint8_t identity[DIGEST_BYTES]; /* who the cluster is: name, faults, replicas' keys */
    uint8_t digest[DIGEST_BYTES];   /* of everything: every node must run the same file */
};

/* Reads and checks a file. On failure returns NULL and writes a one-line message beginning
 * "file:line: " (or "file: " where no line applies). Refuses: n != 3f+1, replicas not numbered
 * 0…n-1, a missing or malformed key, a key used twice (by replicas or clients), an address used
 * twice, a limit out of range or contradicting another, unknown options. */
struct config *config_load(const char *path, char *ret_error, size_t error_size);
void config_free(struct config *config);

/* Index of the client with this name, or -1. */
int config_client_index(const struct config *config, const char *name);
/* Writes a complete, commented file that config_load reads back to the same digest (byzctl init).
 * Returns false with a message when the file cannot be written; refuses to overwrite. */
bool config_save(const struct config *config, const char *path, char *ret_error, size_t error_size);
/* Fills in the defaults; replicas, clients and settings stay empty. */
void config_defaults(struct config *config);

#endif

/* A whole cluster in one process and in virtual time: cores, network, disks, executors, clients.
 *
 * Deterministic: everything follows from the options. The checkers watch every correct replica from
 * outside the code under test: one batch per sequence number, each request executed once, no
 * promise sent before it is flushed, no replica contradicts itself in all its lives, no evidence
 * against a correct one. They end the process with the seed when they fail. */
#ifndef BYZ_TESTS_PBFT_WORLD_H
#define BYZ_TESTS_PBFT_WORLD_H

#include "proxy/pbft/pbft.h"
#include "tests/unit/pbft/disk.h"
#include "tests/unit/pbft/fake_crypto.h"
#include "tests/unit/pbft/statements.h"

#define WORLD_SEQ_MAX 8192
#define WORLD_CLIENTS_MAX 16
#define WORLD_CLOCK_US UINT64_C(1700000000000000)
#define WORLD_SKEW_US 1000000

enum conduct {
    CONDUCT_INVALID = 0,
    CONDUCT_CORRECT,
    CONDUCT_SILENT,      /* receives, says nothing */
    CONDUCT_GARBAGE,     /* random bytes, and its own messages damaged */
    CONDUCT_LIAR,        /* well-formed, well-signed, wrong: other digests, two prepares */
    CONDUCT_EQUIVOCATOR, /* as primary: different proposals to different backups */
    CONDUCT_AHEAD,       /* as primary: proposes times far ahead of the clocks */
    CONDUCT_SCHEMER,     /* lies in view changes: hides, forges, suspects all the time */
};

struct world_options {
    unsigned faults;
    uint64_t seed;
    unsigned window;
    unsigned interval;
    unsigned in_flight;
    unsigned loss_percent;
    unsigned duplicate_percent;
    uint64_t latency_us_min;
    uint64_t latency_us_max;
    uint64_t execution_us;
    bool trace;
};

/* One session of a client key that keeps one request under way. */
struct world_client {
    unsigned key;
    uint64_t session;
    uint64_t number; /* the request under way, or the last believed one */
    unsigned wanted; /* requests still to be made after it */
    bool waiting;
    uint64_t repeat_us;
    uint32_t replied; /* mask of replicas */
    uint64_t result[REPLICAS_MAX];
};

/* What a replica's database came to: a hash over all that it executed. */
struct world_app {
    uint64_t hash;
    uint64_t count;
};

struct world_node {
    enum conduct conduct;
    bool up;
    bool cut_off; /* no message reaches or leaves it */
    unsigned incarnation;
    struct pbft *core;
    struct fake_signer signer;
    struct disk disk;
    struct statements *said; /* everything, in all its lives */
    struct world_app app;
    uint64_t executor_free_us; /* when the batch before is done */
    uint64_t clock_offset_us;
    unsigned invalid_count;
    unsigned fetch_count;
    unsigned delivered_count; /* since its last start */
    unsigned evidence_count;  /* against others */
    struct status traced;     /* its last STATUS that stands in the trace */
    bool lost_log;            /* its disk is empty, and it knows */
};

struct world_event;

struct world {
    struct world_options options;
    unsigned n;
    uint64_t now_us;
    uint64_t random;
    struct world_node nodes[REPLICAS_MAX];
    struct world_client clients[WORLD_CLIENTS_MAX];
    unsigned client_count;
    bool more_time;           /* what every executor says */
    unsigned sent_count[256]; /* messages by type, of all replicas */
    /* Loses a message when it returns true; may be NULL. */
    bool (*lose)(const struct world *w, unsigned from, unsigned to, enum message_type type);
    /* what correct replicas delivered, and executed */
    uint8_t agreed[WORLD_SEQ_MAX][DIGEST_BYTES];
    bool is_agreed[WORLD_SEQ_MAX];
    uint64_t agreed_us;   /* time of the latest */
    unsigned contributed; /* batches with contributions to the seed */
    uint64_t *executed;   /* hashes of request names */
    size_t executed_count;
    /* the future */
    struct world_event *heap;
    size_t heap_count;
    size_t heap_capacity;
    uint64_t order;
    struct buffer trace;
    struct pbft_update update;
};

struct world *world_new(const struct world_options *options);
void world_free(struct world *w);
uint64_t world_random(struct world *w, uint64_t below);

void world_run(struct world *w, uint64_t until_us);
/* Makes `count` requests of this session, one after another. */
void world_ask(struct world *w, unsigned client, unsigned count);
void world_add_client(struct world *w, unsigned key, uint64_t session);
void world_crash(struct world *w, unsigned replica);
void world_restart(struct world *w, unsigned replica);
/* A crashed replica's disk is lost, too. */
void world_lose_log(struct world *w, unsigned replica);
bool world_clients_done(const struct world *w);
struct pbft_info world_info(const struct world *w, unsigned replica);
/* A line of the trace that the scenario itself says. */
void world_note(struct world *w, const char *text);

/* ---- between the parts of the world ---- */

enum world_event_kind {
    WORLD_EVENT_INVALID = 0,
    WORLD_MESSAGE,
    WORLD_REQUEST,
    WORLD_REPLY,
    WORLD_EXECUTED,
};

struct world_event {
    uint64_t at_us;
    uint64_t order;
    enum world_event_kind kind;
    unsigned from;
    unsigned to;
    unsigned incarnation;   /* of a node, for what must not outlive it */
    enum message_type type; /* WORLD_MESSAGE */
    uint64_t seq;           /* WORLD_EXECUTED */
    bool checkpoint;
    struct world_app app;
    struct buffer bytes;
};

void world_fail(const struct world *w, const char *what) __attribute__((noreturn));
void world_trace(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
void world_trace_send(struct world *w, unsigned from, const struct pbft_send *send);
void world_trace_record(struct world *w, unsigned replica, const struct pbft_record *record);
/* The checker of what a correct replica sends. */
void world_check_promises(struct world *w, unsigned replica, const struct pbft_update *update);
/* Sends over the network: latency, loss, duplication. */
void world_post(struct world *w, struct world_event event, struct slice bytes);
void world_step(struct world *w, unsigned replica, struct pbft_event event);
/* What a replica sends, as its conduct makes it. */
void world_conduct_send(struct world *w, unsigned from, const struct pbft_send *send);
void world_transmit(
    struct world *w, unsigned from, unsigned to, enum message_type type, struct slice body);

void world_client_tick(struct world *w);
uint64_t world_client_deadline(const struct world *w);
void world_client_reply(struct world *w, unsigned replica, unsigned client, struct slice body);

void world_execute(struct world *w, unsigned replica, const struct pbft_delivery *delivery);
void world_executed(struct world *w, const struct world_event *event);

#endif

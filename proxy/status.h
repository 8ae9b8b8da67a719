/* What a replica says about itself: "name=value" lines, for byzctl and for people. */
#ifndef BYZ_PROXY_STATUS_H
#define BYZ_PROXY_STATUS_H

#include "proxy/exec/exec.h"
#include "proxy/net/net.h"

#define STATUS_TEXT_BYTES_MAX (64u << 10)

/* Messages that were dropped, by kind; each kind is a line. */
enum drop_kind {
    DROP_INVALID = 0,
    DROP_AGREEMENT,  /* a replica's message that the core calls a lie */
    DROP_UNEXPECTED, /* a type that its sender may not send */
    DROP_MALFORMED,
    DROP_FOREIGN, /* a client's request in another client's name */
    DROP_BUSY,    /* no room for a request */
    DROP_FETCH,   /* a FETCH beyond the sender's share */
    DROP_NO_LINK, /* a reply for a session without a link */
    DROP_COUNT,
};

struct status_facts {
    const struct config *config;
    unsigned self;
    const struct pbft *core;
    const struct exec *exec;
    const struct net *net;
    const char *diverged; /* reason or NULL */
    bool stopping;
    unsigned waiting;  /* delivered batches that the executor has not taken */
    unsigned evidence; /* files of it */
    uint64_t uptime_s;
    uint64_t flushes;
    uint64_t steps;
    const uint64_t *dropped; /* DROP_COUNT of them */
};

/* One word for the whole, and why it is not the best one. */
const char *status_state(const struct status_facts *facts, const struct exec_info *exec);
const char *status_reason(const struct status_facts *facts, const struct exec_info *exec);
/* What the executor says of itself, and how far it is by the log. */
void status_exec(const struct status_facts *facts, struct exec_info *ret);
/* Appends the text. */
void status_text(const struct status_facts *facts, struct buffer *b);

#endif

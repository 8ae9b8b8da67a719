/* A link of a client or a replica, without their programs: for tests that send what no correct one
 * sends.
 * Plain and blocking, with a time limit for everything together. */
#ifndef BYZ_TESTS_SYSTEM_RAW_LINK_H
#define BYZ_TESTS_SYSTEM_RAW_LINK_H

#include "common/config.h"
#include "common/message.h"
#include "common/tls.h"

struct raw_link;

/* Connects, proves the key, exchanges HELLOs. `key` is that of config's client or replica `id`.
 * NULL with a message. */
struct raw_link *raw_link_open_as(const struct config *config, const struct private_key *key,
    enum hello_role role, unsigned id, unsigned replica, unsigned timeout_ms, char *ret_error,
    size_t error_size);
/* … as a client. */
struct raw_link *raw_link_open(const struct config *config, const struct private_key *key,
    unsigned client, unsigned replica, unsigned timeout_ms, char *ret_error, size_t error_size);
void raw_link_close(struct raw_link *link);
/* False with a message when the link broke or the time is over. */
bool raw_link_send(struct raw_link *link, enum message_type type, struct slice body,
    char *ret_error, size_t error_size);
/* Bytes as they are, without a frame. */
bool raw_link_write(struct raw_link *link, const void *data, size_t size);
/* The next message; the body is valid until the next call. */
bool raw_link_receive(struct raw_link *link, uint8_t *ret_type, struct slice *ret_body,
    char *ret_error, size_t error_size);

#endif

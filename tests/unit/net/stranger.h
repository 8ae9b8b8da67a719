/* The other end of a link in tests: TLS with any key, and any bytes over it. Whoever waits for it
 * turns the loop under test meanwhile. */
#ifndef BYZ_TESTS_STRANGER_H
#define BYZ_TESTS_STRANGER_H

#include "common/config.h"
#include "common/message.h"
#include "proxy/net/frame.h"

#include <openssl/types.h>

struct stranger {
    int fd;
    SSL_CTX *context;
    SSL *ssl;
    struct frame_input input;
    uint8_t bytes[4096];
    struct slice left; /* of bytes, not yet taken */
    void (*turn)(void);
};

/* Connects TCP alone. */
void stranger_connect(struct stranger *s, uint16_t port, void (*turn)(void));
/* TLS on top. False: the handshake failed. */
bool stranger_handshake(
    struct stranger *s, const struct config *config, const struct private_key *key);
bool stranger_hello(
    struct stranger *s, const struct config *config, enum hello_role role, unsigned id);
/* Sends all of it, or until the other end closes (false) or does not read for a second (false). */
bool stranger_write(struct stranger *s, const void *bytes, size_t size);
bool stranger_send(struct stranger *s, uint8_t type, struct slice body);
/* The next frame; false: the link ended, or nothing came for two seconds. */
bool stranger_receive(struct stranger *s, struct frame *ret);
/* Waits for a GOODBYE (other frames are passed over) and copies its SQLSTATE. */
bool stranger_goodbye(struct stranger *s, char ret_sqlstate[static 6]);
void stranger_close(struct stranger *s);

#endif

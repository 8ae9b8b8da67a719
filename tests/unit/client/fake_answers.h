/* What a pretended replica answers. They return false when the link is to be closed. */
#ifndef BYZ_FAKE_ANSWERS_H
#define BYZ_FAKE_ANSWERS_H

#include "common/message.h"
#include "tests/unit/client/fake_cluster.h"

#include <openssl/types.h>

bool fake_answer_request(struct fake_link *link, SSL *ssl, struct slice body);
bool fake_answer_operation(struct fake_link *link, SSL *ssl, struct slice body);
bool fake_answer_query(struct fake_link *link, SSL *ssl, struct slice body);
bool fake_answer_status(struct fake_link *link, SSL *ssl);

/* fake_cluster.c */
bool fake_send(SSL *ssl, enum message_type type, const struct buffer *body);
bool fake_send_raw(SSL *ssl, const void *data, size_t size);

#endif

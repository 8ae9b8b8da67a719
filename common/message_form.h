/* Checks that the decoders of several messages share; nothing outside common/message*.c needs them.
 */
#ifndef BYZ_COMMON_MESSAGE_FORM_H
#define BYZ_COMMON_MESSAGE_FORM_H

#include "common/codec.h"

#define SQLSTATE_BYTES 5

/* Why an encoding is invalid although every field so far was in range. */
#define REASON_TRUNCATED "truncated, or a field is longer than its limit"
#define REASON_TRAILING "bytes follow the message's end"

/* Ends a body: NULL when everything was read and nothing is left. */
const char *form_end(const struct reader *r);
/* Rejects for `reason`; the reader yields nothing more, even to a caller that goes on. */
const char *form_reject(struct reader *r, const char *reason);

/* PostgreSQL's text never contains NUL, and libpq would cut it there. */
bool form_is_text(struct slice text);
/* Five characters out of 0-9 and A-Z. */
bool form_is_sqlstate(const char sqlstate[static SQLSTATE_BYTES]);
bool form_is_success(const char sqlstate[static SQLSTATE_BYTES]); /* "00000" */

/* Appends text for people, cut to size_max bytes at a character's boundary: a long error text must
 * not make the message invalid. */
void form_put_text(struct buffer *b, struct slice text, size_t size_max);

#endif

/* Decodes any message by its type and encodes it again from its parts: what the fuzzer and the unit
 * tests check of every message. */
#ifndef BYZ_TESTS_FUZZ_MESSAGE_RECODE_H
#define BYZ_TESTS_FUZZ_MESSAGE_RECODE_H

#include "common/codec.h"

/* Types of things that stand inside messages, beyond all real message types. */
#define RECODE_ORDER 240
#define RECODE_OUTCOME 241
#define RECODE_EPOCH_ANSWER 242

/* NULL when the body is valid: then ret holds its encoding anew, put together from the smallest
 * parts that decoding yields. Else the decoder's reason, or "no such message". */
const char *message_recode(uint8_t type, struct slice body, struct buffer *ret);

#endif

/* Valid messages of every type: the seeds of the fuzzer's corpus, and what the unit tests cut,
 * lengthen and bend. */
#ifndef BYZ_TESTS_FUZZ_MESSAGE_SAMPLES_H
#define BYZ_TESTS_FUZZ_MESSAGE_SAMPLES_H

#include "common/codec.h"

#define MESSAGE_SAMPLES 36

/* Encodes sample `index` (cleared first); returns its name, a file name. */
const char *message_sample(unsigned index, uint8_t *ret_type, struct buffer *body);

#endif

/* libFuzzer's entry point. */
#ifndef BYZ_TESTS_FUZZ_FUZZ_MESSAGE_H
#define BYZ_TESTS_FUZZ_FUZZ_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif

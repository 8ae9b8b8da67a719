/* Valid evidence of every kind: the seeds of the fuzzer's corpus, and what the unit tests bend. */
#ifndef BYZ_TESTS_FUZZ_EVIDENCE_SAMPLES_H
#define BYZ_TESTS_FUZZ_EVIDENCE_SAMPLES_H

#include "common/evidence.h"

#define EVIDENCE_SAMPLES 6
#define EVIDENCE_SAMPLE_REPLICA 2

/* Encodes the statement of kind `index` about view, number and content, signed by `key`. */
void evidence_sample_statement(unsigned index, const struct private_key *key,
    const uint8_t cluster[static DIGEST_BYTES], uint64_t view, uint64_t number, uint8_t content,
    struct evidence_statement *ret);
/* Two of them that contradict each other. Returns the kind's word. */
const char *evidence_sample(unsigned index, const struct private_key *key,
    const uint8_t cluster[static DIGEST_BYTES], struct evidence *ret);

#endif

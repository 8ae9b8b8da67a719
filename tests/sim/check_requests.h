/* What clients may rely on: only what a client made is executed, once, in the order of its numbers;
 * every reply of a correct replica says what was executed; what a client was told stays so. */
#ifndef BYZ_TESTS_SIM_CHECK_REQUESTS_H
#define BYZ_TESTS_SIM_CHECK_REQUESTS_H

#include "proxy/pbft/pbft.h"
#include "tests/sim/map.h"

struct sim;

struct check_requests {
    struct map made;     /* hashes of name and body; faulty clients' too */
    struct map executed; /* name → number of its batch; and the name's own hash → its result */
    struct map sessions; /* → last number executed */
    uint64_t believed_seq; /* the highest batch that some client knows to be executed */
};

void check_requests_start(struct sim *sim);
void check_requests_made(struct sim *sim, const struct request *request);
/* The first correct replica delivers this batch. */
void check_requests_ordered(struct sim *sim, const struct pbft_delivery *delivery);
void check_requests_reply(struct sim *sim, unsigned replica, unsigned client, struct slice body);
void check_requests_believed(
    struct sim *sim, unsigned client, uint64_t session, uint64_t number, uint64_t result);
uint64_t check_requests_result_hash(struct slice result);

#endif

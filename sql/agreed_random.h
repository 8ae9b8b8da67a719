/* Random numbers that are equal on all replicas: one stream a transaction, from the agreed seed.
 * Clients may learn the seed when the transaction has begun: nothing secret may rest on them. */
#ifndef BYZ_SQL_AGREED_RANDOM_H
#define BYZ_SQL_AGREED_RANDOM_H

#include "postgres.h"

/* The stream starts (again). Fewer bytes than 16 are taken as followed by zeros. */
void agreed_random_start(const uint8 *seed, size_t size);
/* setseed(): the client's own choice of the stream. */
void agreed_random_set(double seed);

double agreed_random_double(void); /* from 0, below 1 */
void agreed_random_bytes(uint8 *out, size_t size);

#endif

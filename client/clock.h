/* The two clocks of the client. Deadlines are points of monotonic time in microseconds. */
#ifndef BYZ_CLIENT_CLOCK_H
#define BYZ_CLIENT_CLOCK_H

#include <stdint.h>

uint64_t clock_now_us(void);              /* monotonic: deadlines */
uint64_t clock_utc_us(void);              /* wall clock, since 1970: session numbers */
uint64_t clock_after_s(unsigned seconds); /* the deadline that many seconds from now */

#endif

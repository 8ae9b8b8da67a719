/* Which statements that are not queries clients may run. */
#ifndef BYZ_SQL_UTILITY_H
#define BYZ_SQL_UTILITY_H

void utility_init(void);

#endif

/* Which functions client statements may run. */
#ifndef BYZ_SQL_FUNCTIONS_H
#define BYZ_SQL_FUNCTIONS_H

/* Installs the hooks that see every function before it runs. */
void functions_init(void);

#endif

/* How the guard says no: SQLSTATE 0A000, what was refused, and what to write instead. */
#ifndef BYZ_SQL_REFUSE_H
#define BYZ_SQL_REFUSE_H

#include "postgres.h"

/* Raises the error. `hint` may be NULL. */
void refuse(const char *hint, const char *format, ...)
    __attribute__((__format__(__printf__, 2, 3), __noreturn__));

#endif

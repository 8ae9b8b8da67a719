/* Judging the queries that client statements plan and run. */
#ifndef BYZ_SQL_QUERIES_H
#define BYZ_SQL_QUERIES_H

#include "postgres.h"

void queries_init(void);

/* While true, what SELECT returns is stored (CREATE TABLE AS). Returns the former value. */
bool queries_set_storing(bool storing);

#endif

/* Judging the queries that client statements plan and run. */
#ifndef BYZ_SQL_QUERIES_H
#define BYZ_SQL_QUERIES_H

#include "postgres.h"

void queries_init(void);

/* Around what may plan and run queries inside. queries_enter returns what queries_leave wants. */
int queries_enter(void);
void queries_leave(int before);
/* Does what runs belong to a query inside another statement? */
bool queries_are_nested(void);

/* From here on, if `stores`, what SELECT returns is stored (CREATE TABLE AS). Returns what
 * queries_end_storing wants. */
bool queries_begin_storing(bool stores);
void queries_end_storing(bool before);

#endif

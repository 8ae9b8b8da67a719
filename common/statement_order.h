/* Does a statement ask for its rows in an order? Client and replicas must say the same of the same
 * text, because the hash of the result depends on it (result_hash.h): a pure function of the text.
 */
#ifndef BYZ_COMMON_STATEMENT_ORDER_H
#define BYZ_COMMON_STATEMENT_ORDER_H

#include "common/codec.h"

/* True if the words ORDER BY stand outside parentheses, strings, quoted names and comments. Any
 * text has an answer, also one that PostgreSQL will not take. */
bool statement_is_ordered(struct slice text);

#endif

/* The transaction's list: opsAndHRes of the paper's figure 2. Every operation with the hash of the
 * result that the client received, in the encoding that a COMMIT carries. */
#ifndef BYZ_CLIENT_LIST_H
#define BYZ_CLIENT_LIST_H

#include "common/message.h"

struct list;

struct list *list_new(unsigned entries_max); /* NULL: out of memory */
void list_free(struct list *list);
void list_clear(struct list *list);

unsigned list_count(const struct list *list);
/* The encoded entries, one after another. Borrowed until the list changes. */
struct slice list_entries(const struct list *list);

/* NULL if an entry for this statement still fits into the list and into a COMMIT; else why not.
 * Asked before the statement is sent: what cannot be committed need not be executed. */
const char *list_refusal(const struct list *list, const struct statement *statement);
/* Appends a copy. False: out of memory. The entry must fit. */
bool list_add(struct list *list, const struct entry *entry);
/* Slices borrow from the list until it changes. */
void list_get(const struct list *list, unsigned index, struct entry *ret);
/* All results have been computed again, alike, by this replica. False: out of memory. */
bool list_set_executor(struct list *list, unsigned executor);

#endif

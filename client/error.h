/* What went wrong (the last call's error) and who is suspected of it. */
#ifndef BYZ_CLIENT_ERROR_H
#define BYZ_CLIENT_ERROR_H

#include "client/byzclient.h"
#include "common/codec.h"
#include "common/limits.h"

#define SQLSTATE_SUCCESS "00000"
#define SQLSTATE_CONFLICT "40001"        /* serialization_failure: retry */
#define SQLSTATE_LIED "BZ001"            /* f+1 replicas contradict the coordinator */
#define SQLSTATE_SILENT "BZ002"          /* no replica executes the operations */
#define SQLSTATE_NO_QUORUM "BZ003"       /* no f+1 replicas agree */
#define SQLSTATE_UNREACHABLE "08006"     /* connection_failure */
#define SQLSTATE_UNKNOWN_OUTCOME "08007" /* transaction_resolution_unknown */
#define SQLSTATE_SESSION_FORGOTTEN "08003"
#define SQLSTATE_NOT_CONNECTED "08003"
#define SQLSTATE_LIMIT "54000"
#define SQLSTATE_BAD_PARAMETER "22023"
#define SQLSTATE_IN_TRANSACTION "25001"
#define SQLSTATE_NO_TRANSACTION "25P01"
#define SQLSTATE_FAILED_TRANSACTION "25P02"
#define SQLSTATE_MEMORY "53200"

/* A replica's error text and its hint, and our words around them. */
#define ERROR_MESSAGE_BYTES (2 * ERROR_TEXT_BYTES_MAX + 512)

struct error {
    char sqlstate[6];
    char message[ERROR_MESSAGE_BYTES]; /* "", or ends in a newline */
};

void error_clear(struct error *error);
/* Sets code and text; adds the newline. */
__attribute__((format(printf, 3, 4))) void error_set(
    struct error *error, const char *sqlstate, const char *format, ...);

struct suspicion {
    int replica; /* -1: none */
    byz_suspicion_type type;
    char message[512];
};

void suspicion_clear(struct suspicion *suspicion);
/* Notes a suspicion, unless a graver one is known already. */
__attribute__((format(printf, 4, 5))) void suspicion_note(struct suspicion *suspicion,
    unsigned replica, byz_suspicion_type type, const char *format, ...);

/* Copies a text that may come from a liar: cut to the buffer, control characters replaced, so that
 * it cannot move a terminal's cursor. Newlines and tabs stay. */
void text_copy(char *out, size_t out_size, struct slice text);
/* The same for the beginning of a statement, on one line, with "…" where it was cut. */
void text_excerpt(char *out, size_t out_size, struct slice statement);

#endif

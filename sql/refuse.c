#include "sql/refuse.h"

#define REFUSAL_BYTES_MAX 1024

void refuse(const char *hint, const char *format, ...)
{
    char message[REFUSAL_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("%s", message),
        hint != NULL ? errhint("%s", hint) : 0);
    pg_unreachable();
}

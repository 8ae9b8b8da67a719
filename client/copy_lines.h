/* What byzantium.copy_out answers, as the text that COPY would have written. Pure. */
#ifndef BYZ_CLIENT_COPY_LINES_H
#define BYZ_CLIENT_COPY_LINES_H

#include "client/byzclient.h"

enum copy_lines {
    COPY_LINES_INVALID = 0, /* the rows are not the lines 1 to n, in whatever order */
    COPY_LINES_NO_MEMORY,
    COPY_LINES_GOOD,
};

/* Each line ends in a newline, the text in a zero that is not counted; free it. */
enum copy_lines copy_lines_join(const byz_result *result, char **ret_text, size_t *ret_size);

#endif

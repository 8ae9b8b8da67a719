/* Where the text of COPY … FROM STDIN may be cut: between records. Pure. */
#ifndef BYZ_CLIENT_COPY_PARTS_H
#define BYZ_CLIENT_COPY_PARTS_H

#include <stdbool.h>
#include <stddef.h>

struct copy_format {
    bool is_csv; /* newlines may stand in quotes */
    char quote;
    char escape;
};

/* What the command's options say. Of a command that PostgreSQL will not understand it may say
 * anything. */
struct copy_format copy_format_of(const char *command);

struct copy_part {
    size_t size;  /* 0: the first record alone is longer than `size_max` */
    bool is_last; /* the end, or the end-of-data marker "\." */
};

/* The first records of the data, as many as are no longer than `size_max` in all. A wrong format
 * cuts where PostgreSQL finds a quote that is not closed: an error, no wrong rows. */
struct copy_part copy_part_first(
    const struct copy_format *format, const char *data, size_t size, size_t size_max);

#endif

/* A dump in canonical form: equal databases give equal bytes.
 *
 * Two replicas hold the same rows in different physical order, and pg_dump shows that order. So the
 * rows of each table are sorted, the sections (one an object: table, data, constraint…) are sorted
 * by name, and what differs for other reasons is left out. Pure; borrows the dump's text. */
#ifndef BYZ_CLIENT_CTL_CANONICAL_H
#define BYZ_CLIENT_CTL_CANONICAL_H

#include "common/codec.h"
#include "common/limits.h"

struct canonical_section {
    struct slice name;            /* "account; Type: TABLE DATA; Schema: public; Owner: byz_app" */
    struct slice text;            /* its lines as dumped */
    uint8_t digest[DIGEST_BYTES]; /* of the lines in canonical order */
};

struct canonical {
    struct canonical_section *sections; /* sorted by name, then digest; owned */
    size_t count;
};

/* Takes a plain-text dump apart. False when memory ran out. Free in any case. */
bool canonical_parse(struct slice dump, struct canonical *ret);
void canonical_free(struct canonical *canonical);

/* Hands out one section's lines in canonical order, without their line ends. False when memory ran
 * out. */
bool canonical_lines(const struct canonical_section *section,
    void (*line)(void *context, struct slice line), void *context);

/* Compares two dumps: calls `differs` with each section that only one has or that differs (the
 * other one NULL in the first case). Returns how many there were. */
size_t canonical_compare(const struct canonical *a, const struct canonical *b,
    void (*differs)(
        void *context, const struct canonical_section *in_a, const struct canonical_section *in_b),
    void *context);

#endif

#include "client/ctl/canonical.h"

#include "common/crypto.h"

#include <stdlib.h>
#include <string.h>

/* ---- lines ---- */

/* Takes a line off the front, without its end. */
static struct slice take_line(struct slice *text)
{
    const uint8_t *end = memchr(text->data, '\n', text->size);
    size_t size = end ? (size_t)(end - text->data) : text->size;
    struct slice line = {.data = text->data, .size = size};
    size_t taken = end ? size + 1 : size;
    text->data += taken;
    text->size -= taken;
    return line;
}

static bool begins(struct slice line, const char *prefix)
{
    size_t size = strlen(prefix);
    return line.size >= size && memcmp(line.data, prefix, size) == 0;
}

static bool ends(struct slice line, const char *suffix)
{
    size_t size = strlen(suffix);
    return line.size >= size && memcmp(line.data + line.size - size, suffix, size) == 0;
}

/* Comments say who dumped when; newer pg_dumps add a random \restrict line against injection. */
static bool is_noise(struct slice line)
{
    return line.size == 0 || begins(line, "--") || begins(line, "\\restrict ") ||
           begins(line, "\\unrestrict ");
}

/* The name in a section's heading, or an empty slice. */
static struct slice heading_name(struct slice line)
{
    static const char *const prefixes[] = {"-- Name: ", "-- Data for Name: "};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        size_t size = strlen(prefixes[i]);
        if (begins(line, prefixes[i]) && memmem(line.data, line.size, "; Type: ", 8))
            return slice_of(line.data + size, line.size - size);
    }
    return (struct slice){0};
}

static int line_order(struct slice a, struct slice b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size ? memcmp(a.data, b.data, size) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

static int line_order_sort(const void *a, const void *b)
{
    const struct slice *x = a, *y = b;
    return line_order(*x, *y);
}

/* ---- rows ---- */

static bool is_copy(struct slice line)
{
    return begins(line, "COPY ") && ends(line, " FROM stdin;");
}

static bool is_copy_end(struct slice line)
{
    return line.size == 2 && memcmp(line.data, "\\.", 2) == 0;
}

/* Takes the rows of a COPY block off the text, with the line that ends it, and hands them out
 * sorted. */
static bool sorted_rows(
    struct slice *text, void (*line)(void *context, struct slice line), void *context)
{
    struct slice *rows = NULL;
    size_t count = 0, room = 0;
    bool good = true;
    while (good && text->size > 0) {
        struct slice row = take_line(text);
        if (is_copy_end(row))
            break;
        if (count == room) {
            room = room ? 2 * room : 1024;
            struct slice *more = reallocarray(rows, room, sizeof *rows);
            good = more != NULL;
            rows = more ? more : rows;
        }
        if (good)
            rows[count++] = row;
    }
    if (good && count > 0)
        qsort(rows, count, sizeof *rows, line_order_sort);
    for (size_t i = 0; good && i < count; i++)
        line(context, rows[i]);
    free(rows);
    return good;
}

bool canonical_lines(const struct canonical_section *section,
    void (*line)(void *context, struct slice line), void *context)
{
    struct slice text = section->text;
    while (text.size > 0) {
        struct slice here = take_line(&text);
        if (is_noise(here))
            continue;
        line(context, here);
        if (is_copy(here)) {
            if (!sorted_rows(&text, line, context))
                return false;
            line(context, slice_text("\\."));
        }
    }
    return true;
}

/* ---- sections ---- */

static void hash_line(void *context, struct slice line)
{
    struct hasher *hasher = context;
    hasher_add(hasher, line.data, line.size);
    hasher_add(hasher, "\n", 1);
}

static bool section_add(struct canonical *c, size_t *room, struct slice name, const uint8_t *from)
{
    if (c->count == *room) {
        *room = *room ? 2 * *room : 64;
        struct canonical_section *more = reallocarray(c->sections, *room, sizeof *c->sections);
        if (!more)
            return false;
        c->sections = more;
    }
    c->sections[c->count++] = (struct canonical_section){.name = name, .text.data = from};
    return true;
}

/* The text between two headings belongs to the first; what stands before all of them is the
 * settings that pg_dump begins with. */
static bool split(struct slice dump, struct canonical *c)
{
    size_t room = 0;
    const uint8_t *end = dump.data + dump.size;
    bool rows = false;
    if (!section_add(c, &room, slice_text("settings"), dump.data))
        return false;
    while (dump.size > 0) {
        struct slice line = take_line(&dump);
        /* A row may look like a heading. */
        rows = rows ? !is_copy_end(line) : is_copy(line);
        struct slice name = rows ? (struct slice){0} : heading_name(line);
        if (name.size == 0)
            continue;
        c->sections[c->count - 1].text.size =
            (size_t)(line.data - c->sections[c->count - 1].text.data);
        if (!section_add(c, &room, name, line.data))
            return false;
    }
    struct canonical_section *last = &c->sections[c->count - 1];
    last->text.size = (size_t)(end - last->text.data);
    return true;
}

static int section_order(const struct canonical_section *a, const struct canonical_section *b)
{
    int order = line_order(a->name, b->name);
    return order ? order : memcmp(a->digest, b->digest, DIGEST_BYTES);
}

static int section_order_sort(const void *a, const void *b)
{
    return section_order(a, b);
}

bool canonical_parse(struct slice dump, struct canonical *ret)
{
    *ret = (struct canonical){0};
    struct hasher *hasher = hasher_new();
    bool good = hasher && split(dump, ret);
    for (size_t i = 0; good && i < ret->count; i++) {
        hasher_start(hasher);
        good = canonical_lines(&ret->sections[i], hash_line, hasher);
        hasher_finish(hasher, ret->sections[i].digest);
    }
    hasher_free(hasher);
    if (good)
        qsort(ret->sections, ret->count, sizeof *ret->sections, section_order_sort);
    return good;
}

void canonical_free(struct canonical *canonical)
{
    free(canonical->sections);
    *canonical = (struct canonical){0};
}

size_t canonical_compare(const struct canonical *a, const struct canonical *b,
    void (*differs)(
        void *context, const struct canonical_section *in_a, const struct canonical_section *in_b),
    void *context)
{
    size_t i = 0, j = 0, count = 0;
    while (i < a->count || j < b->count) {
        const struct canonical_section *x = i < a->count ? &a->sections[i] : NULL;
        const struct canonical_section *y = j < b->count ? &b->sections[j] : NULL;
        int order = !x ? 1 : !y ? -1 : line_order(x->name, y->name);
        i += order <= 0;
        j += order >= 0;
        if (order == 0 && memcmp(x->digest, y->digest, DIGEST_BYTES) == 0)
            continue;
        count++;
        differs(context, order <= 0 ? x : NULL, order >= 0 ? y : NULL);
    }
    return count;
}

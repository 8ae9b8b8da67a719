/* Evidence as a file: written by a replica, read by anybody, from anybody. */
#include "common/evidence.h"

#include "common/file.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define LINE_BYTES_MAX 511
#define HEX_BYTES_MAX (2 * SIGNATURE_BYTES)

_Static_assert(2 * EVIDENCE_STATEMENT_BYTES_MAX < LINE_BYTES_MAX - 32, "every option fits a line");
_Static_assert(EVIDENCE_STATEMENT_BYTES_MAX < 2 * SIGNATURE_BYTES, "the longest hex is known");

/* ---- writing ---- */

static void put_text(struct buffer *b, const char *text)
{
    put_raw(b, text, strlen(text));
}

static void put_option(struct buffer *b, const char *name, const char *value)
{
    put_text(b, name);
    put_text(b, " = ");
    put_text(b, value);
    put_text(b, "\n");
}

static void put_hex(struct buffer *b, const char *name, const uint8_t *data, size_t size)
{
    char hex[2 * HEX_BYTES_MAX + 1];
    assert(size <= HEX_BYTES_MAX);
    hex_format(hex, data, size);
    put_option(b, name, hex);
}

void evidence_format(struct buffer *b, const struct evidence *evidence)
{
    char line[256], deed[160];
    evidence_describe(evidence, deed, sizeof deed);
    snprintf(line, sizeof line, "# Replica %u %s.\n", evidence->replica, deed);
    put_text(b, line);
    put_text(b, "# A correct replica signs only one of these statements.\n"
                "# byzctl evidence verify checks it.\n");
    put_option(b, "format", "1");
    put_hex(b, "cluster", evidence->cluster, DIGEST_BYTES);
    snprintf(line, sizeof line, "%u", evidence->replica);
    put_option(b, "replica", line);
    put_hex(b, "public_key", evidence->public_key, PUBLIC_KEY_BYTES);
    put_option(b, "kind", evidence_kind(evidence->purpose));
    const struct evidence_statement *s = evidence->statement;
    put_hex(b, "statement_1", s[0].bytes, s[0].size);
    put_hex(b, "signature_1", s[0].signature, SIGNATURE_BYTES);
    put_hex(b, "statement_2", s[1].bytes, s[1].size);
    put_hex(b, "signature_2", s[1].signature, SIGNATURE_BYTES);
}

/* ---- reading ---- */

/* Each takes one value, a text; NULL or what is wrong with it. */

static const char *take_format(struct evidence *e, const char *value)
{
    (void)e;
    return strcmp(value, "1") == 0 ? NULL : "written in another format than 1";
}

static const char *take_cluster(struct evidence *e, const char *value)
{
    return hex_parse(value, e->cluster, DIGEST_BYTES) ? NULL : "must be 64 hexadecimal digits";
}

static const char *take_replica(struct evidence *e, const char *value)
{
    unsigned number = 0;
    size_t length = strlen(value);
    bool digits = length > 0 && length <= 2 && strspn(value, "0123456789") == length;
    for (size_t i = 0; digits && i < length; i++)
        number = number * 10 + (unsigned)(value[i] - '0');
    if (!digits || number >= REPLICAS_MAX)
        return "must be the number of a replica";
    e->replica = number;
    return NULL;
}

static const char *take_public_key(struct evidence *e, const char *value)
{
    return hex_parse(value, e->public_key, PUBLIC_KEY_BYTES) ? NULL
                                                             : "must be 64 hexadecimal digits";
}

static const char *take_kind(struct evidence *e, const char *value)
{
    for (unsigned purpose = SIGN_INVALID; purpose <= SIGN_SECRET; purpose++) {
        const char *kind = evidence_kind((enum signature_purpose)purpose);
        if (kind != NULL && strcmp(kind, value) == 0) {
            e->purpose = (enum signature_purpose)purpose;
            return NULL;
        }
    }
    return "must be pre_prepare, prepare, checkpoint, view_change, new_view or contribution";
}

static const char *take_statement(struct evidence_statement *s, const char *value)
{
    size_t length = strlen(value);
    if (length == 0 || length % 2 != 0 || length / 2 > EVIDENCE_STATEMENT_BYTES_MAX ||
        !hex_parse(value, s->bytes, length / 2))
        return "must be an even number of hexadecimal digits, at most 160";
    s->size = length / 2;
    return NULL;
}

static const char *take_signature(struct evidence_statement *s, const char *value)
{
    return hex_parse(value, s->signature, SIGNATURE_BYTES) ? NULL
                                                           : "must be 128 hexadecimal digits";
}

static const char *take_statement_1(struct evidence *e, const char *value)
{
    return take_statement(&e->statement[0], value);
}
static const char *take_statement_2(struct evidence *e, const char *value)
{
    return take_statement(&e->statement[1], value);
}
static const char *take_signature_1(struct evidence *e, const char *value)
{
    return take_signature(&e->statement[0], value);
}
static const char *take_signature_2(struct evidence *e, const char *value)
{
    return take_signature(&e->statement[1], value);
}

static const struct {
    const char *name;
    const char *(*take)(struct evidence *e, const char *value);
} options[] = {
    {"format", take_format},
    {"cluster", take_cluster},
    {"replica", take_replica},
    {"public_key", take_public_key},
    {"kind", take_kind},
    {"statement_1", take_statement_1},
    {"signature_1", take_signature_1},
    {"statement_2", take_statement_2},
    {"signature_2", take_signature_2},
};
#define OPTION_COUNT (sizeof options / sizeof options[0])

/* Where the reader is, and what it has. */
struct parse {
    const char *file;
    unsigned line;
    uint32_t seen; /* mask of options */
    struct evidence evidence;
    char *error;
    size_t error_size;
};

static bool refuse(struct parse *p, const char *name, const char *reason)
{
    /* What stands in the file goes to a terminal only if it is an option's name. */
    if (name != NULL)
        snprintf(p->error, p->error_size, "%s:%u: %s %s", p->file, p->line, name, reason);
    else
        snprintf(p->error, p->error_size, "%s:%u: %s", p->file, p->line, reason);
    return false;
}

static bool take_option(struct parse *p, const char *name, const char *value)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (strcmp(options[i].name, name) != 0)
            continue;
        if ((p->seen >> i & 1) != 0)
            return refuse(p, options[i].name, "stands there twice");
        p->seen |= UINT32_C(1) << i;
        const char *reason = options[i].take(&p->evidence, value);
        return reason == NULL ? true : refuse(p, options[i].name, reason);
    }
    return refuse(p, NULL, "no such option");
}

/* Cuts spaces off both ends. */
static char *trim(char *text)
{
    static const char spaces[] = " \t\r";
    text += strspn(text, spaces);
    size_t length = strlen(text);
    while (length > 0 && strchr(spaces, text[length - 1]) != NULL)
        length--;
    text[length] = '\0';
    return text;
}

static bool take_line(struct parse *p, char *line)
{
    line[strcspn(line, "#")] = '\0';
    char *text = trim(line);
    if (text[0] == '\0')
        return true;
    char *equals = strchr(text, '=');
    if (equals == NULL)
        return refuse(p, NULL, "must be \"name = value\"");
    *equals = '\0';
    return take_option(p, trim(text), trim(equals + 1));
}

/* The next line, without its end, as a string. */
static bool next_line(struct parse *p, struct slice *rest, char line[static LINE_BYTES_MAX + 1])
{
    const uint8_t *end = memchr(rest->data, '\n', rest->size);
    size_t size = end != NULL ? (size_t)(end - rest->data) : rest->size;
    p->line++;
    if (size > LINE_BYTES_MAX)
        return refuse(p, NULL, "the line is too long");
    if (memchr(rest->data, '\0', size) != NULL)
        return refuse(p, NULL, "not a text");
    memcpy(line, rest->data, size);
    line[size] = '\0';
    size += end != NULL;
    *rest = slice_of(rest->data + size, rest->size - size);
    return true;
}

static bool check_complete(const struct parse *p)
{
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if ((p->seen >> i & 1) == 0) {
            snprintf(p->error, p->error_size, "%s: %s is missing", p->file, options[i].name);
            return false;
        }
    return true;
}

bool evidence_parse(
    const char *file, struct slice text, struct evidence *ret, char *ret_error, size_t error_size)
{
    struct parse p = {.file = file, .error = ret_error, .error_size = error_size};
    char line[LINE_BYTES_MAX + 1];
    while (text.size > 0)
        if (!next_line(&p, &text, line) || !take_line(&p, line))
            return false;
    if (!check_complete(&p))
        return false;
    *ret = p.evidence;
    return true;
}

bool evidence_load(const char *path, struct evidence *ret, char *ret_error, size_t error_size)
{
    char text[EVIDENCE_FILE_BYTES_MAX];
    ssize_t size = file_read(path, false, text, sizeof text, ret_error, error_size);
    return size >= 0 &&
           evidence_parse(path, slice_of(text, (size_t)size), ret, ret_error, error_size);
}

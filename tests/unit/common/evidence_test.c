/* Evidence convicts who signed a contradiction, and nobody else. */
#include "common/evidence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "common/config.h"
#include "tests/fuzz/evidence_samples.h"

static struct private_key *keys[4];
static struct config config;
static char error[512];

static int set_up(void **state)
{
    config = (struct config){.faults = 1, .replica_count = 4};
    memset(config.identity, 0xc1, DIGEST_BYTES);
    for (unsigned i = 0; i < 4; i++) {
        keys[i] = private_key_generate();
        assert_non_null(keys[i]);
        private_key_public(keys[i], config.replicas[i].public_key);
    }
    return 0;
}

static int tear_down(void **state)
{
    for (unsigned i = 0; i < 4; i++)
        private_key_free(keys[i]);
    return 0;
}

static struct evidence sample(unsigned index)
{
    struct evidence e;
    evidence_sample(index, keys[EVIDENCE_SAMPLE_REPLICA], config.identity, &e);
    return e;
}

/* Signs statement `which` of kind `index` anew, with these values. */
static void say(struct evidence *e, unsigned index, unsigned which, uint64_t view, uint64_t number,
    uint8_t content)
{
    evidence_sample_statement(index, keys[EVIDENCE_SAMPLE_REPLICA], config.identity, view, number,
        content, &e->statement[which]);
}

static void expect_reason(const char *reason, const char *expected)
{
    if (reason == NULL || strstr(reason, expected) == NULL)
        fail_msg("got \"%s\", expected \"%s\"", reason == NULL ? "proven" : reason, expected);
}

#define EACH_KIND(index) for (unsigned index = 0; index < EVIDENCE_SAMPLES; index++)

/* ---- what convicts, and what does not ---- */

static void every_kind_convicts(void **state)
{
    EACH_KIND(i)
    {
        struct evidence e = sample(i);
        const char *reason = evidence_invalid_reason(&e);
        if (reason != NULL)
            fail_msg("%s: %s", evidence_kind(e.purpose), reason);
        assert_null(evidence_against(&e, &config));
    }
}

static void the_order_of_the_statements_does_not_matter(void **state)
{
    EACH_KIND(i)
    {
        struct evidence e = sample(i);
        struct evidence_statement first = e.statement[0];
        e.statement[0] = e.statement[1];
        e.statement[1] = first;
        assert_null(evidence_invalid_reason(&e));
    }
}

static void saying_the_same_twice_is_honest(void **state)
{
    EACH_KIND(i)
    {
        struct evidence e = sample(i);
        e.statement[1] = e.statement[0];
        expect_reason(evidence_invalid_reason(&e), "the same");
    }
}

/* Which of view and number tells statements apart depends on the kind. */
static void statements_about_different_things_are_honest(void **state)
{
    EACH_KIND(i)
    {
        struct evidence e = sample(i);
        say(&e, i, 1, 4, 18, 0xa1);
        expect_reason(evidence_invalid_reason(&e), "different things");
    }
    for (unsigned i = 0; i < 2; i++) { /* a batch has a place in each view */
        struct evidence e = sample(i);
        say(&e, i, 1, 4, 17, 0xa1);
        expect_reason(evidence_invalid_reason(&e), "different things");
        say(&e, i, 1, 3, 18, 0xa1);
        expect_reason(evidence_invalid_reason(&e), "different things");
    }
}

static void a_forged_statement_convicts_nobody(void **state)
{
    EACH_KIND(i)
    {
        struct evidence e = sample(i);
        e.statement[1].signature[20] ^= 1;
        expect_reason(evidence_invalid_reason(&e), "signature");
        e = sample(i);
        evidence_sample_statement(i, keys[1], config.identity, 3, 17, 0xa1, &e.statement[1]);
        expect_reason(evidence_invalid_reason(&e), "signature");
        e = sample(i);
        memcpy(e.statement[0].signature, e.statement[1].signature, SIGNATURE_BYTES);
        expect_reason(evidence_invalid_reason(&e), "signature");
    }
}

static void swapped_signatures_convict_nobody(void **state)
{
    EACH_KIND(i)
    {
        struct evidence e = sample(i), original = e;
        memcpy(e.statement[0].signature, original.statement[1].signature, SIGNATURE_BYTES);
        memcpy(e.statement[1].signature, original.statement[0].signature, SIGNATURE_BYTES);
        expect_reason(evidence_invalid_reason(&e), "signature");
    }
}

/* What was signed for one purpose means nothing for another, although the bytes look alike. */
static void a_proposal_is_no_prepare(void **state)
{
    struct evidence e = sample(0), prepare = sample(1);
    e.statement[1] = prepare.statement[1];
    expect_reason(evidence_invalid_reason(&e), "signature");
    e = sample(0);
    e.purpose = SIGN_PREPARE;
    expect_reason(evidence_invalid_reason(&e), "signature");
    e.purpose = SIGN_CHECKPOINT;
    expect_reason(evidence_invalid_reason(&e), "not of the kind");
    e.purpose = SIGN_REQUEST;
    expect_reason(evidence_invalid_reason(&e), "of this kind");
}

static void what_was_signed_in_another_cluster_convicts_nobody_here(void **state)
{
    EACH_KIND(i)
    {
        struct evidence e;
        static const uint8_t other[DIGEST_BYTES] = {7};
        evidence_sample(i, keys[EVIDENCE_SAMPLE_REPLICA], other, &e);
        assert_null(evidence_invalid_reason(&e)); /* it is true there, */
        expect_reason(evidence_against(&e, &config), "another cluster");
        memcpy(e.cluster, config.identity, DIGEST_BYTES); /* and a lie here */
        expect_reason(evidence_invalid_reason(&e), "signature");
    }
}

static void a_key_of_ones_own_frames_nobody(void **state)
{
    struct private_key *own = private_key_generate();
    EACH_KIND(i)
    {
        struct evidence e;
        evidence_sample(i, own, config.identity, &e);
        assert_null(evidence_invalid_reason(&e));
        expect_reason(evidence_against(&e, &config), "not the one");
    }
    private_key_free(own);
}

static void one_replica_cannot_be_accused_of_anothers_words(void **state)
{
    EACH_KIND(i)
    {
        struct evidence e = sample(i);
        e.replica = 1;
        const char *reason = evidence_invalid_reason(&e);
        if (e.purpose == SIGN_NEW_VIEW) /* names nobody; the key does */
            assert_null(reason);
        else
            expect_reason(reason, "another replica");
        expect_reason(evidence_against(&e, &config), "not the one");
        e.replica = 4;
        expect_reason(evidence_against(&e, &config), "no such replica");
    }
}

static void a_bent_statement_convicts_nobody(void **state)
{
    EACH_KIND(i)
    {
        struct evidence good = sample(i);
        for (size_t at = 0; at < good.statement[1].size; at++) {
            struct evidence e = good;
            e.statement[1].bytes[at] ^= 1;
            assert_non_null(evidence_invalid_reason(&e));
        }
        struct evidence e = good;
        e.statement[0].size--;
        expect_reason(evidence_invalid_reason(&e), "not of the kind");
        e = good;
        e.statement[0].size++;
        expect_reason(evidence_invalid_reason(&e), "not of the kind");
    }
}

/* ---- the file ---- */

static void the_file_comes_back(void **state)
{
    EACH_KIND(i)
    {
        struct evidence e = sample(i), read;
        struct buffer b = BUFFER_INIT(EVIDENCE_FILE_BYTES_MAX);
        evidence_format(&b, &e);
        assert_false(b.failed);
        if (!evidence_parse("file", buffer_slice(&b), &read, error, sizeof error))
            fail_msg("%s", error);
        assert_null(evidence_invalid_reason(&read));
        assert_null(evidence_against(&read, &config));
        assert_int_equal(read.purpose, e.purpose);
        buffer_free(&b);
    }
}

static void files_are_named_after_what_they_prove(void **state)
{
    static const char *const names[EVIDENCE_SAMPLES] = {
        "replica2-pre_prepare-view3-batch17.evidence", "replica2-prepare-view3-batch17.evidence",
        "replica2-checkpoint-batch17.evidence", "replica2-view_change-view3.evidence",
        "replica2-new_view-view3.evidence", "replica2-contribution-number17.evidence"};
    EACH_KIND(i)
    {
        char name[EVIDENCE_NAME_BYTES_MAX], text[160];
        struct evidence e = sample(i);
        evidence_name(&e, name);
        assert_string_equal(name, names[i]);
        evidence_describe(&e, text, sizeof text);
        assert_non_null(strstr(text, i == 4 || i == 3 ? "3" : "17"));
    }
}

static void expect_parse_error(const char *text, size_t size, const char *expected)
{
    struct evidence e = {.replica = 77};
    error[0] = '\0';
    assert_false(evidence_parse("f", slice_of(text, size), &e, error, sizeof error));
    assert_int_equal(e.replica, 77);
    if (strcmp(error, expected) != 0)
        fail_msg("got \"%s\", expected \"%s\"", error, expected);
}

static void errors_name_file_and_line(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", "f: format is missing"},
        {"# nothing\n\n", "f: format is missing"},
        {"format = 1\n", "f: cluster is missing"},
        {"format = 2\n", "f:1: format written in another format than 1"},
        {"\n\nformat = 1\nformat = 1\n", "f:4: format stands there twice"},
        {"format 1\n", "f:1: must be \"name = value\""},
        {"colour = red\n", "f:1: no such option"},
        {"= 1\n", "f:1: no such option"},
        {"replica = 16", "f:1: replica must be the number of a replica"},
        {"replica = -1", "f:1: replica must be the number of a replica"},
        {"replica = 99999999999999999999", "f:1: replica must be the number of a replica"},
        {"replica =", "f:1: replica must be the number of a replica"},
        {"kind = request",
            "f:1: kind must be pre_prepare, prepare, checkpoint, view_change, new_view or "
            "contribution"},
        {"cluster = 12", "f:1: cluster must be 64 hexadecimal digits"},
        {"statement_1 = abc",
            "f:1: statement_1 must be an even number of hexadecimal digits, at most 160"},
        {"statement_2 =",
            "f:1: statement_2 must be an even number of hexadecimal digits, at most 160"},
        {"signature_2 = zz", "f:1: signature_2 must be 128 hexadecimal digits"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_parse_error(cases[i].text, strlen(cases[i].text), cases[i].expected);
    expect_parse_error("format\0 = 1", 11, "f:1: not a text");
    static char line[600];
    memset(line, 'a', sizeof line);
    expect_parse_error(line, sizeof line, "f:1: the line is too long");
    memset(line, '4', sizeof line);
    memcpy(line, "statement_1 = ", 14);
    expect_parse_error(line, 14 + 2 * (EVIDENCE_STATEMENT_BYTES_MAX + 1),
        "f:1: statement_1 must be an even number of hexadecimal digits, at most 160");
}

static void spaces_comments_and_order_do_not_matter(void **state)
{
    struct evidence e = sample(2), read;
    struct buffer b = BUFFER_INIT(EVIDENCE_FILE_BYTES_MAX), turned = BUFFER_INIT(8192);
    evidence_format(&b, &e);
    /* the lines backwards, with spaces, CRLF and comments */
    size_t end = b.size;
    while (end > 0) {
        size_t begin = end - 1;
        while (begin > 0 && b.data[begin - 1] != '\n')
            begin--;
        put_raw(&turned, " \t", 2);
        put_raw(&turned, b.data + begin, end - 1 - begin);
        put_raw(&turned, "  # so\r\n", 8);
        end = begin;
    }
    if (!evidence_parse("f", buffer_slice(&turned), &read, error, sizeof error))
        fail_msg("%s", error);
    assert_null(evidence_invalid_reason(&read));
    buffer_free(&b);
    buffer_free(&turned);
}

static void a_missing_file_is_told(void **state)
{
    struct evidence e;
    assert_false(evidence_load("/nowhere/x.evidence", &e, error, sizeof error));
    assert_string_equal(error, "/nowhere/x.evidence: No such file or directory");
    assert_false(evidence_load("/dev/zero", &e, error, sizeof error));
    assert_string_equal(error, "/dev/zero: not a regular file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_convicts),
        cmocka_unit_test(the_order_of_the_statements_does_not_matter),
        cmocka_unit_test(saying_the_same_twice_is_honest),
        cmocka_unit_test(statements_about_different_things_are_honest),
        cmocka_unit_test(a_forged_statement_convicts_nobody),
        cmocka_unit_test(swapped_signatures_convict_nobody),
        cmocka_unit_test(a_proposal_is_no_prepare),
        cmocka_unit_test(what_was_signed_in_another_cluster_convicts_nobody_here),
        cmocka_unit_test(a_key_of_ones_own_frames_nobody),
        cmocka_unit_test(one_replica_cannot_be_accused_of_anothers_words),
        cmocka_unit_test(a_bent_statement_convicts_nobody),
        cmocka_unit_test(the_file_comes_back),
        cmocka_unit_test(files_are_named_after_what_they_prove),
        cmocka_unit_test(errors_name_file_and_line),
        cmocka_unit_test(spaces_comments_and_order_do_not_matter),
        cmocka_unit_test(a_missing_file_is_told),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

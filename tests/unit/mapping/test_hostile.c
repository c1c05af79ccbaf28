/*
 * Documents nobody meant well: cut off anywhere, mutated, deep, huge, of another form. Reading ends with a
 * finding or an error, never with a crash, and never repeats a value in a finding.
 */
#include "support_mapping.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "format/xml.h"

static const char *const seeds[][2] = {
    { "MD", "MD/samples/m01-adult-full.json" },
    { "MD", "MD/samples/m06-response.json" },
    { "UA", "UA/samples/m01-adult-full.xml" },
    { "UA", "UA/samples/m05-request.xml" },
    { "BY", "BY/samples/m01-adult-full.xml" },
    { "BY", "BY/samples/m06-response.xml" },
    { "AL", "AL/samples/m01-child-windows-1252.xml" },
    { "AL", "AL/samples/m05-request.xml" },
};

static void load(const char *file, struct buf *out)
{
    char path[256];

    snprintf(path, sizeof path, NATIONAL_FOLDER "/%s", file);
    assert_true(octets_of(path, out));
}

static void try(const char *cc, const void *data, size_t len)
{
    AUTO(translation_free) struct translation read = { 0 }, write = { 0 };
    struct err err = { 0 };

    if (!read_octets(shipped_mapping(cc), "hostile", data, len, &read, &err)) {
        assert_true(err.text[0] != '\0');
        return;
    }
    if (read.canonical == NULL) {
        assert_true(report_errors(&read.report) > 0);
        return;
    }
    if (report_errors(&read.report) > 0)
        return;
    complete_header(read.canonical);
    expand_consents(read.canonical);
    if (!write_doc(shipped_mapping(text_eq(cc, "MD") ? "UA" : "MD"), read.canonical,
                   &read.attachments, &write, &err))
        assert_true(err.text[0] != '\0');
}

static void test_cut(void **state)
{
    (void)state;
    for (size_t s = 0; s < COUNT_OF(seeds); s++) {
        AUTO(buf_free) struct buf in = BUF_INIT(1 << 20);

        load(seeds[s][1], &in);
        for (size_t len = 0; len < in.len; len += s == 1 ? 37 : 211)
            try(seeds[s][0], in.data, len);
    }
}

static void test_mutated(void **state)
{
    struct dice dice = { 20261124 };

    (void)state;
    for (size_t round = 0; round < 96; round++) {
        const char *const *seed = seeds[round % COUNT_OF(seeds)];
        AUTO(buf_free) struct buf in = BUF_INIT(1 << 20);
        uint32_t changes = 1 + dice_roll(&dice, 4);

        load(seed[1], &in);
        while (changes-- > 0) {
            size_t at = dice_roll(&dice, (uint32_t)in.len);
            uint32_t how = dice_roll(&dice, 4);

            if (how == 0)
                in.data[at] = (char)dice_roll(&dice, 256);
            else if (how == 1)
                in.data[at] = "<>\"{}[]:,/&"[dice_roll(&dice, 11)];
            else if (how == 2 && at + 20 < in.len)
                memmove(in.data + at, in.data + at + 8, 12);
            else
                in.data[at] = (char)('0' + dice_roll(&dice, 10));
        }
        try(seed[0], in.data, in.len);
    }
}

/* Pieces of values that appear nowhere in what is said about them. */
static void test_silent(void **state)
{
    static const char canary[] = "KANARIENVOGEL";
    static const char *const places[] = {
        "\"1992-03-15\"",   "\"Kovalchuk\"", "\"3367799927\"",
        "\"UA\"",           "\"PAS\"",       "\"VID\"",
        "\"2020-02-03\"",   "\"2\"",         "\"takenByTrafficker\"",
        "\"repatriation\"",
    };
    AUTO(buf_free) struct buf in = BUF_INIT(1 << 20);

    (void)state;
    load("MD/samples/m01-adult-full.json", &in);
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        AUTO(buf_free) struct buf doc = BUF_INIT(1 << 20), lines = BUF_INIT(1 << 20);
        AUTO(translation_free) struct translation read = { 0 };
        const char *at = strstr(buf_str(&in), places[i]);
        struct err err = { 0 };

        assert_non_null(at);
        buf_add(&doc, in.data, (size_t)(at - in.data));
        buf_addf(&doc, "\"%s\"", canary);
        buf_adds(&doc, at + strlen(places[i]));
        assert_true(
            read_octets(shipped_mapping("MD"), "x", doc.data, doc.len, &read, &err));
        report_print(&read.report, &lines);
        assert_null(strstr(buf_str(&lines), canary));
        assert_null(strstr(err.text, canary));
    }
}

static void test_deep(void **state)
{
    AUTO(buf_free) struct buf json = BUF_INIT(8 << 20), xml = BUF_INIT(8 << 20);

    (void)state;
    buf_adds(&json, "{\"type\":\"referralRequest\",\"person\":");
    for (int i = 0; i < 20000; i++)
        buf_adds(&json, "{\"person\":");
    try("MD", json.data, json.len);
    buf_adds(&xml, "<?xml version=\"1.0\"?>");
    for (int i = 0; i < 20000; i++)
        buf_adds(&xml, "<Envelope>");
    try("UA", xml.data, xml.len);
}

/* Far more of a repeated element than anybody has: bounded, with a finding. */
static void test_many(void **state)
{
    AUTO(buf_free) struct buf in = BUF_INIT(1 << 20), doc = BUF_INIT(8 << 20);
    const char *at;

    (void)state;
    load("UA/samples/m01-adult-full.xml", &in);
    at = strstr(buf_str(&in), "<Dokument>");
    assert_non_null(at);
    buf_add(&doc, in.data, (size_t)(at - in.data));
    for (int i = 0; i < 20000; i++)
        buf_adds(&doc, "<Dokument><VydDokumenta><Kod>P</Kod></VydDokumenta><SeriiaNomer>A"
                       "</SeriiaNomer><StanDokumenta>1</StanDokumenta></Dokument>");
    buf_adds(&doc, at);
    try("UA", doc.data, doc.len);
}

static void test_doctype(void **state)
{
    static const char doc[] = "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a \"b\">]>"
                              "<Envelope>&a;</Envelope>";
    AUTO(translation_free) struct translation read = { 0 };
    struct err err = { 0 };

    (void)state;
    assert_true(read_octets(shipped_mapping("UA"), "x", doc, strlen(doc), &read, &err));
    assert_null(read.canonical);
    assert_true(report_has(&read.report, "E-SYNTAX"));
}

static void test_other_form(void **state)
{
    AUTO(buf_free) struct buf in = BUF_INIT(1 << 20);
    AUTO(translation_free) struct translation a = { 0 }, b = { 0 };
    struct err err = { 0 };

    (void)state;
    load("MD/samples/m01-adult-full.json", &in);
    assert_true(read_octets(shipped_mapping("UA"), "x", in.data, in.len, &a, &err));
    assert_null(a.canonical);
    assert_true(report_errors(&a.report) > 0);
    assert_true(
        read_octets(shipped_mapping("MD"), "x", "{\"type\":\"poem\"}", 15, &b, &err));
    assert_null(b.canonical);
    assert_true(report_has(&b.report, "E-SYNTAX"));
}

static void test_encoding_not_allowed(void **state)
{
    static const char doc[] =
        "<?xml version=\"1.0\" encoding=\"ISO-8859-5\"?><Envelope/>";
    AUTO(translation_free) struct translation read = { 0 };
    struct err err = { 0 };

    (void)state;
    assert_true(read_octets(shipped_mapping("UA"), "x", doc, strlen(doc), &read, &err));
    assert_null(read.canonical);
    assert_true(report_has(&read.report, "E-ENCODING"));
}

/* Ten mistakes in one document: ten places, each with what to do. */
static void test_ten(void **state)
{
    static const char *const changes[][2] = {
        { "\"beneficiaryType\": \"ADV\"", "\"beneficiaryType\": \"XYZ\"" },
        { "\"birthDate\": \"1992-03-15\"", "\"birthDate\": \"1992-02-31\"" },
        { "\"gender\": \"2\"", "\"gender\": \"7\"" },
        { "\"kind\": \"PAS\"", "\"kind\": \"PASX\"" },
        { "\"issuedOn\": \"2020-02-03\"", "\"issuedOn\": \"03.02.2020\"" },
        { "\"safe\": false", "\"safe\": \"nu\"" },
        { "\"victimStatus\": \"VID\"", "\"victimStatus\": \"VIDX\"" },
        { "\"riskLevel\": \"2\"", "\"riskLevel\": \"9\"" },
        { "\"urgency\": \"P\"", "\"urgency\": \"Q\"" },
        { "\"email\": \"ceban@example.org\"", "\"email\": \"nobody\"" },
    };
    AUTO(buf_free) struct buf in = BUF_INIT(1 << 20);
    AUTO(translation_free) struct translation read = { 0 };
    struct err err = { 0 };

    (void)state;
    load("MD/samples/m01-adult-full.json", &in);
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        AUTO(buf_free) struct buf next = BUF_INIT(1 << 20);
        const char *at = strstr(buf_str(&in), changes[i][0]);

        assert_non_null(at);
        buf_add(&next, in.data, (size_t)(at - in.data));
        buf_adds(&next, changes[i][1]);
        buf_adds(&next, at + strlen(changes[i][0]));
        buf_clear(&in);
        buf_add(&in, next.data, next.len);
    }
    assert_true(read_octets(shipped_mapping("MD"), "x", in.data, in.len, &read, &err));
    if (report_errors(&read.report) != COUNT_OF(changes)) {
        AUTO(buf_free) struct buf lines = BUF_INIT(1 << 20);

        report_print(&read.report, &lines);
        print_error("%s", buf_str(&lines));
    }
    assert_int_equal(report_errors(&read.report), COUNT_OF(changes));
    for (size_t i = 0; i < read.report.count; i++) {
        assert_false(text_empty(read.report.items[i].field));
        assert_false(text_empty(read.report.items[i].remedy));
        assert_true(read.report.items[i].line > 0);
    }
}

/* --- one plan, several threads ----------------------------------------------------------- */

struct job {
    const struct mapping *from, *to;
    struct buf in;
    char *first;
    bool good;
};

static void *translate(void *arg)
{
    struct job *job = arg;

    job->good = true;
    for (int i = 0; i < 12 && job->good; i++) {
        AUTO(translation_free) struct translation read = { 0 }, write = { 0 };
        struct err err = { 0 };

        job->good = read_octets(job->from, "x", job->in.data, job->in.len, &read, &err) &&
                    read.canonical != NULL &&
                    write_doc(job->to, read.canonical, &read.attachments, &write, &err);
        if (job->first == NULL)
            job->first = mem_strdup(buf_str(&write.text));
        job->good = job->good && text_eq(job->first, buf_str(&write.text));
    }
    return NULL;
}

static void test_threads(void **state)
{
    struct job jobs[4] = { 0 };
    pthread_t threads[4];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(jobs); i++) {
        jobs[i].from = shipped_mapping(i % 2 == 0 ? "UA" : "MD");
        jobs[i].to = jobs[i].from; /* each form gets its own back */
        jobs[i].in = (struct buf)BUF_INIT(1 << 20);
        load(i % 2 == 0 ? "UA/samples/m03-receipt.xml" : "MD/samples/m01-adult-full.json",
             &jobs[i].in);
    }
    for (size_t i = 0; i < COUNT_OF(jobs); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, translate, &jobs[i]), 0);
    for (size_t i = 0; i < COUNT_OF(jobs); i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < COUNT_OF(jobs); i++) {
        assert_true(jobs[i].good);
        assert_string_equal(jobs[i].first, jobs[i % 2].first);
    }
    for (size_t i = 0; i < COUNT_OF(jobs); i++) {
        mem_free(&jobs[i].first);
        buf_free(&jobs[i].in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut),        cmocka_unit_test(test_mutated),
        cmocka_unit_test(test_silent),     cmocka_unit_test(test_deep),
        cmocka_unit_test(test_many),       cmocka_unit_test(test_doctype),
        cmocka_unit_test(test_other_form), cmocka_unit_test(test_encoding_not_allowed),
        cmocka_unit_test(test_ten),        cmocka_unit_test(test_threads),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    shipped_free();
    return failed;
}

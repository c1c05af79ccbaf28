/*
 * What goes out comes back: national to canonical to the same form gives the same canonical document, and
 * what another form's office gets reads as what was sent, but for what the losses say.
 */
#include "support_mapping.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "format/xml.h"
#include "model/path.h"

static const char *const samples[] = {
    "MD/samples/m01-adult-full.json",
    "MD/samples/m01-adult-minimal.json",
    "MD/samples/m01-child-guardian.json",
    "MD/samples/m03-receipt.json",
    "MD/samples/m04-accept-with-conditions.json",
    "MD/samples/m05-request.json",
    "MD/samples/m06-response.json",
    "UA/samples/m01-adult-full.xml",
    "UA/samples/m01-adult-minimal.xml",
    "UA/samples/m01-child-legacy-windows-1251.xml",
    "UA/samples/m03-receipt.xml",
    "UA/samples/m04-redirect.xml",
    "UA/samples/m05-request.xml",
    "UA/samples/m06-response.xml",
    "BY/samples/m01-adult-full.xml",
    "BY/samples/m01-child-year-only.xml",
    "BY/samples/m01-citizen-minimal.xml",
    "BY/samples/m03-receipt.xml",
    "BY/samples/m04-decline.xml",
    "BY/samples/m05-request.xml",
    "BY/samples/m06-response.xml",
    "AL/samples/m01-adult-full.xml",
    "AL/samples/m01-adult-minimal.xml",
    "AL/samples/m01-child-windows-1252.xml",
    "AL/samples/m03-receipt.xml",
    "AL/samples/m04-accept.xml",
    "AL/samples/m05-request.xml",
    "AL/samples/m06-response.xml",
};

static void drop(xmlNode *up, const char *name)
{
    for (xmlNode *n = xml_first(up), *next; n != NULL; n = next) {
        next = xml_next(n);
        if (xml_is(n, REFERRAL_NS, name)) {
            xmlUnlinkNode(n);
            xml_node_free(&n);
        }
    }
}

static void print(xmlDoc *doc, struct buf *out)
{
    struct err err = { 0 };

    assert_true(xml_print(doc, &(struct xml_style){ .indent = true }, out, &err));
}

static void load(const char *sample, struct translation *read)
{
    AUTO(buf_free) struct buf in = BUF_INIT(8 << 20);
    char cc[3] = { sample[0], sample[1], 0 }, path[256];
    struct err err = { 0 };

    snprintf(path, sizeof path, NATIONAL_FOLDER "/%s", sample);
    assert_true(octets_of(path, &in));
    assert_true(read_octets(shipped_mapping(cc), path, in.data, in.len, read, &err));
    assert_non_null(read->canonical);
}

/* Losses of the second kind: those that take something away. Recoded and normalised values are told too. */
static size_t taken_away(const struct losses *losses)
{
    return losses_count(losses, LOSS_NO_EQUIVALENT) + losses_count(losses, LOSS_CUT) +
           losses_count(losses, LOSS_NARROWED) + losses_count(losses, LOSS_RECODED) +
           losses_count(losses, LOSS_NORMALISED);
}

static void test_same_form(void **state)
{
    const char *sample = *state;
    char cc[3] = { sample[0], sample[1], 0 };
    AUTO(translation_free) struct translation read = { 0 }, write = { 0 }, again = { 0 };
    AUTO(buf_free) struct buf before = BUF_INIT(8 << 20), after = BUF_INIT(8 << 20);
    AUTO(buf_free) struct buf lines = BUF_INIT(1 << 20);
    struct err err = { 0 };

    load(sample, &read);
    complete_header(read.canonical);
    if (!write_doc(shipped_mapping(cc), read.canonical, &read.attachments, &write, &err))
        fail_msg("%s", err.text);
    assert_true(read_octets(shipped_mapping(cc), "again", write.text.data, write.text.len,
                            &again, &err));
    assert_non_null(again.canonical);
    assert_int_equal(report_errors(&again.report), 0);
    complete_header(again.canonical);
    drop(xml_root(read.canonical), "Header"); /* technical: ids and times of the way */
    drop(xml_root(again.canonical), "Header");
    print(read.canonical, &before);
    print(again.canonical, &after);
    loss_lines(&write.losses, &lines);
    if (strcmp(buf_str(&before), buf_str(&after)) != 0 &&
        taken_away(&write.losses) == 0) {
        print_error("--- before\n%s\n--- after\n%s\n", buf_str(&before), buf_str(&after));
        fail_msg("%s comes back differently, and no loss says so", sample);
    }
}

/* To the other form and back to canonical: a difference needs a loss on the way. */
static void test_other_form(void **state)
{
    const char *sample = *state;
    const char *other = sample[0] == 'M' ? "UA" : "MD";
    AUTO(translation_free) struct translation read = { 0 }, write = { 0 }, again = { 0 };
    AUTO(buf_free) struct buf before = BUF_INIT(8 << 20), after = BUF_INIT(8 << 20);
    struct err err = { 0 };

    load(sample, &read);
    complete_header(read.canonical);
    expand_consents(read.canonical);
    if (!write_doc(shipped_mapping(other), read.canonical, &read.attachments, &write,
                   &err))
        fail_msg("%s", err.text);
    assert_true(read_octets(shipped_mapping(other), "again", write.text.data,
                            write.text.len, &again, &err));
    assert_non_null(again.canonical);
    assert_int_equal(report_errors(&again.report), 0);
    if (taken_away(&write.losses) > 0)
        return;
    /* Without a loss: the values are the same, though originals and forms are the other country's. */
    print(read.canonical, &before);
    print(again.canonical, &after);
    assert_true(after.len > 0);
}

int main(void)
{
    static char names[2 * COUNT_OF(samples)][96];
    struct CMUnitTest tests[2 * COUNT_OF(samples)];
    int failed;

    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        snprintf(names[2 * i], sizeof names[0], "same form: %s", samples[i]);
        snprintf(names[2 * i + 1], sizeof names[0], "other form: %s", samples[i]);
        tests[2 * i] =
            (struct CMUnitTest){ .name = names[2 * i],
                                 .test_func = test_same_form,
                                 .initial_state = (void *)(uintptr_t)samples[i] };
        tests[2 * i + 1] =
            (struct CMUnitTest){ .name = names[2 * i + 1],
                                 .test_func = test_other_form,
                                 .initial_state = (void *)(uintptr_t)samples[i] };
    }
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    shipped_free();
    return failed;
}

/*
 * Golden cases: folders anyone can add without C (mappings/README.md section 12).
 *
 *   mappings/national/CC/cases/NAME/in.*            what the office wrote
 *                                  canonical.xml    what is read out of it; absent: it is refused
 *                                  findings.json    problems of the document
 *                                  losses.json      losses of reading
 *                                  out.CC.*         what country CC gets; losses.out.CC.json its losses
 *
 * Every sample of a form reads without an error and is written again; every bad one is refused for the
 * reason its README gives. GOLDEN_ACCEPT=1 writes what came out instead of comparing (look at the diff).
 */
#include "support_mapping.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "format/json.h"
#include "format/xml.h"

#define CASES_MAX 400

struct golden {
    char name[160];
    char folder[256]; /* of the case; "" for a sample */
    char file[320];   /* to read */
    char cc[3];
    bool bad;
};

static struct golden goldens[CASES_MAX];
static struct CMUnitTest tests[CASES_MAX];
static size_t count;

static const char *const countries[] = { "MD", "UA", "BY", "AL" };

static bool accepting(void)
{
    return getenv("GOLDEN_ACCEPT") != NULL;
}

static void put_file(const char *path, const struct buf *text)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    fwrite(buf_str(text), 1, text->len, file);
    fclose(file);
}

/* An expectation that is not there is not asked, but when accepting. */
static void expect(const struct golden *g, const char *name, const struct buf *got)
{
    AUTO(buf_free) struct buf want = BUF_INIT(8 << 20);
    char path[512];

    snprintf(path, sizeof path, "%s/%s", g->folder, name);
    if (accepting()) {
        put_file(path, got);
        return;
    }
    if (!octets_of(path, &want))
        fail_msg("%s is missing", path);
    if (want.len != got->len || memcmp(buf_str(&want), buf_str(got), got->len) != 0) {
        print_error("--- %s, got:\n%s\n", path, buf_str(got));
        fail_msg("%s differs", path);
    }
}

static void print_losses(const struct losses *losses, struct buf *out)
{
    AUTO(json_drop) json_t *list = losses_json(losses);

    json_print_pretty(list, out);
}

static void print_findings(const struct report *report, struct buf *out)
{
    AUTO(json_drop) json_t *list = report_json(report);

    json_print_pretty(list, out);
}

static void expect_outs(const struct golden *g, const struct translation *read)
{
    for (size_t i = 0; i < COUNT_OF(countries); i++) {
        const struct mapping *to = shipped_mapping(countries[i]);
        AUTO(translation_free) struct translation write = { 0 };
        AUTO(buf_free) struct buf lines = BUF_INIT(1 << 20);
        struct err err = { 0 };
        char name[64], path[512];

        if (to == NULL)
            continue;
        snprintf(name, sizeof name, "out.%s.%s", countries[i], mapping_extension(to));
        snprintf(path, sizeof path, "%s/%s", g->folder, name);
        if (!file_is(path))
            continue;
        if (!write_doc(to, read->canonical, &read->attachments, &write, &err)) {
            report_print(&write.report, &lines);
            fail_msg("%s: %s\n%s", name, err.text, buf_str(&lines));
        }
        expect(g, name, &write.text);
        print_losses(&write.losses, &lines);
        snprintf(name, sizeof name, "losses.out.%s.json", countries[i]);
        expect(g, name, &lines);
    }
}

static void test_case(void **state)
{
    const struct golden *g = *state;
    const struct mapping *map = shipped_mapping(g->cc);
    AUTO(buf_free) struct buf in = BUF_INIT(8 << 20);
    AUTO(buf_free) struct buf lines = BUF_INIT(1 << 20);
    AUTO(translation_free) struct translation read = { 0 };
    struct err err = { 0 };
    char path[512];

    assert_non_null(map);
    assert_true(octets_of(g->file, &in));
    assert_true(
        read_octets(map, strrchr(g->file, '/') + 1, in.data, in.len, &read, &err));
    print_findings(&read.report, &lines);
    expect(g, "findings.json", &lines);
    buf_clear(&lines);
    print_losses(&read.losses, &lines);
    expect(g, "losses.json", &lines);
    snprintf(path, sizeof path, "%s/canonical.xml", g->folder);
    if (report_errors(&read.report) > 0) {
        assert_false(file_is(path));
        return;
    }
    assert_non_null(read.canonical);
    expect(g, "canonical.xml", &read.text);
    complete_header(read.canonical);
    expand_consents(read.canonical);
    expect_outs(g, &read);
}

static void show(const struct translation *t)
{
    AUTO(buf_free) struct buf lines = BUF_INIT(1 << 20);

    report_print(&t->report, &lines);
    print_error("%s", buf_str(&lines));
}

/* A good sample is read without an error, checked, and written again in every form we have. */
static void test_sample(void **state)
{
    const struct golden *g = *state;
    const struct mapping *map = shipped_mapping(g->cc);
    AUTO(buf_free) struct buf in = BUF_INIT(8 << 20);
    AUTO(translation_free) struct translation read = { 0 };
    struct err err = { 0 };

    assert_non_null(map);
    assert_true(octets_of(g->file, &in));
    assert_true(read_octets(map, g->file, in.data, in.len, &read, &err));
    if (report_errors(&read.report) > 0)
        show(&read);
    assert_int_equal(report_errors(&read.report), 0);
    assert_non_null(read.canonical);
    complete_header(read.canonical);
    expand_consents(read.canonical);
    check_canonical(read.canonical);
    for (size_t i = 0; i < COUNT_OF(countries); i++) {
        const struct mapping *to = shipped_mapping(countries[i]);
        AUTO(translation_free) struct translation write = { 0 };

        if (to == NULL)
            continue;
        if (!write_doc(to, read.canonical, &read.attachments, &write, &err)) {
            show(&write);
            fail_msg("to %s: %s", countries[i], err.text);
        }
        assert_true(write.text.len > 100);
    }
}

/* Which finding a bad sample must have: first check that can see it. */
static const struct {
    const char *file, *code, *field;
} reasons[] = {
    { "MD/samples/bad/01", "E-SCHEMA", "person.idnp" },
    { "MD/samples/bad/02", "E-CODE-UNKNOWN", "trafficking.exploitation[2]" },
    { "MD/samples/bad/03", "E-DATE", "person.birthDate" },
    { "MD/samples/bad/04", "E-CHECK-DIGIT", "person.idnp" },
    { "MD/samples/bad/05", "E-SCHEMA", "consents" },
    { "MD/samples/bad/06", "E-SCHEMA", "notes" },
    { "MD/samples/bad/07", "E-SCHEMA", "person.formerName" },
    { "MD/samples/bad/08", "E-ENCODING", NULL },
    { "UA/samples/bad/01", "E-ENCODING", NULL },
    { "UA/samples/bad/02", "E-CODE-UNKNOWN", "Osoba/StatusOsoby" },
    { "UA/samples/bad/03", "E-DATE", "Osoba/DataNarodzhennia" },
    { "UA/samples/bad/04", "E-CHECK-DIGIT", "Osoba/RNOKPP" },
    { "UA/samples/bad/05", "E-CONDITION", NULL },
    { "UA/samples/bad/06", "E-SCHEMA", "Osoba/UNZR" },
    { "UA/samples/bad/07", "E-SCHEMA", NULL },
    { "UA/samples/bad/08", "E-CONDITION", "//Header/service/serviceCode" },
    { "BY/samples/bad/01", "E-ENCODING", NULL },
    { "BY/samples/bad/02", "E-CODE-UNKNOWN", NULL },
    { "BY/samples/bad/03", "E-DATE", NULL },
    { "BY/samples/bad/04", "E-CHECK-DIGIT", NULL },
    { "BY/samples/bad/05", "E-CONDITION", NULL },
    { "BY/samples/bad/06", "E-SCHEMA", NULL },
    { "BY/samples/bad/07", "E-CODE-HOMOGLYPH", NULL },
    { "AL/samples/bad/01", "E-ENCODING", NULL },
    { "AL/samples/bad/02", "E-CODE-UNKNOWN", NULL },
    { "AL/samples/bad/03", "E-DATE", NULL },
    { "AL/samples/bad/04", "W-CHECK-DIGIT", NULL },
    { "AL/samples/bad/05", "E-CONDITION", NULL },
    { "AL/samples/bad/06", "E-SCHEMA", NULL },
    { "AL/samples/bad/07", "E-SCHEMA", NULL },
};

static bool finding_there(const struct report *report, const char *code,
                          const char *field)
{
    for (size_t i = 0; i < report->count; i++)
        if (text_eq(report->items[i].code, code) &&
            (field == NULL || text_eq(report->items[i].field, field)) &&
            !text_empty(report->items[i].text) && !text_empty(report->items[i].remedy))
            return true;
    return false;
}

static void test_bad(void **state)
{
    const struct golden *g = *state;
    const struct mapping *map = shipped_mapping(g->cc);
    AUTO(buf_free) struct buf in = BUF_INIT(8 << 20);
    AUTO(translation_free) struct translation read = { 0 };
    struct err err = { 0 };
    bool known = false;

    assert_non_null(map);
    assert_true(octets_of(g->file, &in));
    assert_true(read_octets(map, g->file, in.data, in.len, &read, &err));
    for (size_t i = 0; i < COUNT_OF(reasons); i++) {
        if (strstr(g->file, reasons[i].file) == NULL)
            continue;
        known = true;
        if (!finding_there(&read.report, reasons[i].code, reasons[i].field)) {
            show(&read);
            fail_msg("no %s", reasons[i].code);
        }
        if (reasons[i].code[0] == 'E')
            assert_true(report_errors(&read.report) > 0);
        else
            assert_int_equal(report_errors(&read.report), 0);
    }
    assert_true(known);
}

/* --- finding them ------------------------------------------------------------------------ */

static struct golden *add(const char *cc, const char *name, void (*run)(void **))
{
    struct golden *g = &goldens[count];

    if (count == CASES_MAX)
        abort();
    snprintf(g->cc, sizeof g->cc, "%.2s", cc);
    snprintf(g->name, sizeof g->name, "%s %s", cc, name);
    tests[count++] =
        (struct CMUnitTest){ .name = g->name, .test_func = run, .initial_state = g };
    return g;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list_folder(const char *path, struct strlist *ret)
{
    DIR *dir = opendir(path);
    struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.')
            strlist_add(ret, entry->d_name);
    if (dir != NULL)
        closedir(dir);
    if (ret->count > 1)
        qsort(ret->items, ret->count, sizeof *ret->items, by_name);
}

static void add_samples(const char *cc, const char *folder, void (*run)(void **))
{
    AUTO(strlist_free) struct strlist files = { 0 };

    list_folder(folder, &files);
    for (size_t i = 0; i < files.count; i++)
        if (text_ends(files.items[i], ".xml") || text_ends(files.items[i], ".json")) {
            struct golden *g = add(cc, files.items[i], run);

            snprintf(g->file, sizeof g->file, "%s/%s", folder, files.items[i]);
        }
}

static void add_cases(const char *cc)
{
    AUTO(strlist_free) struct strlist folders = { 0 };
    char base[128];

    snprintf(base, sizeof base, "%s/%s/cases", NATIONAL_FOLDER, cc);
    list_folder(base, &folders);
    for (size_t i = 0; i < folders.count; i++) {
        AUTO(strlist_free) struct strlist files = { 0 };
        char folder[256];

        snprintf(folder, sizeof folder, "%s/%.100s", base, folders.items[i]);
        list_folder(folder, &files);
        for (size_t k = 0; k < files.count; k++)
            if (text_starts(files.items[k], "in.")) {
                struct golden *g = add(cc, folders.items[i], test_case);

                snprintf(g->folder, sizeof g->folder, "%s", folder);
                snprintf(g->file, sizeof g->file, "%s/%.40s", folder, files.items[k]);
            }
    }
}

int main(void)
{
    int failed;

    for (size_t i = 0; i < COUNT_OF(countries); i++) {
        char folder[128];

        if (shipped_mapping(countries[i]) == NULL)
            continue;
        snprintf(folder, sizeof folder, "%s/%s/samples", NATIONAL_FOLDER, countries[i]);
        add_samples(countries[i], folder, test_sample);
        snprintf(folder, sizeof folder, "%s/%s/samples/bad", NATIONAL_FOLDER,
                 countries[i]);
        add_samples(countries[i], folder, test_bad);
        add_cases(countries[i]);
    }
    failed = _cmocka_run_group_tests("golden", tests, count, NULL, NULL);
    shipped_free();
    return failed;
}

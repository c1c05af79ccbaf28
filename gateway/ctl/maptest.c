/*
 * maptest.c - `trmctl map test`: golden cases and samples of every form, read again.
 *
 * A golden case (mappings/national/CC/cases/NAME/) says which findings, losses and canonical
 * document its input gives; a difference is a finding that names the file. A sample must read
 * without an error, one under samples/bad/ must give a finding of its own.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ctl/offline.h"
#include "exchange/bundles.h"
#include "format/json.h"
#include "format/xml.h"
#include "mapping/mapping.h"
#include "model/codes.h"
#include "model/fileset.h"
#include "model/findings.h"
#include "model/loss.h"

#define NATIONAL "mappings/national/"
#define XSD_NAME "mappings/canonical/referral-1.xsd"
#define TEXT_MAX (8 * 1024 * 1024)

struct test {
    const struct ctl_run *run;
    struct fileset *tree;
    struct codes *codes;
    struct report *report;
    struct civil today;
    size_t cases, samples;
};

static struct mapping *compile(struct test *t, const char *cc, struct err *err)
{
    AUTO(mem_free) char *folder = mem_printf(NATIONAL "%s", cc);
    AUTO(fileset_free) struct fileset *set = fileset_below(t->tree, folder);
    AUTO(mem_free) char *name = mem_printf("%s/mapping.json", folder);
    const struct file_item *text = fileset_get(t->tree, name);
    const struct file_item *xsd = fileset_get(t->tree, XSD_NAME);
    struct mapping_file files[MAPPING_FILES_MAX];
    size_t count = 0;

    if (text == NULL || xsd == NULL) {
        err_set(err, ERR_CONFIG, "ctl.missing", "%s or " XSD_NAME " is not there", name);
        return NULL;
    }
    for (size_t i = 0; i < fileset_count(set) && count < MAPPING_FILES_MAX; i++) {
        const struct file_item *f = fileset_at(set, i);

        if (strchr(f->name, '/') == NULL &&
            (text_ends(f->name, ".xsd") || text_ends(f->name, ".schema.json")))
            files[count++] = (struct mapping_file){ f->name, f->data, f->len };
    }
    AUTO(json_doc_free)
    struct json_doc *base =
        json_doc_parse(name, text->data, text->len, ERR_CONFIG, &json_limits_config, err);
    if (base == NULL)
        return NULL;
    const struct mapping_sources sources = { .base = base,
                                             .files = files,
                                             .file_count = count,
                                             .canonical_xsd = xsd->data,
                                             .canonical_xsd_len = xsd->len,
                                             .codes = t->codes };
    return mapping_compile(&sources, t->report, err);
}

/* --- one document ------------------------------------------------------------------------- */

struct reading {
    xmlDoc *doc;
    struct mapping_attachments attachments;
    struct losses losses;
    struct report report;
};

static void reading_free(struct reading *r)
{
    xml_doc_free(&r->doc);
    mapping_attachments_free(&r->attachments);
    losses_free(&r->losses);
    report_free(&r->report);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

static bool read_it(struct test *t, const struct mapping *map, const struct file_item *f,
                    struct reading *r, struct err *err)
{
    const struct mapping_context context = { .today = t->today,
                                             .file = base_name(f->name) };

    return mapping_read(map, f->data, f->len, &context, &r->doc, &r->attachments,
                        &r->losses, &r->report, err);
}

static void wrong(struct test *t, const char *file, const char *text, const char *remedy)
{
    report_add(t->report,
               &(struct report_entry){
                   .code = "E-GOLDEN", .file = file, .text = text, .remedy = remedy });
}

/* --- golden cases ------------------------------------------------------------------------- */

static void compare(struct test *t, const char *folder, const char *name,
                    const struct buf *got)
{
    AUTO(mem_free) char *path = mem_printf("%s/%s", folder, name);
    const struct file_item *want = fileset_get(t->tree, path);

    if (want == NULL)
        wrong(t, path, "is not there", "write what the case gives");
    else if (want->len != got->len || memcmp(want->data, buf_str(got), got->len) != 0)
        wrong(t, path, "is not what the mapping gives now",
              "look at the difference: it is what an officer will see");
}

static void compare_json(struct test *t, const char *folder, const char *name,
                         json_t *taken)
{
    AUTO(buf_free) struct buf text = BUF_INIT(TEXT_MAX);
    AUTO(json_drop) json_t *value = taken;

    json_print_pretty(value, &text);
    compare(t, folder, name, &text);
}

static void golden(struct test *t, const struct mapping *map, const struct file_item *f)
{
    AUTO(reading_free) struct reading r = { 0 };
    AUTO(mem_free) char *folder = mem_strndup(f->name, strrchr(f->name, '/') - f->name);
    AUTO(buf_free) struct buf text = BUF_INIT(TEXT_MAX);
    struct err err = { 0 };

    t->cases++;
    if (!read_it(t, map, f, &r, &err)) {
        wrong(t, f->name, err.text, NULL);
        return;
    }
    compare_json(t, folder, "findings.json", report_json(&r.report));
    compare_json(t, folder, "losses.json", losses_json(&r.losses));
    if (report_errors(&r.report) > 0 || r.doc == NULL)
        return;
    if (!xml_print(r.doc, &(struct xml_style){ .indent = true }, &text, &err))
        wrong(t, f->name, err.text, NULL);
    else
        compare(t, folder, "canonical.xml", &text);
}

/* --- samples ------------------------------------------------------------------------------ */

static void sample(struct test *t, const struct mapping *map, const struct file_item *f,
                   bool bad)
{
    AUTO(reading_free) struct reading r = { 0 };
    struct err err = { 0 };

    t->samples++;
    if (!read_it(t, map, f, &r, &err))
        wrong(t, f->name, err.text, NULL);
    else if (bad && r.report.count == 0)
        wrong(t, f->name, "a bad sample gives no finding", NULL);
    else if (!bad && report_errors(&r.report) > 0)
        report_append(t->report, &r.report);
}

static bool is_document(const char *name)
{
    return text_ends(name, ".xml") || text_ends(name, ".json");
}

static void test_form(struct test *t, const char *cc)
{
    AUTO(mem_free) char *cases = mem_printf(NATIONAL "%s/cases/", cc);
    AUTO(mem_free) char *samples = mem_printf(NATIONAL "%s/samples/", cc);
    AUTO(mem_free) char *bad = mem_printf(NATIONAL "%s/samples/bad/", cc);
    struct err err = { 0 };
    AUTO(mapping_free) struct mapping *map = compile(t, cc, &err);

    if (map == NULL) {
        wrong(t, cc, err.text, NULL);
        return;
    }
    for (size_t i = 0; i < fileset_count(t->tree); i++) {
        const struct file_item *f = fileset_at(t->tree, i);

        if (text_starts(f->name, cases) && text_starts(base_name(f->name), "in.") &&
            is_document(f->name))
            golden(t, map, f);
        else if (text_starts(f->name, samples) && is_document(f->name))
            sample(t, map, f, text_starts(f->name, bad));
    }
}

/* --- whole -------------------------------------------------------------------------------- */

static void countries(const struct test *t, struct strlist *ret)
{
    for (size_t i = 0; i < fileset_count(t->tree); i++) {
        const char *name = fileset_at(t->tree, i)->name;

        if (!text_starts(name, NATIONAL) || !text_ends(name, "/mapping.json"))
            continue;
        const char *cc = name + strlen(NATIONAL);
        AUTO(mem_free) char *code = mem_strndup(cc, strcspn(cc, "/"));
        if (!strlist_has(ret, code))
            strlist_add(ret, code);
    }
}

static bool open_tree(struct test *t, struct err *err)
{
    AUTO(fileset_free) struct fileset *lists = NULL;

    t->tree = bundle_tree(offline_tree(t->run), err);
    if (t->tree == NULL)
        return false;
    lists = fileset_below(t->tree, "mappings/lists");
    t->codes = codes_load(lists, err);
    return t->codes != NULL;
}

static int test_all(struct test *t, const struct strlist *named)
{
    AUTO(strlist_free) struct strlist all = { 0 };

    countries(t, &all);
    for (size_t i = 0; i < all.count; i++)
        if (named->count == 0 || strlist_has(named, all.items[i]))
            test_form(t, all.items[i]);
    AUTO(mem_free)
    char *good = mem_printf("%zu golden cases, %zu samples", t->cases, t->samples);
    if (t->cases + t->samples == 0) {
        fputs("trmctl: there is nothing to test: name countries that have a mapping\n",
              stderr);
        return EX_NOINPUT;
    }
    return offline_report(t->run, t->report, good);
}

int ctl_map_test(struct ctl_run *run)
{
    AUTO(report_free) struct report report = { 0 };
    struct test t = { .run = run, .report = &report };
    int64_t at_ms;
    struct err err = { 0 };
    int rc;

    if (!offline_at(run, &at_ms, &err)) {
        (void)ctl_fail(&err);
        return EX_USAGE;
    }
    t.today = civil_of_days(at_ms / DAY_MS);
    rc = open_tree(&t, &err) ? test_all(&t, &run->args) : ctl_fail(&err);
    codes_free(&t.codes);
    fileset_free(&t.tree);
    return rc;
}

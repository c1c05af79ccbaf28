#include "support_agreement.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "format/xml.h"

int64_t test_instant(const char *text)
{
    int64_t ms = 0;

    assert_true(instant_parse(text, strlen(text), &ms));
    return ms;
}

static void add_folder(struct fileset *to, const char *folder)
{
    struct err err = { 0 };
    AUTO(fileset_free) struct fileset *part = fileset_load(folder, &err);

    if (part == NULL)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < fileset_count(part); i++) {
        const struct file_item *item = fileset_at(part, i);
        AUTO(mem_free) char *name = mem_printf("%s/%s", folder, item->name);

        if (!fileset_add(to, name, item->data, item->len, &err))
            fail_msg("%s", err.text);
    }
}

struct fileset *test_tree(void)
{
    struct fileset *set = fileset_new();

    add_folder(set, "agreements");
    add_folder(set, "mappings/canonical");
    add_folder(set, "mappings/lists");
    return set;
}

struct fileset *test_whole_tree(void)
{
    struct fileset *set = fileset_new();

    add_folder(set, "agreements");
    add_folder(set, "mappings");
    return set;
}

struct fileset *test_tree_with(const char *name, const char *text)
{
    AUTO(fileset_free) struct fileset *tree = test_tree();
    struct fileset *set = fileset_new();
    struct err err = { 0 };

    for (size_t i = 0; i < fileset_count(tree); i++) {
        const struct file_item *item = fileset_at(tree, i);

        if (!text_eq(item->name, name))
            assert_true(fileset_add(set, item->name, item->data, item->len, &err));
    }
    if (text != NULL)
        assert_true(fileset_add(set, name, text, strlen(text), &err));
    return set;
}

static struct path_table *paths;
static struct {
    char id[32];
    struct agreement *agreement;
} loaded[16];

const struct path_table *test_paths(void)
{
    struct err err = { 0 };
    AUTO(buf_free) struct buf xsd = BUF_INIT(8 * 1024 * 1024);

    if (paths != NULL)
        return paths;
    if (!file_read("mappings/canonical/referral-1.xsd", &xsd, &err))
        fail_msg("%s", err.text);
    paths = path_compile(xsd.data, xsd.len, &err);
    if (paths == NULL)
        fail_msg("%s", err.text);
    return paths;
}

struct agreement *test_agreement_of(struct fileset *tree, const char *id)
{
    struct err err = { 0 };
    struct agreement *a = agreement_load(tree, id, test_paths(), &err);

    if (a == NULL)
        fail_msg("%s: %s", err.code, err.text);
    return a;
}

const struct agreement *test_agreement(const char *id)
{
    AUTO(fileset_free) struct fileset *tree = NULL;
    size_t i = 0;

    for (; i < COUNT_OF(loaded) && loaded[i].agreement != NULL; i++)
        if (text_eq(loaded[i].id, id))
            return loaded[i].agreement;
    assert_true(i < COUNT_OF(loaded));
    tree = test_tree();
    snprintf(loaded[i].id, sizeof loaded[i].id, "%s", id);
    loaded[i].agreement = test_agreement_of(tree, id);
    return loaded[i].agreement;
}

void test_end(void)
{
    for (size_t i = 0; i < COUNT_OF(loaded); i++)
        agreement_free(&loaded[i].agreement);
    path_free(&paths);
    xml_shutdown();
}

char *test_edit(const char *text, const char *part, const char *by)
{
    const char *at = strstr(text, part);

    if (at == NULL)
        fail_msg("\"%s\" is not there to be replaced", part);
    return mem_printf("%.*s%s%s", (int)(at - text), text, by, at + strlen(part));
}

char *test_file(const char *path)
{
    AUTO(buf_free) struct buf text = BUF_INIT(8 * 1024 * 1024);
    struct err err = { 0 };

    if (!file_read(path, &text, &err))
        fail_msg("%s", err.text);
    return buf_detach(&text);
}

xmlDoc *test_referral(const char *kind, const char *sections)
{
    AUTO(mem_free)
    char *text = mem_printf("<Referral xmlns='urn:trm:referral:1' kind='%s' minor='0' "
                            "environment='demo'><Header/>%s</Referral>",
                            kind, sections);
    struct err err = { 0 };
    xmlDoc *doc;

    xml_init();
    doc = xml_parse_utf8(text, strlen(text), NULL, &err);
    if (doc == NULL)
        fail_msg("%s", err.text);
    return doc;
}

struct decide_input test_input(const xmlDoc *doc)
{
    return (struct decide_input){
        .agreement = test_agreement("MDUA-1"),
        .doc = doc,
        .now_ms = NOW,
        .environment = "demo",
        .from_office = "MD-COORD",
        .to_office = "UA-COORD",
    };
}

bool test_refused(const struct verdicts *v, const char *code)
{
    for (size_t i = 0; i < v->refusal_count; i++)
        if (text_eq(v->refusals[i].code, code))
            return true;
    return false;
}

const struct verdict *test_verdict(const struct verdicts *v, const char *path)
{
    for (size_t i = 0; i < v->count; i++)
        if (text_eq(v->items[i].path, path))
            return &v->items[i];
    fail_msg("no verdict on %s", path);
    return NULL;
}

char *test_print(const xmlDoc *doc)
{
    AUTO(buf_free) struct buf out = BUF_INIT(8 * 1024 * 1024);
    struct err err = { 0 };

    if (!xml_print(doc, NULL, &out, &err))
        fail_msg("%s", err.text);
    return buf_detach(&out);
}

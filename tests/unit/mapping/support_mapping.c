/*
 * support_mapping.c - loading what is shipped, and translating with it.
 */
#include "support_mapping.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"
#include "format/finding.h"
#include "format/json.h"
#include "format/xml.h"
#include "format/xsd.h"
#include "model/fileset.h"
#include "model/path.h"
#include "model/referral.h"

static struct codes *codes;
static struct path_table *paths;
static struct {
    char cc[3];
    struct mapping *map;
} maps[8];
static size_t map_count;

void translation_free(struct translation *t)
{
    xml_doc_free(&t->canonical);
    mapping_attachments_free(&t->attachments);
    losses_free(&t->losses);
    report_free(&t->report);
    buf_free(&t->text);
    *t = (struct translation){ 0 };
}

bool file_is(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0;
}

bool octets_of(const char *path, struct buf *out)
{
    FILE *file = fopen(path, "rb");
    char octets[8192];
    size_t n;

    if (file == NULL)
        return false;
    while ((n = fread(octets, 1, sizeof octets, file)) > 0)
        buf_add(out, octets, n);
    fclose(file);
    return true;
}

const struct codes *shipped_codes(void)
{
    struct err err = { 0 };

    xml_init();
    if (codes == NULL) {
        AUTO(fileset_free) struct fileset *files = fileset_load("mappings/lists", &err);

        if (files != NULL)
            codes = codes_load(files, &err);
        if (codes == NULL)
            fail_msg("code lists: %s", err.text);
    }
    return codes;
}

static struct mapping *compile(const char *cc, const struct json_doc *base,
                               const struct json_doc *agreement, struct report *ret,
                               struct err *err)
{
    AUTO(buf_free) struct buf xsd = BUF_INIT(4 << 20);
    AUTO(fileset_free) struct fileset *set = NULL;
    struct mapping_file files[MAPPING_FILES_MAX];
    char folder[256];
    size_t count = 0;

    snprintf(folder, sizeof folder, "%s/%s", NATIONAL_FOLDER, cc);
    set = fileset_load(folder, err);
    if (set == NULL || !octets_of("mappings/canonical/referral-1.xsd", &xsd))
        return NULL;
    for (size_t i = 0; i < fileset_count(set) && count < MAPPING_FILES_MAX; i++) {
        const struct file_item *item = fileset_at(set, i);

        if (strchr(item->name, '/') == NULL &&
            (text_ends(item->name, ".xsd") || text_ends(item->name, ".schema.json")))
            files[count++] = (struct mapping_file){ item->name, item->data, item->len };
    }
    return mapping_compile(&(struct mapping_sources){ .base = base,
                                                      .agreement = agreement,
                                                      .files = files,
                                                      .file_count = count,
                                                      .canonical_xsd = xsd.data,
                                                      .canonical_xsd_len = xsd.len,
                                                      .codes = shipped_codes() },
                           ret, err);
}

const struct mapping *shipped_mapping(const char *cc)
{
    AUTO(json_doc_free) struct json_doc *base = NULL;
    AUTO(report_free) struct report report = { 0 };
    AUTO(buf_free) struct buf lines = BUF_INIT(1 << 20);
    struct err err = { 0 };
    char path[256];

    for (size_t i = 0; i < map_count; i++)
        if (text_eq(maps[i].cc, cc))
            return maps[i].map;
    shipped_codes();
    snprintf(path, sizeof path, "%s/%s/mapping.json", NATIONAL_FOLDER, cc);
    if (!file_is(path))
        return NULL;
    base = json_doc_load(path, &json_limits_config, &err);
    if (base == NULL)
        fail_msg("%s: %s", path, err.text);
    snprintf(maps[map_count].cc, sizeof maps[0].cc, "%.2s", cc);
    maps[map_count].map = compile(cc, base, NULL, &report, &err);
    if (maps[map_count].map == NULL) {
        report_print(&report, &lines);
        printf("%s", buf_str(&lines));
        fail_msg("%s: %s", path, err.text);
    }
    return maps[map_count++].map;
}

void shipped_free(void)
{
    for (size_t i = 0; i < map_count; i++)
        mapping_free(&maps[i].map);
    map_count = 0;
    codes_free(&codes);
    path_free(&paths);
}

struct mapping *compile_text_of(const char *cc, const char *name, const char *text,
                                const char *agreement, struct report *ret,
                                struct err *err)
{
    AUTO(json_doc_free) struct json_doc *base = NULL;
    AUTO(json_doc_free) struct json_doc *over = NULL;

    shipped_codes();
    base = json_doc_parse(name, text, strlen(text), ERR_CONFIG, &json_limits_config, err);
    if (base == NULL)
        return NULL;
    if (agreement != NULL) {
        over = json_doc_parse("agreement.json", agreement, strlen(agreement), ERR_CONFIG,
                              &json_limits_config, err);
        if (over == NULL)
            return NULL;
    }
    return compile(cc, base, over, ret, err);
}

bool read_octets(const struct mapping *map, const char *file, const void *data,
                 size_t len, struct translation *t, struct err *err)
{
    const struct mapping_context context = { .today = { 2026, 11, 24 }, .file = file };

    t->text.max = 8 << 20;
    if (!mapping_read(map, data, len, &context, &t->canonical, &t->attachments,
                      &t->losses, &t->report, err))
        return false;
    return t->canonical == NULL ||
           xml_print(t->canonical, &(struct xml_style){ .indent = true }, &t->text, err);
}

bool write_doc(const struct mapping *map, const xmlDoc *doc,
               const struct mapping_attachments *attachments, struct translation *t,
               struct err *err)
{
    const struct mapping_context context = { .today = { 2026, 11, 24 }, .file = "out" };

    t->text.max = 8 << 20;
    return mapping_write(map, doc, &context, attachments, &t->text, &t->losses,
                         &t->report, err);
}

static const struct path_table *table(void)
{
    AUTO(buf_free) struct buf xsd = BUF_INIT(4 << 20);
    struct err err = { 0 };

    if (paths == NULL) {
        assert_true(octets_of("mappings/canonical/referral-1.xsd", &xsd));
        paths = path_compile(xsd.data, xsd.len, &err);
        if (paths == NULL)
            fail_msg("%s", err.text);
    }
    return paths;
}

static void add_purpose(xmlNode *consent, const char *code)
{
    xmlNode *purpose = path_add(table(), consent, "Purpose");

    assert_non_null(purpose);
    xml_set(purpose, NULL, "code", code);
}

void expand_consents(xmlDoc *doc)
{
    static const struct {
        const char *item, *purpose;
    } items[] = {
        { "Согласие", "RETURN" },
        { "Согласие", "IDENTITY" },
        { "Согласие", "ASSIST" },
        { "PelqimiAutoritetiHuaj", "RETURN" },
        { "PelqimiSherbimiKonsullor", "IDENTITY" },
        { "PelqimiSherbimiSocial", "ASSIST" },
        { "PelqimiPolicia", "CRIMINAL" },
        { "PelqimiShendetesia", "HEALTH" },
        { "PelqimiOjf", "FOLLOWUP" },
    };
    const struct code_list *list = codes_list(shipped_codes(), "consent_purpose");

    for (xmlNode *n = xml_first(xml_root(doc)); n != NULL; n = xml_next(n)) {
        const char *form = xml_attr(n, NULL, "form"), *item = xml_attr(n, NULL, "item");
        const struct code_in *in;
        char cc[3] = "";

        if (!xml_is(n, REFERRAL_NS, "Consent") || form == NULL || item == NULL)
            continue;
        snprintf(cc, sizeof cc, "%.2s", form);
        in = code_in(list, cc, text_starts(item, "Tsil=") ? item + 5 : item, false);
        if (in != NULL)
            add_purpose(n, in->canonical);
        for (size_t i = 0; i < COUNT_OF(items); i++)
            if (text_eq(items[i].item, item))
                add_purpose(n, items[i].purpose);
    }
}

/* What exchange writes into the header before anything is translated further. */
void complete_header(xmlDoc *doc)
{
    struct referral_header header = { 0 };
    struct err err = { 0 };

    if (!xml_attr(xml_root(doc), NULL, "environment"))
        xml_set(xml_root(doc), NULL, "environment", "demo");
    if (!referral_header_read(doc, &header, &err))
        fail_msg("%s", err.text);
    snprintf(header.message_id, sizeof header.message_id,
             "11111111-2222-4333-8444-555555555555");
    if (header.case_id[0] == '\0')
        snprintf(header.case_id, sizeof header.case_id, "AAAA-BBBB-CCCC-7");
    snprintf(header.sender_gateway, sizeof header.sender_gateway, "XX-GW1");
    snprintf(header.receiver_gateway, sizeof header.receiver_gateway, "YY-GW1");
    snprintf(header.agreement_version, sizeof header.agreement_version, "1");
    memset(header.agreement_digest, '0', sizeof header.agreement_digest - 1);
    snprintf(header.leg, sizeof header.leg, "XX-YY");
    header.created_ms = INT64_C(1795510800000);
    header.sequence = 1;
    referral_header_write(doc, table(), &header);
}

void loss_lines(const struct losses *losses, struct buf *out)
{
    for (size_t i = 0; i < losses->count; i++) {
        const struct loss *l = &losses->items[i];

        buf_addf(out, "%s %s %s [%s] %s%s%s%s: %s\n", loss_kind_name(l->kind),
                 l->field == NULL ? "-" : l->field, l->path == NULL ? "-" : l->path,
                 l->rule == NULL ? "-" : l->rule, l->list == NULL ? "" : l->list,
                 l->list == NULL || l->from == NULL ? "" : " ",
                 l->list == NULL || l->from == NULL ? "" : l->from,
                 l->list == NULL || l->to == NULL ? "" : l->to,
                 l->reason == NULL ? "" : l->reason);
    }
}

uint32_t dice_roll(struct dice *dice, uint32_t below)
{
    dice->state =
        dice->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(dice->state >> 33) % below;
}

/* The canonical schema accepts what was read, once exchange has added what it knows. */
void check_canonical(xmlDoc *doc)
{
    AUTO(buf_free) struct buf xsd = BUF_INIT(4 << 20);
    AUTO(xsd_free) struct xsd *schema = NULL;
    AUTO(findings_free) struct findings found = { 0 };
    struct err err = { 0 };
    struct xsd_file file = { "referral-1.xsd", NULL, 0 };

    assert_true(octets_of("mappings/canonical/referral-1.xsd", &xsd));
    file.data = xsd.data;
    file.len = xsd.len;
    schema = xsd_compile(&file, 1, file.name, &err);
    if (schema == NULL)
        fail_msg("%s", err.text);
    for (xmlNode *n = xml_first(xml_root(doc)); n != NULL; n = xml_next(n))
        if (xml_is(n, REFERRAL_NS, "Attachment")) {
            if (xml_attr(n, NULL, "sha256") == NULL)
                xml_set(
                    n, NULL, "sha256",
                    "0000000000000000000000000000000000000000000000000000000000000000");
            if (xml_attr(n, NULL, "mediaType") == NULL)
                xml_set(n, NULL, "mediaType", "application/pdf");
            if (xml_attr(n, NULL, "size") == NULL)
                xml_set(n, NULL, "size", "0");
        }
    assert_true(xsd_validate(schema, doc, &found, &err));
    for (size_t i = 0; i < found.count; i++)
        print_error("%s: %s (%s)\n", found.items[i].place, found.items[i].text,
                    found.items[i].rule);
    assert_int_equal(found.count, 0);
}

/*
 * case_file.c - load, move and save what we keep of a case.
 *
 * All of it happens inside the transaction of the message that causes it, so that message and
 * state are never apart. Sealed records are small and written whole.
 */
#include "exchange/case_file.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "format/json.h"
#include "format/xml.h"
#include "model/path.h"
#include "model/referral.h"
#include "store/store.h"

#define FACTS_MAX (64 * 1024) /* octets of the record "facts" */

void case_file_free(struct case_file **file)
{
    if (*file == NULL)
        return;
    xml_doc_free(&(*file)->consents);
    strlist_free(&(*file)->asked_by_us);
    strlist_free(&(*file)->asked_by_them);
    mem_wipe(*file, sizeof **file);
    mem_free(file);
}

/* --- the sealed record "facts" ------------------------------------------------------------ */

static void read_paths(const json_t *array, struct strlist *out)
{
    size_t i;
    json_t *item;

    json_array_foreach (array, i, item)
        if (json_is_string(item))
            strlist_add(out, json_string_value(item));
}

static void read_text(const json_t *facts, const char *key, char *out, size_t size)
{
    const char *text = json_string_value(json_object_get(facts, key));

    snprintf(out, size, "%s", text != NULL ? text : "");
}

static bool facts_load(struct store_tx *tx, struct case_file *f, struct err *err)
{
    AUTO(buf_free) struct buf text = BUF_SECRET_INIT(FACTS_MAX);
    AUTO(json_drop) json_t *facts = NULL;
    bool found;

    if (!case_blob_get(tx, f->row.id, "facts", &text, &found, err))
        return false;
    if (!found)
        return true;
    facts = json_parse(buf_str(&text), text.len, NULL, err);
    if (facts == NULL)
        return err_context(err, "record of case %s", f->row.id);
    read_paths(json_object_get(facts, "askedByUs"), &f->asked_by_us);
    read_paths(json_object_get(facts, "askedByThem"), &f->asked_by_them);
    read_text(facts, "ownNumber", f->own_number, sizeof f->own_number);
    read_text(facts, "theirNumber", f->their_number, sizeof f->their_number);
    read_text(facts, "person", f->person, sizeof f->person);
    read_text(facts, "birthDate", f->birth_date, sizeof f->birth_date);
    read_text(facts, "beneficiary", f->beneficiary, sizeof f->beneficiary);
    return true;
}

static json_t *paths_json(const struct strlist *list)
{
    json_t *array = json_array();

    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(array, json_string(list->items[i]));
    return array;
}

static bool facts_save(struct store_tx *tx, const struct case_file *f, struct err *err)
{
    AUTO(json_drop)
    json_t *facts = json_pack("{s:o, s:o, s:s, s:s, s:s, s:s, s:s}", "askedByUs",
                              paths_json(&f->asked_by_us), "askedByThem",
                              paths_json(&f->asked_by_them), "ownNumber", f->own_number,
                              "theirNumber", f->their_number, "person", f->person,
                              "birthDate", f->birth_date, "beneficiary", f->beneficiary);
    AUTO(buf_free) struct buf text = BUF_SECRET_INIT(FACTS_MAX);

    if (facts == NULL)
        return err_set(err, ERR_BUG, "case.facts", "record of case %s", f->row.id);
    json_print(facts, &text);
    return buf_check(&text, "record of the case", err) &&
           case_blob_put(tx, f->row.id, "facts", buf_str(&text), text.len, err);
}

/* --- the sealed record "consents" --------------------------------------------------------- */

static bool consents_load(struct store_tx *tx, struct case_file *f, struct err *err)
{
    AUTO(buf_free) struct buf text = BUF_SECRET_INIT(CASE_BLOB_MAX);
    bool found;

    if (!case_blob_get(tx, f->row.id, "consents", &text, &found, err))
        return false;
    if (!found)
        return true;
    f->consents = xml_parse_utf8(buf_str(&text), text.len, NULL, err);
    return f->consents != NULL || err_context(err, "consents of case %s", f->row.id);
}

static bool consents_save(struct store_tx *tx, const struct case_file *f, struct err *err)
{
    AUTO(buf_free) struct buf text = BUF_SECRET_INIT(CASE_BLOB_MAX);

    if (f->consents == NULL)
        return true;
    return xml_print(f->consents, NULL, &text, err) &&
           case_blob_put(tx, f->row.id, "consents", buf_str(&text), text.len, err);
}

void case_file_take_consents(struct case_file *f, const xmlDoc *doc,
                             const struct path_table *paths)
{
    xmlNode *from = referral_section(doc, "Consent");

    (void)paths;
    if (from == NULL)
        return;
    xml_doc_free(&f->consents);
    f->consents = referral_new("M01", ENVIRONMENT_LIVE);
    xmlNode *root = referral_root(f->consents);
    for (; from != NULL; from = xml_again(from)) {
        xmlNode *copy = xmlDocCopyNode(from, f->consents, 1);

        xmlAddChild(root, copy);
        xmlReconciliateNs(f->consents, copy);
    }
}

/* --- whole -------------------------------------------------------------------------------- */

bool case_file_load(struct store_tx *tx, const char *case_id, struct case_file **ret,
                    struct err *err)
{
    AUTO(case_file_free) struct case_file *f = mem_alloc(sizeof *f);
    bool found;

    *ret = NULL;
    if (!case_get(tx, case_id, &f->row, &found, err))
        return false;
    if (!found)
        return true;
    if (!case_role_parse(f->row.role, &f->role) ||
        !case_state_parse(f->row.state, &f->state))
        return err_set(err, ERR_BUG, "case.row", "case %s: role or state not known",
                       case_id);
    if (!facts_load(tx, f, err) || !consents_load(tx, f, err))
        return false;
    *ret = TAKE(f);
    return true;
}

bool case_file_save(struct store_tx *tx, const struct case_file *f, struct err *err)
{
    return facts_save(tx, f, err) && consents_save(tx, f, err);
}

bool case_file_move(struct store_tx *tx, struct case_file *f, enum case_trigger trigger,
                    struct err *err)
{
    enum case_state next;
    bool changed;

    if (!case_state_next(f->state, trigger, &next, err))
        return false;
    if (next == f->state)
        return true;
    const struct case_change change = { .from_state = case_state_name(f->state),
                                        .state = case_state_name(next),
                                        .closed =
                                            next == CASE_CLOSED || next == CASE_ERASED };
    if (!case_set_state(tx, f->row.id, &change, &changed, err))
        return false;
    if (!changed)
        return err_set(err, ERR_RETRY, "case.moved", "case %s was changed meanwhile",
                       f->row.id);
    f->state = next;
    return STORE_COPY(f->row.state, case_state_name(next));
}

bool case_file_receipt(struct store_tx *tx, const char *case_id, struct err *err)
{
    struct case_row row;
    bool found, changed;
    const struct case_change change = { .from_state = case_state_name(CASE_SENT),
                                        .state = case_state_name(CASE_DELIVERED) };

    if (!case_get(tx, case_id, &row, &found, err))
        return false;
    if (!found || !text_eq(row.state, case_state_name(CASE_SENT)))
        return true; /* an answer overtook the receipt */
    return case_set_state(tx, case_id, &change, &changed, err);
}

/* Surname, given name, patronymic of the first legal name. */
static void take_name(struct case_file *f, const xmlDoc *doc)
{
    static const char *const parts[] = { "Person/Name[type=legal]/Surname",
                                         "Person/Name[type=legal]/Given",
                                         "Person/Name[type=legal]/Patronymic" };
    size_t used = 0;

    f->person[0] = '\0';
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        const char *text = referral_value(doc, parts[i]);

        if (text == NULL || text[0] == '\0')
            continue;
        int n = snprintf(f->person + used, sizeof f->person - used, "%s%s",
                         used > 0 ? " " : "", text);
        if (n < 0 || (size_t)n >= sizeof f->person - used) {
            f->person[used] = '\0'; /* whole parts only */
            return;
        }
        used += (size_t)n;
    }
}

void case_file_take_person(struct case_file *f, const xmlDoc *doc)
{
    const char *born = referral_value(doc, "Person/BirthDate");
    const char *who = referral_value(doc, "Case/Beneficiary");

    take_name(f, doc);
    snprintf(f->birth_date, sizeof f->birth_date, "%s", born != NULL ? born : "");
    snprintf(f->beneficiary, sizeof f->beneficiary, "%s", who != NULL ? who : "");
}

/* --- questions ---------------------------------------------------------------------------- */

/* The canonical path a Question or an Answer names. */
static const char *path_of_item(const xmlNode *item)
{
    struct err err = { 0 };
    const xmlNode *path = xml_child(item, REFERRAL_NS, "Path");

    return path == NULL ? NULL : xml_leaf(path, &err);
}

static void remove_path(struct strlist *list, const char *path)
{
    for (size_t i = 0; i < list->count; i++) {
        if (!text_eq(list->items[i], path))
            continue;
        mem_free(&list->items[i]);
        list->items[i] = list->items[--list->count];
        return;
    }
}

void case_file_ask(struct case_file *f, bool by_us, const xmlDoc *m05)
{
    struct strlist *open = by_us ? &f->asked_by_us : &f->asked_by_them;
    const xmlNode *request = referral_section(m05, "InfoRequest");

    for (const xmlNode *q = xml_child(request, REFERRAL_NS, "Question"); q != NULL;
         q = xml_again(q)) {
        const char *path = path_of_item(q);

        if (path != NULL && !strlist_has(open, path))
            strlist_add(open, path);
    }
}

bool case_file_answer(struct case_file *f, bool asked_by_us, const xmlDoc *m06)
{
    struct strlist *open = asked_by_us ? &f->asked_by_us : &f->asked_by_them;
    const xmlNode *response = referral_section(m06, "InfoResponse");

    for (const xmlNode *a = xml_child(response, REFERRAL_NS, "Answer"); a != NULL;
         a = xml_again(a)) {
        const char *path = path_of_item(a);

        if (path != NULL)
            remove_path(open, path);
    }
    return open->count == 0;
}

/*
 * prune.c - a document without what was withheld, and without any trace of it.
 *
 * Attributes first, then elements; a group that is left empty goes too, and what pointed to an
 * attachment that went. An answer that says PROVIDED while nothing of its value is left says
 * NOT_PERMITTED. Each withheld field becomes one loss with path, category and clause: no value, not
 * even its length.
 */
#include "agreement/decide_private.h"
#include "base/err.h"
#include "base/mem.h"
#include "format/xml.h"
#include "model/loss.h"
#include "model/referral.h"

/* Verdicts are about a document they may not change; here it is ours to change. */
static xmlNode *ours(const xmlNode *node)
{
    return (xmlNode *)(uintptr_t)node;
}

static void tell(const struct verdict *v, struct losses *losses)
{
    struct loss loss = {
        .kind = LOSS_WITHHELD,
        .field = xml_attr(v->node, NULL, "field"),
        .path = v->path[0] != '\0' ? v->path : NULL,
        .clause = v->clause[0] != '\0' ? v->clause : NULL,
        .reason = v->reason,
        .category = v->category,
        .count = 1,
    };

    if (losses != NULL)
        losses_add(losses, &loss);
}

/* --- taking out ----------------------------------------------------------------------------- */

static bool has_own_value(const struct path_table *paths, const xmlNode *node)
{
    const struct path_row *row = path_of(paths, node, NULL);

    return row != NULL && (row->coded || row->text);
}

/* Groups that hold nothing any more go, up to the section. */
static void drop_empty(const struct path_table *paths, xmlNode *node, const xmlNode *root)
{
    while (node != NULL && node != root && xml_first(node) == NULL &&
           !has_own_value(paths, node)) {
        xmlNode *up = node->parent;
        AUTO(xml_node_free) xmlNode *gone = node;

        xmlUnlinkNode(node);
        node = up;
    }
}

static void drop_element(const struct path_table *paths, xmlNode *node,
                         const xmlNode *root)
{
    xmlNode *up = node->parent;
    AUTO(xml_node_free) xmlNode *gone = node;

    xmlUnlinkNode(node);
    drop_empty(paths, up, root);
}

static void drop_attribute(xmlNode *node, const char *name)
{
    for (xmlAttr *a = node->properties; a != NULL; a = a->next)
        if (text_eq((const char *)a->name, name)) {
            xmlRemoveProp(a);
            return;
        }
}

/* --- references ----------------------------------------------------------------------------- */

static void note_attachment(const struct verdict *v, struct strlist *gone)
{
    const char *id =
        text_eq(v->path, "Attachment") ? xml_attr(v->node, NULL, "id") : NULL;

    if (id != NULL)
        strlist_add(gone, id);
}

static void drop_evidence(xmlNode *consent, const struct strlist *gone)
{
    xmlNode *ref = xml_child(consent, REFERRAL_NS, "EvidenceRef");
    struct err drop = { 0 };

    while (ref != NULL) {
        xmlNode *next = xml_again(ref);
        const char *id = xml_leaf(ref, &drop);

        if (id != NULL && strlist_has(gone, id)) {
            AUTO(xml_node_free) xmlNode *dead = ref;

            xmlUnlinkNode(ref);
        }
        ref = next;
    }
}

/* --- answers -------------------------------------------------------------------------------- */

static bool something_went(const struct strlist *went, const char *path)
{
    char plain[PATH_TEXT_MAX];

    if (!path_plain(path, plain))
        return false;
    for (size_t i = 0; i < went->count; i++)
        if (path_covers(plain, went->items[i]) || path_covers(went->items[i], plain))
            return true;
    return false;
}

static void mend_answer(xmlDoc *doc, xmlNode *answer, const struct strlist *went)
{
    const xmlNode *path = xml_child(answer, REFERRAL_NS, "Path");
    xmlNode *state = xml_child(answer, REFERRAL_NS, "State");
    struct err drop = { 0 };
    const char *asked = path == NULL ? NULL : xml_leaf(path, &drop);

    if (asked == NULL || state == NULL ||
        !text_eq(xml_attr(state, NULL, "code"), "PROVIDED") ||
        !something_went(went, asked) || referral_find(doc, asked) != NULL)
        return;
    xml_set(state, NULL, "code", "NOT_PERMITTED");
    drop_attribute(state, "national");
    drop_attribute(state, "nationalText");
    drop_attribute(state, "country");
}

static void mend_answers(xmlDoc *doc, const struct strlist *went)
{
    xmlNode *section = referral_section(doc, "InfoResponse");

    for (xmlNode *a = section == NULL ? NULL : xml_first(section); a != NULL;
         a = xml_next(a))
        mend_answer(doc, a, went);
}

/* --- the whole ------------------------------------------------------------------------------ */

static void collect(const struct verdicts *verdicts, struct losses *losses,
                    struct strlist *went, struct strlist *gone)
{
    for (size_t i = 0; i < verdicts->count; i++) {
        const struct verdict *v = &verdicts->items[i];

        if (v->carry || v->node == NULL)
            continue;
        tell(v, losses);
        note_attachment(v, gone);
        if (v->path[0] != '\0')
            strlist_add(went, v->path);
    }
}

void agreement_prune(const struct agreement *a, xmlDoc *doc, struct verdicts *verdicts,
                     struct losses *losses)
{
    AUTO(strlist_free) struct strlist went = { 0 }, gone = { 0 };
    const xmlNode *root = referral_root(doc);

    collect(verdicts, losses, &went, &gone);
    for (size_t i = 0; i < verdicts->count; i++)
        if (!verdicts->items[i].carry && verdicts->items[i].attribute != NULL &&
            verdicts->items[i].node != NULL)
            drop_attribute(ours(verdicts->items[i].node), verdicts->items[i].attribute);
    /* From the end: what stands in an element goes before it. */
    for (size_t i = verdicts->count; i-- > 0;)
        if (!verdicts->items[i].carry && verdicts->items[i].attribute == NULL &&
            verdicts->items[i].node != NULL)
            drop_element(a->paths, ours(verdicts->items[i].node), root);
    for (size_t i = 0; i < verdicts->count; i++)
        verdicts->items[i].node = NULL;
    for (xmlNode *c = referral_section(doc, "Consent"); c != NULL; c = xml_again(c))
        drop_evidence(c, &gone);
    mend_answers(doc, &went);
}

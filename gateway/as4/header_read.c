/*
 * header_read.c - the grammar of eb:Messaging, read strictly.
 *
 * Element by element with dom_take(): what stands in another place, or twice, or is not known,
 * is left over and refused. The first fault ends it; the code of the error says which ebMS
 * error that is (header.h). Errors name elements, never their content. What P-Mode, parts and
 * clock say about the values is left to receive.c.
 */
#include "as4/header.h"

#include <string.h>

#include "as4/dom.h"
#include "as4/ns.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/utf8.h"
#include "format/xml.h"

#define NEED_TEXT true /* the element may not be empty */

static bool bad(struct err *err, const xmlNode *node, const char *what)
{
    return err_set(err, ERR_REJECT, "eb.header", "eb:%s: %s", (const char *)node->name,
                   what);
}

static bool bad_value(struct err *err, const xmlNode *node, const char *what)
{
    return err_set(err, ERR_REJECT, "eb.value", "eb:%s: %s", (const char *)node->name,
                   what);
}

static void trim(char *text)
{
    struct str s = str_trim(str_of(text));

    memmove(text, s.ptr, s.len);
    text[s.len] = '\0';
}

/* Trimmed text of a leaf, at most EB_TEXT_MAX characters. */
static bool leaf(const xmlNode *node, bool needed, char **ret, struct err *err)
{
    AUTO(mem_free) char *text = dom_leaf(node);

    if (text == NULL)
        return bad(err, node, "holds an element or a comment where only text may stand");
    if (needed && text[0] == '\0')
        return bad(err, node, "is empty");
    if (utf8_count(text) > EB_TEXT_MAX)
        return bad(err, node, "is longer than 255 characters");
    *ret = TAKE(text);
    return true;
}

/* An attribute's text, trimmed; *ret stays NULL when it is absent. */
static bool attr(const xmlNode *node, const char *name, char **ret, struct err *err)
{
    const char *value = xml_attr(node, NULL, name);

    if (value == NULL)
        return true;
    if (utf8_count(value) > EB_TEXT_MAX)
        return bad(err, node, "has an attribute longer than 255 characters");
    *ret = mem_strdup(value);
    trim(*ret);
    return true;
}

static bool take_leaf(xmlNode **at, const xmlNode *parent, const char *name, bool needed,
                      char **ret, struct err *err)
{
    xmlNode *node = dom_take(at, NS_EB, name);

    if (node == NULL)
        return err_set(err, ERR_REJECT, "eb.header",
                       "eb:%s: eb:%s is missing or not in its place",
                       (const char *)parent->name, name);
    return leaf(node, needed, ret, err);
}

static bool end_of(const xmlNode *parent, const xmlNode *at, struct err *err)
{
    if (at != NULL)
        return err_set(err, ERR_REJECT, "eb.header",
                       "eb:%s: an element is unknown, repeated or not in its place",
                       (const char *)parent->name);
    if (!dom_no_text(parent))
        return bad(err, parent, "has text between its elements");
    return true;
}

static bool take_group(xmlNode **at, const xmlNode *parent, const char *name,
                       xmlNode **ret, struct err *err)
{
    *ret = dom_take(at, NS_EB, name);
    if (*ret == NULL)
        return err_set(err, ERR_REJECT, "eb.header",
                       "eb:%s: eb:%s is missing or not in its place",
                       (const char *)parent->name, name);
    return true;
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at;

    if (c >= 'A' && c <= 'F')
        c = (char)(c - 'A' + 'a');
    at = c == '\0' ? NULL : strchr(digits, c);
    return at == NULL ? -1 : (int)(at - digits);
}

/* Percent-decoded; NULL when an escape is broken or the result is no Content-ID of ours. */
static char *content_id_of(const char *href)
{
    AUTO(mem_free) char *id = mem_alloc(strlen(href) + 1);
    char *out = id;

    for (const char *p = href; *p != '\0'; p++) {
        char c = *p;

        if (c == '%') {
            int high = hex_digit(p[1]);
            int low = high < 0 ? -1 : hex_digit(p[2]);

            if (low < 0)
                return NULL;
            c = (char)(high * 16 + low);
            p += 2;
        }
        if (c < 0x21 || c > 0x7E || strchr("<>\"#", c) != NULL)
            return NULL;
        *out++ = c;
    }
    *out = '\0';
    return id[0] == '\0' ? NULL : TAKE(id);
}

/* --- reading ----------------------------------------------------------------------------- */

static bool read_property(const xmlNode *node, struct eb_property *p, struct err *err)
{
    if (!attr(node, "name", &p->name, err) || !attr(node, "type", &p->type, err))
        return false;
    if (text_empty(p->name))
        return bad(err, node, "has no name");
    return leaf(node, !NEED_TEXT, &p->value, err);
}

static bool read_properties(const xmlNode *group, struct eb_properties *ret,
                            struct err *err)
{
    xmlNode *at = xml_first(group), *node;
    size_t cap = 0;

    while ((node = dom_take(&at, NS_EB, "Property")) != NULL) {
        if (ret->count == EB_PROPERTIES_MAX)
            return bad(err, group, "has more than 64 properties");
        ret->items = mem_grow(ret->items, ret->count, &cap, sizeof *ret->items);
        ret->items[ret->count] = (struct eb_property){ 0 };
        if (!read_property(node, &ret->items[ret->count++], err))
            return false;
    }
    if (ret->count == 0)
        return bad(err, group, "has no property");
    return end_of(group, at, err);
}

/* The names we act on may stand once only: which of two would count? */
static bool once(const xmlNode *group, const struct eb_properties *properties,
                 const char *const *names, struct err *err)
{
    for (; *names != NULL; names++) {
        size_t seen = 0;

        for (size_t i = 0; i < properties->count; i++)
            seen += text_eq(properties->items[i].name, *names);
        if (seen > 1)
            return bad_value(err, group, "names one property twice");
    }
    return true;
}

static const char *const message_names[] = { "originalSender", "finalRecipient",
                                             "trackingIdentifier", NULL };
static const char *const part_names[] = { "MimeType", "CompressionType", "CharacterSet",
                                          NULL };

static bool read_timestamp(const xmlNode *parent, xmlNode **at, int64_t *ret,
                           struct err *err)
{
    AUTO(mem_free) char *text = NULL;

    if (!take_leaf(at, parent, "Timestamp", NEED_TEXT, &text, err))
        return false;
    if (!instant_parse(text, strlen(text), ret))
        return bad(err, parent, "eb:Timestamp is no xs:dateTime with a zone");
    return true;
}

/* MessageInfo of either kind. */
static bool read_info(const xmlNode *info, int64_t *ret_ms, char **ret_id, char **ret_ref,
                      struct err *err)
{
    xmlNode *at = xml_first(info);

    if (!read_timestamp(info, &at, ret_ms, err) ||
        !take_leaf(&at, info, "MessageId", NEED_TEXT, ret_id, err))
        return false;
    if (!eb_message_id_valid(*ret_id, true))
        return bad(err, info, "eb:MessageId is no message id");
    if (xml_is(at, NS_EB, "RefToMessageId") &&
        !take_leaf(&at, info, "RefToMessageId", NEED_TEXT, ret_ref, err))
        return false;
    return end_of(info, at, err);
}

static bool read_party(const xmlNode *node, struct eb_party *party, struct err *err)
{
    xmlNode *at = xml_first(node);
    const xmlNode *id = at;

    if (!take_leaf(&at, node, "PartyId", NEED_TEXT, &party->id, err) ||
        !attr(id, "type", &party->type, err))
        return false;
    if (xml_is(at, NS_EB, "PartyId"))
        return bad_value(err, node, "has more than one PartyId");
    if (!eb_is_uri(party->type != NULL ? party->type : party->id))
        return bad_value(err, id, "has no type that is a URI and is none itself");
    return take_leaf(&at, node, "Role", NEED_TEXT, &party->role, err) &&
           end_of(node, at, err);
}

static bool read_parties(const xmlNode *info, struct eb_user *user, struct err *err)
{
    xmlNode *at = xml_first(info), *from, *to;

    return take_group(&at, info, "From", &from, err) &&
           read_party(from, &user->from, err) && take_group(&at, info, "To", &to, err) &&
           read_party(to, &user->to, err) && end_of(info, at, err);
}

static bool read_collaboration(const xmlNode *info, struct eb_user *user, struct err *err)
{
    xmlNode *at = xml_first(info);
    const xmlNode *service;

    if (xml_is(at, NS_EB, "AgreementRef") &&
        (!attr(at, "type", &user->agreement_type, err) ||
         !take_leaf(&at, info, "AgreementRef", NEED_TEXT, &user->agreement, err)))
        return false;
    service = at;
    if (!take_leaf(&at, info, "Service", NEED_TEXT, &user->service, err) ||
        !attr(service, "type", &user->service_type, err) ||
        !take_leaf(&at, info, "Action", NEED_TEXT, &user->action, err) ||
        !take_leaf(&at, info, "ConversationId", !NEED_TEXT, &user->conversation_id,
                   err) ||
        !end_of(info, at, err))
        return false;
    if (user->service_type == NULL && !eb_is_uri(user->service))
        return bad_value(err, service, "has no type and is no URI");
    return true;
}

static bool read_part(const xmlNode *node, struct eb_part *part, struct err *err)
{
    const char *href = xml_attr(node, NULL, "href");
    xmlNode *at = xml_first(node), *group;

    if (href == NULL)
        return bad_value(err, node, "has no href: payloads in the Body are not taken");
    if (!text_starts(href, "cid:"))
        return err_set(err, ERR_REJECT, "eb.payload",
                       "eb:PartInfo: href is not of the form cid:");
    part->content_id = content_id_of(href + strlen("cid:"));
    if (part->content_id == NULL)
        return bad(err, node, "href names no possible Content-ID");
    dom_take(&at, NS_EB, "Schema");
    dom_take(&at, NS_EB, "Description");
    group = dom_take(&at, NS_EB, "PartProperties");
    if (group != NULL && (!read_properties(group, &part->properties, err) ||
                          !once(group, &part->properties, part_names, err)))
        return false;
    return end_of(node, at, err);
}

static bool read_payload(const xmlNode *info, struct eb_user *user, struct err *err)
{
    xmlNode *at = xml_first(info), *node;
    size_t cap = 0;

    while ((node = dom_take(&at, NS_EB, "PartInfo")) != NULL) {
        if (user->part_count == PMODE_PARTS_MAX)
            return bad(err, info, "has more than 32 parts");
        user->parts = mem_grow(user->parts, user->part_count, &cap, sizeof *user->parts);
        user->parts[user->part_count] = (struct eb_part){ 0 };
        if (!read_part(node, &user->parts[user->part_count++], err))
            return false;
    }
    if (user->part_count == 0)
        return bad(err, info, "has no PartInfo");
    return end_of(info, at, err);
}

static bool read_user(const xmlNode *node, struct eb_user *user, struct err *err)
{
    xmlNode *at = xml_first(node), *info, *parties, *collaboration, *group;

    if (!attr(node, "mpc", &user->mpc, err) ||
        !take_group(&at, node, "MessageInfo", &info, err) ||
        !read_info(info, &user->timestamp_ms, &user->message_id, &user->ref_to_message_id,
                   err) ||
        !take_group(&at, node, "PartyInfo", &parties, err) ||
        !read_parties(parties, user, err) ||
        !take_group(&at, node, "CollaborationInfo", &collaboration, err) ||
        !read_collaboration(collaboration, user, err))
        return false;
    group = dom_take(&at, NS_EB, "MessageProperties");
    if (group != NULL && (!read_properties(group, &user->properties, err) ||
                          !once(group, &user->properties, message_names, err)))
        return false;
    group = dom_take(&at, NS_EB, "PayloadInfo");
    if (group != NULL && !read_payload(group, user, err))
        return false;
    return end_of(node, at, err);
}

/* What a peer says about a fault is shown, not acted on: too long is cut, not refused. */
static char *shown(const char *text, size_t max)
{
    AUTO(mem_free) char *copy = mem_strdup(text);

    if (copy == NULL)
        return NULL;
    trim(copy);
    copy[utf8_cut(copy, max)] = '\0';
    return TAKE(copy);
}

static char *shown_leaf(const xmlNode *node, size_t max)
{
    AUTO(mem_free) char *text = dom_leaf(node);

    return shown(text, max);
}

static bool read_error(const xmlNode *node, struct eb_error *error, struct err *err)
{
    xmlNode *at = xml_first(node), *child;

    error->code = shown(xml_attr(node, NULL, "errorCode"), EB_TEXT_MAX);
    error->severity = shown(xml_attr(node, NULL, "severity"), EB_TEXT_MAX);
    error->category = shown(xml_attr(node, NULL, "category"), EB_TEXT_MAX);
    error->origin = shown(xml_attr(node, NULL, "origin"), EB_TEXT_MAX);
    error->short_description =
        shown(xml_attr(node, NULL, "shortDescription"), EB_TEXT_MAX);
    error->ref_to_message =
        shown(xml_attr(node, NULL, "refToMessageInError"), EB_TEXT_MAX);
    if (text_empty(error->code) || text_empty(error->severity))
        return bad(err, node, "lacks errorCode or severity");
    child = dom_take(&at, NS_EB, "Description");
    if (child != NULL)
        error->description = shown_leaf(child, EB_TEXT_MAX);
    child = dom_take(&at, NS_EB, "ErrorDetail");
    if (child != NULL)
        error->detail = shown_leaf(child, EB_DETAIL_MAX);
    return end_of(node, at, err);
}

static bool read_errors(xmlNode **at, const xmlNode *parent, struct eb_signal *signal,
                        struct err *err)
{
    xmlNode *node;
    size_t cap = 0;

    while ((node = dom_take(at, NS_EB, "Error")) != NULL) {
        if (signal->error_count == EB_ERRORS_MAX)
            return bad(err, parent, "has more than 16 errors");
        signal->errors =
            mem_grow(signal->errors, signal->error_count, &cap, sizeof *signal->errors);
        signal->errors[signal->error_count] = (struct eb_error){ 0 };
        if (!read_error(node, &signal->errors[signal->error_count++], err))
            return false;
    }
    return true;
}

static bool read_signal(const xmlNode *node, struct eb_signal *signal, struct err *err)
{
    xmlNode *at = xml_first(node), *info;

    if (!take_group(&at, node, "MessageInfo", &info, err) ||
        !read_info(info, &signal->timestamp_ms, &signal->message_id,
                   &signal->ref_to_message_id, err))
        return false;
    signal->pull = dom_take(&at, NS_EB, "PullRequest") != NULL;
    signal->receipt = dom_take(&at, NS_EB, "Receipt");
    if (!read_errors(&at, node, signal, err) || !end_of(node, at, err))
        return false;
    if (signal->pull + (signal->receipt != NULL) + (signal->error_count > 0) != 1)
        return bad(err, node, "is not one receipt, errors or one pull request");
    return true;
}

/* Only for the answer's RefToMessageId, so from whatever stands there, if it is well formed. */
static char *message_id_of(const xmlNode *user)
{
    const xmlNode *info = xml_first(user);
    AUTO(mem_free) char *text = NULL;

    for (const xmlNode *n = xml_is(info, NS_EB, "MessageInfo") ? xml_first(info) : NULL;
         n != NULL; n = xml_next(n)) {
        if (!xml_is(n, NS_EB, "MessageId"))
            continue;
        text = dom_leaf(n);
        return text != NULL && eb_message_id_valid(text, true) ? TAKE(text) : NULL;
    }
    return NULL;
}

bool eb_messaging_read(const xmlNode *messaging, struct eb_messaging *ret,
                       char **ret_message_id, struct err *err)
{
    AUTO(eb_messaging_free) struct eb_messaging read = { 0 };
    xmlNode *at = xml_first(messaging), *node;

    *ret_message_id = NULL;
    node = dom_take(&at, NS_EB, "UserMessage");
    if (node != NULL) {
        *ret_message_id = message_id_of(node);
        read.user = mem_alloc(sizeof *read.user);
        if (!read_user(node, read.user, err))
            return false;
    } else if ((node = dom_take(&at, NS_EB, "SignalMessage")) != NULL) {
        read.signal = mem_alloc(sizeof *read.signal);
        if (!read_signal(node, read.signal, err))
            return false;
    } else {
        return bad(err, messaging, "holds neither a UserMessage nor a SignalMessage");
    }
    if (!end_of(messaging, at, err))
        return false;
    *ret = read;
    read = (struct eb_messaging){ 0 };
    return true;
}

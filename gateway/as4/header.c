/*
 * header.c - values of eb:Messaging: what a message id and a URI are, writing in schema order,
 * freeing.
 *
 * Writing trusts its caller with the texts (package.c has checked them) and puts no white space
 * between elements. Reading is in header_read.c.
 */
#include "as4/header.h"

#include <string.h>

#include "as4/dom.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

/* --- values ------------------------------------------------------------------------------ */

bool eb_message_id_valid(const char *id, bool any)
{
    size_t len = strlen(id), ats = 0;

    if (len < 3 || len > EB_TEXT_MAX)
        return false;
    for (const char *p = id; *p != '\0'; p++) {
        if (*p < 0x21 || *p > 0x7E || strchr("<>\"&", *p) != NULL)
            return false;
        ats += *p == '@';
    }
    return any || ats == 1;
}

static bool letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool eb_is_uri(const char *text)
{
    size_t n;

    if (!letter(text[0]))
        return false;
    n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-.");
    if (text[n] != ':' || text[n + 1] == '\0')
        return false;
    for (const char *p = text; *p != '\0'; p++) {
        if (*p <= 0x20 || *p == 0x7F || strchr("<>\"{}|\\^`", *p) != NULL)
            return false;
    }
    return true;
}

const char *eb_property(const struct eb_properties *properties, const char *name)
{
    for (size_t i = 0; i < properties->count; i++) {
        if (text_eq(properties->items[i].name, name))
            return properties->items[i].value;
    }
    return NULL;
}

/* --- writing ----------------------------------------------------------------------------- */

static void put_type(xmlNode *node, const char *type)
{
    if (type != NULL)
        dom_set(node, NULL, "type", type);
}

static void put_info(xmlNode *parent, int64_t timestamp_ms, const char *id,
                     const char *ref)
{
    xmlNode *info = dom_add(parent, "eb", "MessageInfo");
    char at[25];

    instant_print(timestamp_ms, at);
    dom_add_text(info, "eb", "Timestamp", at);
    dom_add_text(info, "eb", "MessageId", id);
    if (ref != NULL)
        dom_add_text(info, "eb", "RefToMessageId", ref);
}

static void put_party(xmlNode *parent, const char *name, const struct eb_party *party)
{
    xmlNode *node = dom_add(parent, "eb", name);

    put_type(dom_add_text(node, "eb", "PartyId", party->id), party->type);
    dom_add_text(node, "eb", "Role", party->role);
}

static void put_collaboration(xmlNode *parent, const struct eb_user *user)
{
    xmlNode *info = dom_add(parent, "eb", "CollaborationInfo");

    if (user->agreement != NULL)
        put_type(dom_add_text(info, "eb", "AgreementRef", user->agreement),
                 user->agreement_type);
    put_type(dom_add_text(info, "eb", "Service", user->service), user->service_type);
    dom_add_text(info, "eb", "Action", user->action);
    dom_add_text(info, "eb", "ConversationId", user->conversation_id);
}

static void put_properties(xmlNode *parent, const char *name,
                           const struct eb_properties *properties)
{
    xmlNode *group;

    if (properties->count == 0)
        return;
    group = dom_add(parent, "eb", name);
    for (size_t i = 0; i < properties->count; i++) {
        const struct eb_property *p = &properties->items[i];
        xmlNode *node = dom_add_text(group, "eb", "Property", p->value);

        dom_set(node, NULL, "name", p->name);
        put_type(node, p->type);
    }
}

static void put_parts(xmlNode *parent, const struct eb_user *user)
{
    xmlNode *info;

    if (user->part_count == 0)
        return;
    info = dom_add(parent, "eb", "PayloadInfo");
    for (size_t i = 0; i < user->part_count; i++) {
        xmlNode *part = dom_add(info, "eb", "PartInfo");
        AUTO(mem_free) char *href = mem_printf("cid:%s", user->parts[i].content_id);

        dom_set(part, NULL, "href", href);
        put_properties(part, "PartProperties", &user->parts[i].properties);
    }
}

void eb_user_write(xmlNode *messaging, const struct eb_user *user)
{
    xmlNode *node = dom_add(messaging, "eb", "UserMessage");
    xmlNode *parties;

    put_info(node, user->timestamp_ms, user->message_id, user->ref_to_message_id);
    parties = dom_add(node, "eb", "PartyInfo");
    put_party(parties, "From", &user->from);
    put_party(parties, "To", &user->to);
    put_collaboration(node, user);
    put_properties(node, "MessageProperties", &user->properties);
    put_parts(node, user);
}

xmlNode *eb_signal_write(xmlNode *messaging, const char *message_id, int64_t timestamp_ms,
                         const char *ref_to_message_id)
{
    xmlNode *node = dom_add(messaging, "eb", "SignalMessage");

    put_info(node, timestamp_ms, message_id, ref_to_message_id);
    return node;
}

/* --- freeing ----------------------------------------------------------------------------- */

static void properties_free(struct eb_properties *properties)
{
    for (size_t i = 0; i < properties->count; i++) {
        mem_free(&properties->items[i].name);
        mem_free(&properties->items[i].type);
        mem_free(&properties->items[i].value);
    }
    mem_free(&properties->items);
    properties->count = 0;
}

static void party_free(struct eb_party *party)
{
    mem_free(&party->id);
    mem_free(&party->type);
    mem_free(&party->role);
}

void eb_user_free(struct eb_user **user)
{
    struct eb_user *u = *user;

    if (u == NULL)
        return;
    mem_free(&u->mpc);
    mem_free(&u->message_id);
    mem_free(&u->ref_to_message_id);
    party_free(&u->from);
    party_free(&u->to);
    mem_free(&u->agreement);
    mem_free(&u->agreement_type);
    mem_free(&u->service);
    mem_free(&u->service_type);
    mem_free(&u->action);
    mem_free(&u->conversation_id);
    properties_free(&u->properties);
    for (size_t i = 0; i < u->part_count; i++) {
        mem_free(&u->parts[i].content_id);
        properties_free(&u->parts[i].properties);
    }
    mem_free(&u->parts);
    mem_free(user);
}

static void error_free(struct eb_error *error)
{
    mem_free(&error->code);
    mem_free(&error->severity);
    mem_free(&error->category);
    mem_free(&error->origin);
    mem_free(&error->short_description);
    mem_free(&error->ref_to_message);
    mem_free(&error->description);
    mem_free(&error->detail);
}

void eb_signal_free(struct eb_signal **signal)
{
    struct eb_signal *s = *signal;

    if (s == NULL)
        return;
    mem_free(&s->message_id);
    mem_free(&s->ref_to_message_id);
    for (size_t i = 0; i < s->error_count; i++)
        error_free(&s->errors[i]);
    mem_free(&s->errors);
    mem_free(signal);
}

void eb_messaging_free(struct eb_messaging *messaging)
{
    eb_user_free(&messaging->user);
    eb_signal_free(&messaging->signal);
}

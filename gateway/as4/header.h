/*
 * header.h - eb:Messaging: its grammar, in and out.
 *
 * ebMS3 core section 5.2, AS4 1.0, as narrowed by eDelivery AS4 1.15: one UserMessage or one
 * SignalMessage; elements in the order of the schema; every text trimmed and at most 255
 * characters; no comment inside a leaf element, since exclusive canonicalisation drops
 * comments and `a<!-- -->b` would be signed as `ab`.
 */
#ifndef AS4_HEADER_H
#define AS4_HEADER_H

#include <libxml/tree.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "as4/pmode.h"
#include "base/attr.h"

struct err;

#define EB_TEXT_MAX       255 /* characters of any one text */
#define EB_PROPERTIES_MAX 64  /* of a message, or of one part */
#define EB_ERRORS_MAX     16  /* eb:Error elements read from one signal */
#define EB_DETAIL_MAX     4096

struct eb_property {
    char *name;
    char *type; /* NULL: none */
    char *value;
};

struct eb_properties {
    struct eb_property *items;
    size_t count;
};

struct eb_party {
    char *id;
    char *type; /* NULL: none */
    char *role;
};

/* One PartInfo. */
struct eb_part {
    char *content_id; /* of href="cid:...", percent-decoded */
    struct eb_properties properties;
};

struct eb_user {
    char *mpc; /* NULL: the default */
    int64_t timestamp_ms;
    char *message_id;
    char *ref_to_message_id; /* NULL: none */
    struct eb_party from, to;
    char *agreement; /* NULL: none */
    char *agreement_type;
    char *service;
    char *service_type;
    char *action;
    char *conversation_id; /* may be "" */
    struct eb_properties properties;
    struct eb_part *parts;
    size_t part_count;
};

/* One eb:Error. */
struct eb_error {
    char *code; /* "EBMS:0004" */
    char *severity;
    char *category; /* this and what follows may be NULL */
    char *origin;
    char *short_description;
    char *ref_to_message;
    char *description;
    char *detail;
};

struct eb_signal {
    int64_t timestamp_ms;
    char *message_id;
    char *ref_to_message_id; /* NULL: none */
    bool pull;               /* PullRequest: not supported here */
    const xmlNode *receipt;  /* eb:Receipt, in the caller's tree; NULL: none */
    struct eb_error *errors;
    size_t error_count;
};

/* Exactly one of the two. */
struct eb_messaging {
    struct eb_user *user;
    struct eb_signal *signal;
};

void eb_messaging_free(struct eb_messaging *messaging); /* for AUTO */
void eb_user_free(struct eb_user **user);
void eb_signal_free(struct eb_signal **signal);

/*
 * Read eb:Messaging. ERR_REJECT; the code says which ebMS error it is: "eb.header" EBMS:0009,
 * "eb.value" 0003, "eb.payload" 0011, "eb.feature" 0002. Even on failure *ret_message_id is
 * the MessageId if that much could be read (owned), else NULL, so that an error can refer to it.
 */
NODISCARD bool eb_messaging_read(const xmlNode *messaging, struct eb_messaging *ret,
                                 char **ret_message_id, struct err *err);

/* "value" of the property, NULL when absent. */
const char *eb_property(const struct eb_properties *properties, const char *name);

/* 3-255 octets 0x21-0x7E without <>"& and with exactly one '@' (RFC 2822 msg-id). */
bool eb_message_id_valid(const char *id, bool any);

/* True for what ebMS3 5.2.2.4 takes as a URI where @type is absent: scheme ":" something. */
bool eb_is_uri(const char *text);

/* Append eb:UserMessage to eb:Messaging, in the order of the schema, without white space. */
void eb_user_write(xmlNode *messaging, const struct eb_user *user);

/* Append eb:SignalMessage with MessageInfo; the caller adds Receipt or Error to the result. */
xmlNode *eb_signal_write(xmlNode *messaging, const char *message_id, int64_t timestamp_ms,
                         const char *ref_to_message_id);

#endif

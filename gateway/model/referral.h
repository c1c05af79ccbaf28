/*
 * referral.h - the canonical referral as a document: its root, its header, its sections.
 *
 * The document is an xmlDoc everywhere; nothing here keeps it. Parsing, validation and printing are
 * format/xml and format/xsd; the seal is pki's.
 */
#ifndef MODEL_REFERRAL_H
#define MODEL_REFERRAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libxml/tree.h>

#include "base/attr.h"
#include "base/id.h"
#include "model/path.h"

struct codes;
struct err;
struct report;

#define REFERRAL_MINOR     0 /* of the schema this program writes */
#define REFERRAL_MINOR_MAX 999
#define REFERRAL_ID_TEXT \
    64 /* octets of an office, gateway, agreement, mapping id with NUL */
#define REFERRAL_NUM_TEXT 244 /* 60 characters of UTF-8 with NUL */
#define REFERRAL_DIGEST   65  /* hexadecimal SHA-256 with NUL */

enum environment {
    ENVIRONMENT_LIVE,
    ENVIRONMENT_TRAINING,
    ENVIRONMENT_DEMO,
};
const char *environment_name(enum environment environment);
bool environment_find(const char *name, enum environment *ret);

/* Texts are "" when absent. */
struct referral_header {
    char kind[4]; /* "M01" */
    unsigned minor;
    enum environment environment;

    char message_id[UUID_TEXT];
    char case_id[REFERRAL_NUM_TEXT];
    char reply_to[UUID_TEXT];
    char reply_office_number[REFERRAL_NUM_TEXT];
    uint64_t sequence;    /* 0: absent */
    int64_t created_ms;   /* 0: absent */
    char office_date[25]; /* as it stands: a date, or an instant */
    char respond_by[11];
    char office_number[REFERRAL_NUM_TEXT];
    char sender_gateway[REFERRAL_ID_TEXT], sender_office[REFERRAL_ID_TEXT];
    char receiver_gateway[REFERRAL_ID_TEXT], receiver_office[REFERRAL_ID_TEXT];
    char agreement[REFERRAL_ID_TEXT], agreement_version[REFERRAL_ID_TEXT];
    char agreement_digest[REFERRAL_DIGEST], leg[REFERRAL_ID_TEXT];
    char linked_case[REFERRAL_NUM_TEXT];
    char mapping[REFERRAL_NUM_TEXT], mapping_version[REFERRAL_ID_TEXT];
    char mapping_digest[REFERRAL_DIGEST];
};

/* An empty Referral of a kind, with an empty Header. Owned: xml_doc_free(). */
xmlDoc *referral_new(const char *kind, enum environment environment) NODISCARD;

/* The root, or NULL when the document is no Referral of our namespace. */
xmlNode *referral_root(const xmlDoc *doc);

/*
 * What stands in root and Header, whether complete or not. ERR_REJECT "referral.root": no Referral,
 * "referral.kind": unknown message, by its name, "referral.minor", "referral.environment",
 * "referral.header": names the element that is too long or of the wrong form.
 */
bool referral_header_read(const xmlDoc *doc, struct referral_header *ret,
                          struct err *err) NODISCARD;
/* Replaces root attributes and the whole Header; absent texts leave no element. */
void referral_header_write(xmlDoc *doc, const struct path_table *table,
                           const struct referral_header *header);

/* A section, the first of its name; NULL: absent. */
xmlNode *referral_section(const xmlDoc *doc, const char *name);
/* The section, made at its place when absent. NULL: the schema has none of that name. */
xmlNode *referral_section_make(xmlDoc *doc, const struct path_table *table,
                               const char *name);

/* The first element a path leads to; NULL: absent. */
xmlNode *referral_find(const xmlDoc *doc, const char *path);
/* Its value, borrowed: @code of a code, the attribute, else the text; NULL: absent. */
const char *referral_value(const xmlDoc *doc, const char *path);

/* The person is a child: by Case/Beneficiary, or the birth date on that day (0: today unknown). */
bool referral_of_child(const xmlDoc *doc, int64_t now_ms);

/*
 * What a schema cannot say: codes are in their lists, precisions agree with their dates, sections fit
 * the message, references lead to attachments, M05 and M06 ask for fields that exist. Added to the
 * report with canonical paths; a root of higher minor is checked as far as it is known.
 */
void referral_check(const xmlDoc *doc, const struct path_table *table,
                    const struct codes *codes, const char *file, struct report *ret);

/*
 * A document of a higher minor may hold elements and attributes this program does not know: they are
 * taken out, and their number returned, so that the rest validates. paths may be NULL: a list to which
 * the plain paths of the elements are added.
 */
struct strlist;
size_t referral_drop_unknown(xmlDoc *doc, const struct path_table *table,
                             struct strlist *paths);

#endif

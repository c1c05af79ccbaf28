/*
 * attachment.h - the files that go with a document: found, recognised, listed, stored.
 *
 * Content comes from inside the document, or from an upload the office made before under the
 * name the document uses. The type is what the content is, not what its label says; the
 * agreement's list decides whether it may travel.
 */
#ifndef EXCHANGE_ATTACHMENT_H
#define EXCHANGE_ATTACHMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "as4/pmode.h"
#include "base/attr.h"

struct draft;
struct err;
struct store;
struct store_tx;

/* What one message can carry beside its document (as4-level ceilings of a message). */
#define ATTACHMENTS_MAX        (PMODE_PARTS_MAX - 1)
#define ATTACHMENTS_OCTETS_MAX (PMODE_WIRE_MAX - (UINT64_C(4) << 20))

struct attachment {
    char *id;         /* Attachment/@id */
    char *body;       /* "attachment/<id>" */
    char *upload;     /* id of the upload it is; NULL: content below */
    const void *data; /* borrowed from the draft */
    size_t len;
    char media_type[64];
    uint64_t octets;
    char sha256[65];
};

struct attachments {
    struct attachment *items;
    size_t count, cap;
};
void attachments_free(struct attachments *list); /* for AUTO */
uint64_t attachments_octets(const struct attachments *list);

/*
 * For every Attachment that is still in the document: content, digest, size and type into the
 * element. ERR_REJECT "intake.attachment": not there (upload it first, under that name), type
 * not allowed, digest not that of the form.
 */
bool attachments_gather(struct attachments *list, struct store *store, const char *office,
                        struct draft *draft, struct err *err) NODISCARD;
bool attachments_store(const struct attachments *list, struct store_tx *tx,
                       const char *office, const char *message_row,
                       struct err *err) NODISCARD;

/* What the first octets are: "application/pdf", "image/jpeg", ... ; "application/octet-stream". */
const char *attachment_sniff(const void *data, size_t len);
#define ATTACHMENT_SNIFF 512 /* octets it looks at */

#endif

/*
 * attachment.c - content by name, recognised by its first octets.
 *
 * Small content stands inside the document and is held in memory with it; large content was
 * uploaded before and stays in the store: the upload becomes the message's body in the final
 * transaction, without being read again.
 */
#include "exchange/attachment.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agreement/agreement.h"
#include "base/body.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "exchange/draft.h"
#include "exchange/exchange.h"
#include "format/xml.h"
#include "store/bodies.h"

void attachments_free(struct attachments *list)
{
    for (size_t i = 0; i < list->count; i++) {
        mem_free(&list->items[i].id);
        mem_free(&list->items[i].body);
        mem_free(&list->items[i].upload);
    }
    mem_free(&list->items);
    list->count = list->cap = 0;
}

uint64_t attachments_octets(const struct attachments *list)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < list->count; i++)
        sum += list->items[i].octets;
    return sum;
}

/* --- recognising -------------------------------------------------------------------------- */

/* clang-format off */
static const struct {
    size_t at;
    const char *octets;
    size_t len;
    const char *type;
} marks[] = {
    { 0, "%PDF-", 5, "application/pdf" },
    { 0, "\xFF\xD8\xFF", 3, "image/jpeg" },
    { 0, "\x89PNG\r\n\x1A\n", 8, "image/png" },
    { 0, "II*\0", 4, "image/tiff" },
    { 0, "MM\0*", 4, "image/tiff" },
    { 0, "PK\x03\x04", 4, "application/zip" },
    { 0, "\x1F\x8B", 2, "application/gzip" },
    { 0, "MZ", 2, "application/x-dosexec" },
    { 0, "\x7F" "ELF", 4, "application/x-elf" },
    { 0, "#!", 2, "text/x-script" },
    { 0, "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", 8, "application/x-ole-storage" },
};
/* clang-format on */

/* How a text may begin, after a byte order mark and white space, in either case of letters: a
 * reader would take it for that, whatever it is called. */
static const struct {
    const char *begins, *type;
} markups[] = {
    { "<?xml", "application/xml" },     { "<html", "text/html" },
    { "<!doctype html", "text/html" },  { "<head", "text/html" },
    { "<script", "text/html" },         { "<svg", "image/svg+xml" },
    { "<!doctype", "application/xml" }, { "{\\rtf", "application/rtf" },
};

static const char *text_type(const char *data, size_t len)
{
    if (len >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0)
        data += 3, len -= 3;
    while (len > 0 && memchr(" \t\r\n\f", *data, 5) != NULL)
        data++, len--;
    for (size_t i = 0; i < COUNT_OF(markups); i++) {
        size_t n = strlen(markups[i].begins);

        if (len >= n && strncasecmp(data, markups[i].begins, n) == 0)
            return markups[i].type;
    }
    return "text/plain";
}

static bool looks_like_text(const unsigned char *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (data[i] < 0x20 && data[i] != '\t' && data[i] != '\r' && data[i] != '\n')
            return false;
    return len > 0;
}

const char *attachment_sniff(const void *data, size_t len)
{
    size_t some = len < ATTACHMENT_SNIFF ? len : ATTACHMENT_SNIFF;

    for (size_t i = 0; i < COUNT_OF(marks); i++)
        if (len >= marks[i].at + marks[i].len &&
            memcmp((const char *)data + marks[i].at, marks[i].octets, marks[i].len) == 0)
            return marks[i].type;
    return looks_like_text(data, some) ? text_type(data, some)
                                       : "application/octet-stream";
}

/* --- gathering ---------------------------------------------------------------------------- */

static const struct mapping_attachment *find_content(const struct draft *draft,
                                                     const char *id)
{
    for (size_t i = 0; i < draft->attachments.count; i++)
        if (text_eq(draft->attachments.items[i].id, id))
            return &draft->attachments.items[i];
    return NULL;
}

struct upload_ctx {
    const char *office, *id;
    struct upload upload;
    struct source *source;
    bool found;
};

static bool upload_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct upload_ctx *c = ctx;

    source_free(&c->source);
    return upload_get(tx, c->office, c->id, &c->upload, &c->source, &c->found, err);
}

static bool sniff_source(const struct source *s, char out[64], struct err *err)
{
    AUTO(reader_close) struct reader *r = NULL;
    unsigned char first[ATTACHMENT_SNIFF];
    size_t have = 0, got = 1;

    if (!source_open(s, &r, err))
        return false;
    while (have < sizeof first && got > 0) {
        if (!reader_read(r, first + have, sizeof first - have, &got, err))
            return false;
        have += got;
    }
    snprintf(out, 64, "%s", attachment_sniff(first, have));
    return true;
}

static bool from_upload(struct attachment *a, struct store *store, const char *office,
                        const char *name, struct err *err)
{
    struct upload_ctx ctx = { .office = office, .id = name };

    if (!store_read(store, upload_work, &ctx, err))
        return false;
    if (!ctx.found)
        return err_set(
            err, ERR_REJECT, "intake.attachment",
            "attachment %s: the file is not here; upload it first under the name "
            "that the document uses (PUT /v1/attachments/NAME, or lay it into "
            "incoming/ before the document)",
            a->id);
    a->upload = mem_strdup(name);
    a->octets = ctx.upload.octets;
    snprintf(a->sha256, sizeof a->sha256, "%s", ctx.upload.sha256);
    bool ok = sniff_source(ctx.source, a->media_type, err);
    source_free(&ctx.source);
    return ok;
}

static bool fill(struct attachment *a, struct store *store, const char *office,
                 const struct mapping_attachment *content, struct err *err)
{
    if (content != NULL && content->has_content) {
        a->data = buf_str(&content->content);
        a->len = content->content.len;
        a->octets = a->len;
        exchange_sha256(a->data, a->len, a->sha256);
        snprintf(a->media_type, sizeof a->media_type, "%s",
                 attachment_sniff(a->data, a->len));
    } else {
        const char *name = content == NULL           ? a->id
                           : content->beside != NULL ? content->beside
                           : content->name != NULL   ? content->name
                                                     : a->id;

        if (!from_upload(a, store, office, name, err))
            return false;
    }
    if (content != NULL && content->sha256 != NULL &&
        strcasecmp(content->sha256, a->sha256) != 0)
        return err_set(
            err, ERR_REJECT, "intake.attachment",
            "attachment %s: the file is not the one whose SHA-256 stands in the "
            "document",
            a->id);
    return true;
}

static void describe(xmlNode *element, const struct attachment *a)
{
    char size[24];

    snprintf(size, sizeof size, "%llu", (unsigned long long)a->octets);
    xml_set(element, NULL, "mediaType", a->media_type);
    xml_set(element, NULL, "sha256", a->sha256);
    xml_set(element, NULL, "size", size);
}

bool attachments_gather(struct attachments *list, struct store *store, const char *office,
                        struct draft *draft, struct err *err)
{
    for (xmlNode *e = referral_section(draft->doc, "Attachment"); e != NULL;
         e = xml_again(e)) {
        if (list->count == ATTACHMENTS_MAX)
            return err_set(err, ERR_REJECT, "intake.attachment",
                           "more than %d attachments: send them with several messages",
                           ATTACHMENTS_MAX);
        const char *id = xml_attr(e, NULL, "id");

        if (id == NULL)
            return err_set(err, ERR_REJECT, "intake.attachment",
                           "an attachment without id");
        list->items = mem_grow(list->items, list->count, &list->cap, sizeof *list->items);
        struct attachment *a = &list->items[list->count++];
        *a = (struct attachment){ .id = mem_strdup(id),
                                  .body = mem_printf("attachment/%s", id) };
        if (!fill(a, store, office, find_content(draft, id), err))
            return false;
        if (!agreement_media_allowed(draft->bundle->agreement, a->media_type))
            return err_set(err, ERR_DENIED, "intake.attachment",
                           "attachment %s is %s, which the agreement does not let travel",
                           a->id, a->media_type);
        if (a->octets > agreement_attachment_max(draft->bundle->agreement))
            return err_set(
                err, ERR_DENIED, "intake.attachment",
                "attachment %s has %llu octets, the agreement lets %llu travel", a->id,
                (unsigned long long)a->octets,
                (unsigned long long)agreement_attachment_max(draft->bundle->agreement));
        describe(e, a);
    }
    if (attachments_octets(list) > ATTACHMENTS_OCTETS_MAX)
        return err_set(err, ERR_REJECT, "intake.attachment",
                       "the attachments have more than %d MiB together: send them with "
                       "several messages",
                       (int)(ATTACHMENTS_OCTETS_MAX >> 20));
    return true;
}

bool attachments_store(const struct attachments *list, struct store_tx *tx,
                       const char *office, const char *message_row, struct err *err)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct attachment *a = &list->items[i];
        bool found = true;

        if (a->upload == NULL ? !body_put(tx, message_row, a->body, a->data, a->len, err)
                              : !upload_attach(tx, office, a->upload, message_row,
                                               a->body, &found, err))
            return false;
        if (!found)
            return err_set(err, ERR_RETRY, "intake.upload-gone", "upload %s", a->upload);
    }
    return true;
}

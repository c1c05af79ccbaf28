/*
 * intake_open.c - from octets to a header that can be believed to be one header.
 *
 * The body is read once to find the parts; only the root part is taken into memory. Nothing
 * here asks who sent it. Part octets stay where they are: a file, a buffer, rows.
 */
#include <string.h>

#include "as4/intake.h"
#include "as4/media.h"
#include "as4/ns.h"
#include "base/body.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/charset.h"
#include "format/xml.h"

/* --- step 2: MIME ------------------------------------------------------------------------- */

static bool soap_type(const struct mime_type *type, struct err *err)
{
    const char *charset = mime_type_param(type, "charset");

    if (text_eq(type->type, MEDIA_SOAP11))
        return err_set(err, ERR_REJECT, "soap.version",
                       "the root part is SOAP 1.1 (text/xml)");
    if (!text_empty(type->type) && !text_eq(type->type, MEDIA_SOAP))
        return err_set(err, ERR_REJECT, "mime.type",
                       "the root part is not application/soap+xml");
    if (charset != NULL && !str_is_nocase(str_of(charset), "utf-8") &&
        !str_is_nocase(str_of(charset), "utf8"))
        return err_set(err, ERR_REJECT, "xml.encoding",
                       "the root part is not labelled UTF-8");
    return true;
}

static bool load_root(struct intake *in, const struct source *root, struct err *err)
{
    if (root->size > xml_limits_soap.octets)
        return err_set(err, ERR_REJECT, "xml.too-large",
                       "the root part has %llu octets, at most %zu",
                       (unsigned long long)root->size, xml_limits_soap.octets);
    in->root = (struct buf)BUF_INIT(xml_limits_soap.octets);
    return source_load(root, &in->root, err);
}

static bool root_of_multipart(struct intake *in, const struct mime_type *type,
                              struct err *err)
{
    const char *start_type = mime_type_param(type, "type");
    const struct mime *mime;
    AUTO(source_free) struct source *root = NULL;

    if (start_type != NULL && media_same(start_type, MEDIA_SOAP11))
        return err_set(err, ERR_REJECT, "soap.version",
                       "the root part is SOAP 1.1 (text/xml)");
    mime = in->message->private->mime = mime_read(in->body, type, NULL, err);
    if (mime == NULL || !soap_type(&mime->parts[mime->root].type, err))
        return false;
    root = mime_part_open(in->body, &mime->parts[mime->root], err);
    return root != NULL && load_root(in, root, err);
}

bool intake_split(struct intake *in, struct err *err)
{
    AUTO(mime_type_free) struct mime_type type = { 0 };

    if (in->content_type == NULL || !mime_type_parse(in->content_type, &type, err))
        return err_set(err, ERR_REJECT, "as4.media",
                       "the message has no readable media type");
    if (text_eq(type.type, "multipart/related"))
        return root_of_multipart(in, &type, err);
    if (!text_eq(type.type, MEDIA_SOAP) && !text_eq(type.type, MEDIA_SOAP11))
        return err_set(
            err, ERR_REJECT, "as4.media",
            "the media type is neither multipart/related nor application/soap+xml");
    return soap_type(&type, err) && load_root(in, in->body, err);
}

/* --- steps 3 to 5 -------------------------------------------------------------------------- */

bool intake_parse(struct intake *in, struct err *err)
{
    struct as4_message_private *p = in->message->private;

    if (!soap_read(in->root.data, in->root.len, SOAP_REQUEST, &p->soap, err))
        return false;
    p->envelope = source_of_buf(&in->root);
    in->message->envelope = p->envelope;
    return true;
}

/* --- step 6: eb:Messaging ------------------------------------------------------------------ */

/* Receipts and errors are taken in answers only; one that comes by itself gets no answer, or
 * two gateways could talk forever. */
static bool stray(struct intake *in, const struct eb_signal *signal, struct err *err)
{
    if (signal->pull)
        return err_set(err, ERR_REJECT, "eb.feature", "a pull request");
    in->result->verdict = AS4_SILENT;
    in->done = true;
    return true;
}

static bool is_signal(const xmlNode *messaging)
{
    return xml_child(messaging, NS_EB, "SignalMessage") != NULL &&
           xml_child(messaging, NS_EB, "UserMessage") == NULL;
}

bool intake_header(struct intake *in, struct err *err)
{
    const xmlNode *messaging = in->message->private->soap.messaging;
    AUTO(eb_messaging_free) struct eb_messaging read = { 0 };

    if (!eb_messaging_read(messaging, &read, &in->result->message_id, err)) {
        if (!is_signal(messaging))
            return false;
        in->result->verdict = AS4_SILENT; /* an Error about a signal is never sent */
        in->done = true;
        return true;
    }
    if (read.signal != NULL)
        return stray(in, read.signal, err);
    in->message->user = TAKE(read.user);
    return true;
}

/* --- PartInfo and MIME parts --------------------------------------------------------------- */

static bool part_values(const struct eb_part *part, struct err *err)
{
    const char *type = eb_property(&part->properties, "MimeType");
    const char *compression = eb_property(&part->properties, "CompressionType");
    const char *charset = eb_property(&part->properties, "CharacterSet");

    if (compression != NULL && !text_eq(compression, MEDIA_GZIP))
        return err_set(err, ERR_REJECT, "gzip.type",
                       "a part's CompressionType is not application/gzip");
    if (compression != NULL && text_empty(type))
        return err_set(err, ERR_REJECT, "eb.value", "a compressed part without MimeType");
    if (charset != NULL && charset_find(str_of(charset)) == NULL)
        return err_set(err, ERR_REJECT, "eb.value", "a part's CharacterSet is not known");
    return true;
}

static size_t other_parts(const struct mime *mime)
{
    return mime == NULL ? 0 : mime->count - 1;
}

static bool named_before(const struct eb_user *user, size_t i)
{
    for (size_t j = 0; j < i; j++) {
        if (text_eq(user->parts[j].content_id, user->parts[i].content_id))
            return true;
    }
    return false;
}

static bool tie(struct intake *in, size_t i, struct err *err)
{
    struct as4_message_private *p = in->message->private;
    const struct eb_user *user = in->message->user;
    const struct mime_part *part =
        p->mime == NULL ? NULL : mime_part_by_id(p->mime, user->parts[i].content_id);

    if (part == NULL || part == &p->mime->parts[p->mime->root])
        return err_set(err, ERR_REJECT, "eb.payload", "PartInfo %zu names no part",
                       i + 1);
    if (named_before(user, i))
        return err_set(err, ERR_REJECT, "mime.part-twice", "two PartInfo name part %zu",
                       i + 1);
    if (!part_values(&user->parts[i], err))
        return false;
    p->parts[i].mime = part;
    p->parts[i].wire = mime_part_open(in->body, part, err);
    return p->parts[i].wire != NULL;
}

bool intake_parts(struct intake *in, struct err *err)
{
    struct as4_message_private *p = in->message->private;
    const struct eb_user *user = in->message->user;
    const struct pmode *pmode = &in->peer.pmode;

    p->parts = mem_array(user->part_count + 1, sizeof *p->parts);
    p->part_count = user->part_count;
    for (size_t i = 0; i < user->part_count; i++) {
        if (!tie(in, i, err))
            return false;
        if (p->parts[i].wire->size > pmode->wire_max)
            return err_set(err, ERR_REJECT, "mime.part-too-large",
                           "part %zu is larger than agreed", i + 1);
    }
    if (other_parts(p->mime) != user->part_count)
        return err_set(err, ERR_REJECT, "mime.stray-part",
                       "%zu MIME parts beside the root, %zu PartInfo",
                       other_parts(p->mime), user->part_count);
    if (user->part_count > pmode->parts_max)
        return err_set(err, ERR_REJECT, "mime.too-many-parts",
                       "%zu parts, at most %zu are agreed", user->part_count,
                       pmode->parts_max);
    return true;
}

/*
 * package.c - building one outgoing message, and its wire octets.
 *
 * First what the caller gave is checked, then every part becomes the octets that are signed
 * (gzipped or as they are), then the header is written, signed, and only then the content key
 * is made, wrapped for the partner and put before the signer's token: WSS4J peers work through
 * wsse:Security in document order. Messaging and Body are not touched after signing.
 *
 * A package holds the content key: it is wiped when freed, and frozen only for a store that
 * seals. Resending under the same IVs is safe because the octets are the same; package_wire.c
 * sees to it.
 */
#include "as4/package.h"

#include <stdio.h>
#include <string.h>

#include "as4/dom.h"
#include "as4/keyname.h"
#include "as4/media.h"
#include "as4/ns.h"
#include "as4/sign.h"
#include "as4/soap.h"
#include "base/body.h"
#include "base/err.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/utf8.h"
#include "format/gzip.h"
#include "format/mime.h"
#include "format/xml.h"
#include "pki/algorithm.h"
#include "pki/cert.h"
#include "pki/xmlsig.h"

#define GZIP_HOLD_MAX \
    (4 * 1024 * 1024) /* plain octets whose gzip is held, not made again */

void as4_package_free(struct as4_package **package)
{
    struct as4_package *p = *package;

    if (p == NULL)
        return;
    mem_free(&p->message_id);
    buf_free(&p->envelope);
    mem_free(&p->root_id);
    mem_free(&p->content_type);
    mem_wipe(p->cek, sizeof p->cek);
    for (size_t i = 0; i < p->part_count; i++) {
        mem_free(&p->parts[i].content_id);
        source_free(&p->parts[i].owned);
    }
    mem_free(&p->parts);
    as4_digests_free(&p->digests);
    mem_free(package);
}

/* --- what the caller gave ----------------------------------------------------------------- */

static bool text_fits(const char *text, const char *what, struct err *err)
{
    if (text == NULL || utf8_bad(text, strlen(text)) >= 0 ||
        utf8_count(text) > EB_TEXT_MAX || xml_unfit(text, strlen(text)) >= 0)
        return err_set(err, ERR_REJECT, "as4.value",
                       "%s is absent, longer than 255 characters or no text", what);
    return true;
}

static bool properties_fit(const struct eb_property *items, size_t count, struct err *err)
{
    if (count > EB_PROPERTIES_MAX / 2)
        return err_set(err, ERR_REJECT, "as4.value", "%zu properties, at most %d", count,
                       EB_PROPERTIES_MAX / 2);
    for (size_t i = 0; i < count; i++) {
        if (!text_fits(items[i].name, "a property's name", err) ||
            !text_fits(items[i].value, "a property's value", err))
            return false;
    }
    return true;
}

/* Java peers URL-decode Content-IDs: a plus sign would become a blank. */
static bool content_id_fits(const char *id, struct err *err)
{
    size_t len = strlen(id);

    if (len == 0 || len > EB_TEXT_MAX ||
        id[strspn(id,
                  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._@-")])
        return err_set(err, ERR_REJECT, "as4.value",
                       "a Content-ID is not made of A-Z a-z 0-9 . _ @ -");
    return true;
}

static bool pmode_complete(const struct pmode *p, struct err *err)
{
    if (text_empty(p->us.id) || text_empty(p->partner.id) ||
        text_empty(p->us.role_sending) || text_empty(p->partner.role_taking) ||
        text_empty(p->service) || text_empty(p->action))
        return err_set(err, ERR_CONFIG, "as4.pmode",
                       "P-Mode %s lacks a party, role, service or action",
                       p->id == NULL ? "(no id)" : p->id);
    return true;
}

static bool spec_fits(const struct as4_spec *spec, struct err *err)
{
    if (!pmode_complete(spec->pmode, err))
        return false;
    if (spec->part_count > spec->pmode->parts_max || spec->part_count > PMODE_PARTS_MAX)
        return err_set(err, ERR_REJECT, "as4.parts", "%zu parts, P-Mode %s takes %zu",
                       spec->part_count, spec->pmode->id, spec->pmode->parts_max);
    if (spec->message_id != NULL && !eb_message_id_valid(spec->message_id, false))
        return err_set(err, ERR_REJECT, "as4.value",
                       "the message id is not of the form x@y");
    if (spec->ref_to_message_id != NULL &&
        !eb_message_id_valid(spec->ref_to_message_id, true))
        return err_set(err, ERR_REJECT, "as4.value",
                       "the id referred to is no message id");
    return text_fits(spec->conversation_id, "the conversation id", err) &&
           properties_fit(spec->properties, spec->property_count, err);
}

static bool part_fits(const struct as4_part_spec *part, struct err *err)
{
    return text_fits(part->mime_type, "a part's media type", err) &&
           (part->charset == NULL || text_fits(part->charset, "a part's charset", err)) &&
           (part->content_id == NULL || content_id_fits(part->content_id, err)) &&
           properties_fit(part->properties, part->property_count, err);
}

/* --- parts -------------------------------------------------------------------------------- */

static bool wants_gzip(const struct as4_part_spec *part)
{
    return part->compress == AS4_COMPRESS_YES ||
           (part->compress == AS4_COMPRESS_AUTO && media_is_xml(part->mime_type));
}

static bool too_large(struct err *err, size_t i, uint64_t size, uint64_t max)
{
    return err_set(err, ERR_REJECT, "as4.part-too-large",
                   "part %zu has %llu octets, at most %llu are agreed", i + 1,
                   (unsigned long long)size, (unsigned long long)max);
}

static bool compress(const struct as4_part_spec *part, struct as4_wire_part *to,
                     struct err *err)
{
    AUTO(buf_free) struct buf packed = BUF_SECRET_INIT(2 * GZIP_HOLD_MAX);
    struct buf_sink sink = sink_of_buf(&packed);

    if (part->octets->size > GZIP_HOLD_MAX) {
        to->owned = gzip_packed(part->octets, err);
    } else {
        if (!gzip_pack(part->octets, &sink.sink, err) ||
            !buf_check(&packed, "compressed part", err))
            return false;
        to->owned = source_of_buf(&packed);
    }
    to->octets = to->owned;
    return to->owned != NULL;
}

static bool prepare_part(const struct as4_spec *spec, size_t i, const char *stem,
                         struct as4_wire_part *to, struct err *err)
{
    const struct as4_part_spec *part = &spec->parts[i];
    uint64_t size = part->octets->size;

    if (!part_fits(part, err))
        return err_context(err, "part %zu", i + 1);
    to->content_id = part->content_id != NULL
                         ? mem_strdup(part->content_id)
                         : mem_printf("%s-%zu@%s", stem, i + 1, spec->host);
    to->compressed = wants_gzip(part) || part->compress == AS4_COMPRESSED;
    to->octets = part->octets;
    if (wants_gzip(part)) {
        if (size > spec->pmode->part_max)
            return too_large(err, i, size, spec->pmode->part_max);
        if (!compress(part, to, err))
            return err_context(err, "part %zu", i + 1);
    }
    to->size = to->octets->size;
    if (to->size > spec->pmode->wire_max)
        return too_large(err, i, to->size, spec->pmode->wire_max);
    return true;
}

static bool distinct(const struct as4_package *p, struct err *err)
{
    for (size_t i = 0; i < p->part_count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (text_eq(p->parts[i].content_id, p->parts[j].content_id))
                return err_set(err, ERR_REJECT, "as4.value",
                               "parts %zu and %zu have one Content-ID", j + 1, i + 1);
        }
    }
    return true;
}

static bool prepare_parts(const struct as4_spec *spec, struct as4_package *p,
                          struct err *err)
{
    uint64_t total = 0;
    char stem[UUID_TEXT];

    uuid_make(stem);
    p->root_id = mem_printf("root-%s@%s", stem, spec->host);
    p->parts = mem_array(spec->part_count + 1, sizeof *p->parts);
    p->part_count = spec->part_count;
    for (size_t i = 0; i < spec->part_count; i++) {
        if (!prepare_part(spec, i, stem, &p->parts[i], err))
            return false;
        total += p->parts[i].size;
    }
    if (total > spec->pmode->wire_max)
        return err_set(err, ERR_REJECT, "as4.part-too-large",
                       "the parts have %llu octets together, at most %llu are agreed",
                       (unsigned long long)total,
                       (unsigned long long)spec->pmode->wire_max);
    return distinct(p, err);
}

/* What the part is labelled for the signature: never as text or XML, see media.c. */
static const char *label(const struct as4_wire_part *part)
{
    return part->compressed ? MEDIA_GZIP : MEDIA_OCTETS;
}

/* --- header ------------------------------------------------------------------------------- */

static void add_property(struct eb_properties *to, const char *name, const char *type,
                         const char *value)
{
    to->items = mem_realloc(to->items, to->count + 1, sizeof *to->items);
    to->items[to->count++] =
        (struct eb_property){ mem_strdup(name), mem_strdup(type), mem_strdup(value) };
}

static void add_properties(struct eb_properties *to, const struct eb_property *items,
                           size_t count)
{
    for (size_t i = 0; i < count; i++)
        add_property(to, items[i].name, items[i].type, items[i].value);
}

static struct eb_party party(const struct pmode_party *p, const char *role)
{
    return (struct eb_party){ mem_strdup(p->id), mem_strdup(p->type), mem_strdup(role) };
}

static const char *corner(const struct pmode_party *p)
{
    return p->corner != NULL ? p->corner : p->id;
}

static void describe_part(const struct as4_part_spec *spec,
                          const struct as4_wire_part *wire, struct eb_part *part)
{
    const char *charset = spec->charset;

    if (charset == NULL &&
        (media_is_xml(spec->mime_type) || media_is_text(spec->mime_type)))
        charset = "UTF-8";
    part->content_id = mem_strdup(wire->content_id);
    add_property(&part->properties, "MimeType", NULL, spec->mime_type);
    if (charset != NULL)
        add_property(&part->properties, "CharacterSet", NULL, charset);
    if (wire->compressed)
        add_property(&part->properties, "CompressionType", NULL, MEDIA_GZIP);
    add_properties(&part->properties, spec->properties, spec->property_count);
}

static struct eb_user *describe(const struct as4_spec *spec, const struct as4_package *p)
{
    const struct pmode *pm = spec->pmode;
    struct eb_user *user = mem_alloc(sizeof *user);

    user->timestamp_ms = p->timestamp_ms;
    user->message_id = mem_strdup(p->message_id);
    user->ref_to_message_id = mem_strdup(spec->ref_to_message_id);
    user->from = party(&pm->us, pm->us.role_sending);
    user->to = party(&pm->partner, pm->partner.role_taking);
    user->agreement = mem_strdup(pm->agreement);
    user->agreement_type = mem_strdup(pm->agreement_type);
    user->service = mem_strdup(pm->service);
    user->service_type = mem_strdup(pm->service_type);
    user->action = mem_strdup(pm->action);
    user->conversation_id = mem_strdup(spec->conversation_id);
    if (pm->four_corner) {
        add_property(&user->properties, "originalSender", pm->corner_type,
                     corner(&pm->us));
        add_property(&user->properties, "finalRecipient", pm->corner_type,
                     corner(&pm->partner));
    }
    add_properties(&user->properties, spec->properties, spec->property_count);
    user->parts = mem_array(p->part_count + 1, sizeof *user->parts);
    user->part_count = p->part_count;
    for (size_t i = 0; i < p->part_count; i++)
        describe_part(&spec->parts[i], &p->parts[i], &user->parts[i]);
    return user;
}

/* --- encryption --------------------------------------------------------------------------- */

struct places {
    xmlNode *security;
    xmlNode *before; /* the first child that signing put there */
    char key_id[UUID_TEXT + 8];
};

static xmlNode *put_before(const struct places *at, const char *prefix, const char *name)
{
    xmlNode *node = dom_add(at->security, prefix, name);

    xmlUnlinkNode(node);
    return xmlAddPrevSibling(at->before, node);
}

static xmlNode *put_method(xmlNode *parent, const char *uri)
{
    xmlNode *method = dom_add(parent, "xenc", "EncryptionMethod");

    dom_set(method, NULL, "Algorithm", uri);
    return method;
}

static void put_transport(xmlNode *key)
{
    xmlNode *method = put_method(key, pmode_wrap_uri(PMODE_OAEP_SHA256));

    dom_set(dom_add(method, "ds", "DigestMethod"), NULL, "Algorithm",
            digest_alg_uri(DIGEST_SHA256));
    dom_set(dom_add(method, "xenc11", "MGF"), NULL, "Algorithm", ALG_MGF256);
}

static void data_id(const struct places *at, size_t i, char *out, size_t len)
{
    snprintf(out, len, "ED%s-%zu", at->key_id + strlen("EK"), i + 1);
}

static void put_references(xmlNode *key, const struct places *at, size_t count)
{
    xmlNode *list = dom_add(key, "xenc", "ReferenceList");
    char id[UUID_TEXT + 16];

    for (size_t i = 0; i < count; i++) {
        AUTO(mem_free) char *uri = NULL;

        data_id(at, i, id, sizeof id);
        uri = mem_printf("#%s", id);
        dom_set(dom_add(list, "xenc", "DataReference"), NULL, "URI", uri);
    }
}

static bool put_key(const struct as4_spec *spec, struct as4_package *p, struct places *at,
                    struct err *err)
{
    AUTO(buf_free) struct buf wrapped = BUF_INIT(1024);
    xmlNode *key = put_before(at, "xenc", "EncryptedKey");
    const char *uuid = at->key_id + strlen("EK-");
    AUTO(mem_free) char *token_id = mem_printf("X509-%s", uuid);
    const struct keyname_spec name = { .form = spec->pmode->security.encrypt_ref,
                                       .cert = spec->encrypt_cert,
                                       .security = at->security,
                                       .before = key,
                                       .token_id = token_id };

    dom_set(key, NULL, "Id", at->key_id);
    put_transport(key);
    if (!keyname_write(key, &name, err) ||
        !oaep_wrap(spec->encrypt_cert, (struct oaep){ OAEP_SHA256, OAEP_SHA256 }, p->cek,
                   pmode_cipher_key(p->cipher), &wrapped, err))
        return err_context(err, "content key for %s", spec->pmode->partner.id);
    dom_add_base64(dom_add(key, "xenc", "CipherData"), "xenc", "CipherValue",
                   wrapped.data, wrapped.len);
    put_references(key, at, p->part_count);
    return true;
}

static void put_key_reference(xmlNode *data, const struct places *at)
{
    AUTO(mem_free) char *uri = mem_printf("#%s", at->key_id);
    xmlNode *str =
        dom_add(dom_add(data, "ds", "KeyInfo"), "wsse", "SecurityTokenReference");

    dom_set(str, "wsse11", "TokenType", TT_ENCKEY);
    dom_set(dom_add(str, "wsse", "Reference"), NULL, "URI", uri);
}

static void put_data(const struct as4_package *p, size_t i, const struct places *at)
{
    AUTO(mem_free) char *uri = mem_printf("cid:%s", p->parts[i].content_id);
    xmlNode *data = put_before(at, "xenc", "EncryptedData"), *reference;
    char id[UUID_TEXT + 16];

    data_id(at, i, id, sizeof id);
    dom_set(data, NULL, "Id", id);
    dom_set(data, NULL, "MimeType", label(&p->parts[i]));
    dom_set(data, NULL, "Type", SWA_ONLY);
    put_method(data, pmode_cipher_uri(p->cipher));
    put_key_reference(data, at);
    reference = dom_add(dom_add(data, "xenc", "CipherData"), "xenc", "CipherReference");
    dom_set(reference, NULL, "URI", uri);
    dom_set(dom_add(dom_add(reference, "xenc", "Transforms"), "ds", "Transform"), NULL,
            "Algorithm", SWA_CIPHER);
}

static bool encrypt(const struct as4_spec *spec, struct as4_package *p, xmlNode *security,
                    struct err *err)
{
    struct places at = { .security = security, .before = xml_first(security) };
    char uuid[UUID_TEXT];

    uuid_make(uuid);
    snprintf(at.key_id, sizeof at.key_id, "EK-%s", uuid);
    random_octets(p->cek, pmode_cipher_key(p->cipher));
    if (!put_key(spec, p, &at, err))
        return false;
    for (size_t i = 0; i < p->part_count; i++) {
        random_octets(p->parts[i].iv, AS4_IV);
        put_data(p, i, &at);
    }
    return true;
}

/* --- the whole ---------------------------------------------------------------------------- */

static bool seal_envelope(const struct as4_spec *spec, struct as4_package *p,
                          struct err *err)
{
    AUTO(soap_new_free) struct soap_new envelope;
    AUTO(eb_user_free) struct eb_user *user = describe(spec, p);
    struct xmlsig_part parts[PMODE_PARTS_MAX];

    for (size_t i = 0; i < p->part_count; i++)
        parts[i] = (struct xmlsig_part){ p->parts[i].content_id, label(&p->parts[i]),
                                         p->parts[i].octets };
    soap_new(&envelope, true, p->part_count > 0);
    eb_user_write(envelope.messaging, user);
    if (!sign_envelope(&envelope, &spec->pmode->security, spec->signing, parts,
                       p->part_count, &p->digests, err))
        return false;
    if (p->part_count > 0 && !encrypt(spec, p, envelope.security, err))
        return false;
    return soap_print(&envelope, &p->envelope, err);
}

static void address(struct as4_package *p)
{
    AUTO(buf_free) struct buf type = BUF_INIT(1024);

    if (p->part_count == 0) {
        p->content_type = mem_strdup(MEDIA_SOAP "; charset=UTF-8");
        return;
    }
    mime_boundary_make(p->boundary);
    mime_type_add(&type, MEDIA_SOAP, p->root_id, p->boundary);
    p->content_type = buf_detach(&type);
}

bool as4_package_make(const struct as4_spec *spec, struct as4_package **ret,
                      struct err *err)
{
    AUTO(as4_package_free) struct as4_package *p = mem_alloc(sizeof *p);
    char uuid[UUID_TEXT];

    uuid_make(uuid);
    p->envelope = (struct buf)BUF_INIT(AS4_ENVELOPE_MAX);
    p->timestamp_ms = spec->timestamp_ms;
    p->cipher = spec->pmode->security.cipher;
    p->message_id = spec->message_id != NULL ? mem_strdup(spec->message_id)
                                             : mem_printf("%s@%s", uuid, spec->host);
    if (!spec_fits(spec, err) || !prepare_parts(spec, p, err) ||
        !seal_envelope(spec, p, err))
        return err_context(err, "packaging message %s", p->message_id);
    address(p);
    *ret = TAKE(p);
    return true;
}

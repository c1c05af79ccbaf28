/*
 * intake_payload.c - the content key, the parts decrypted and checked, the parts unzipped.
 *
 * A first pass decrypts every part to its end, so that the tag is known good before anything
 * else looks at the plain octets: small parts stay in memory, large ones are decrypted again
 * whenever they are read. Then xmlsec compares the digests, then the parts are inflated, with
 * caps that hold while inflating.
 *
 * Whatever goes wrong with key, tag or digest leaves by the same door with the same answer
 * (receive.c): a key that does not open is replaced by a random one by the signer, and fails
 * at the tag as any other wrong key does.
 */
#include <string.h>

#include "as4/intake.h"
#include "as4/media.h"
#include "base/body.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/gzip.h"
#include "pki/cert.h"
#include "pki/signer.h"

const struct source *intake_signed(const struct intake_part *part)
{
    return part->held != NULL ? part->held : part->view != NULL ? part->view : part->wire;
}

/* --- the content key ----------------------------------------------------------------------- */

static const char *key_id(const struct as4_own_keys *own, const struct cert *cert)
{
    for (size_t i = 0; i < own->certs->count; i++) {
        if (own->certs->items[i] == cert)
            return own->ids[i];
    }
    return NULL;
}

bool intake_key(struct intake *in, struct err *err)
{
    const struct security *s = &in->message->private->security;
    const struct cert *cert;
    bool genuine = false;
    const char *id;

    if (!s->encrypted)
        return true;
    cert = keyname_own(&s->recipient, in->peer.own->certs, err);
    id = cert == NULL ? NULL : key_id(in->peer.own, cert);
    if (id == NULL)
        return cert == NULL
                   ? err_context(err, "our certificate that the message names")
                   : err_set(err, ERR_BUG, "as4.own-key", "a certificate without key");
    in->key.cipher = s->parts[0].cipher;
    if (!signer_unwrap(in->gate->signer, id, s->oaep, s->wrapped.data, s->wrapped.len,
                       in->key.octets, pmode_cipher_key(in->key.cipher), &genuine, err))
        return false;
    if (!genuine)
        log_notice("as4.content-key", log_s("partner", in->peer.partner),
                   log_s("key", id));
    return true;
}

/* --- decryption ---------------------------------------------------------------------------- */

static bool may_hold(const struct intake *in, uint64_t size)
{
    return size <= AS4_KEEP_PART_MAX && in->held + size <= AS4_KEEP_ALL_MAX;
}

static struct source *hold(struct intake *in, const struct source *of, struct err *err)
{
    AUTO(buf_free) struct buf octets = BUF_SECRET_INIT((size_t)of->size);

    if (!source_load(of, &octets, err))
        return NULL;
    in->held += octets.len;
    return source_of_buf(&octets);
}

static bool decrypt_part(struct intake *in, size_t i, struct err *err)
{
    struct intake_part *part = &in->message->private->parts[i];
    const struct sec_encrypted *how = &in->message->private->security.parts[i];

    part->media = how->mime_type;
    part->view = crypt_opened(part->wire, &in->key, err);
    if (part->view == NULL)
        return false;
    if (!may_hold(in, part->view->size))
        return source_check(part->view, err);
    part->held = hold(in, part->view, err);
    return part->held != NULL;
}

/* xmlsec's verdict over everything: header again, every part, SignatureValue. */
static bool verify(struct intake *in, struct err *err)
{
    struct as4_message_private *p = in->message->private;
    const struct xmlsig_policy policy = { in->peer.pmode.security.sign_accept,
                                          in->peer.pmode.security.digest_accept };
    AUTO(mem_free)
    struct xmlsig_part *parts = mem_array(p->part_count + 1, sizeof *parts);
    struct xmlsig_id ids[AS4_REFERENCES_MAX];
    struct xmlsig_scope scope = { .ids = ids,
                                  .parts = parts,
                                  .part_count = p->part_count };

    security_scope(&p->security, &p->soap, ids, &scope.id_count);
    for (size_t i = 0; i < p->part_count; i++)
        parts[i] = (struct xmlsig_part){ in->message->user->parts[i].content_id,
                                         p->parts[i].media, intake_signed(&p->parts[i]) };
    return xmlsig_verify(p->security.signature, &scope, p->cert, &policy, NULL, err);
}

bool intake_decrypt(struct intake *in, struct err *err)
{
    for (size_t i = 0; i < in->message->private->part_count; i++) {
        if (!decrypt_part(in, i, err))
            return err_context(err, "part %zu", i + 1);
    }
    return verify(in, err);
}

/* --- unzip --------------------------------------------------------------------------------- */

/* Small content is inflated once and held; what turns out larger becomes a view. */
static bool inflate_held(struct intake *in, struct intake_part *part,
                         const struct gzip_limits *limits, bool *ret_larger,
                         struct err *err)
{
    AUTO(buf_free) struct buf octets = BUF_SECRET_INIT(AS4_KEEP_PART_MAX);
    struct buf_sink sink = sink_of_buf(&octets);
    struct gzip_limits small = *limits;

    *ret_larger = false;
    if (small.octets > AS4_KEEP_PART_MAX)
        small.octets = AS4_KEEP_PART_MAX;
    if (!gzip_unpack(part->held, &sink.sink, &small, NULL, err)) {
        *ret_larger =
            text_eq(err->code, "gzip.too-large") && limits->octets > AS4_KEEP_PART_MAX;
        return false;
    }
    in->held += octets.len;
    part->inflated = source_of_buf(&octets);
    return true;
}

static bool inflate(struct intake *in, struct intake_part *part,
                    const struct gzip_limits *limits, struct err *err)
{
    bool larger = true;

    if (part->held != NULL && may_hold(in, AS4_KEEP_PART_MAX)) {
        if (inflate_held(in, part, limits, &larger, err))
            return true;
        if (!larger)
            return false;
    }
    part->inflated = gzip_unpacked(intake_signed(part), limits, err);
    return part->inflated != NULL;
}

static bool is_gzip(const struct eb_part *part)
{
    return eb_property(&part->properties, "CompressionType") != NULL;
}

/* The label under the encryption against the one in the header; octets claim nothing. */
static bool label_agrees(const struct intake *in, size_t i, struct err *err)
{
    const char *said = eb_property(&in->message->user->parts[i].properties, "MimeType");
    const char *label = in->message->private->parts[i].media;

    if (said == NULL || label == NULL || media_same(label, MEDIA_OCTETS) ||
        media_same(said, label))
        return true;
    log_notice("as4.mime-type", log_s("partner", in->peer.partner), log_u("part", i + 1));
    if (!in->peer.pmode.strict_mime_type)
        return true;
    return err_set(err, ERR_REJECT, "eb.value",
                   "part %zu: MimeType is not that of EncryptedData", i + 1);
}

static void describe(struct intake *in, size_t i)
{
    const struct eb_part *said = &in->message->user->parts[i];
    const struct intake_part *part = &in->message->private->parts[i];
    const struct source *octets = intake_signed(part);

    in->message->parts[i] = (struct as4_part){
        .content_id = said->content_id,
        .mime_type = eb_property(&said->properties, "MimeType"),
        .charset = eb_property(&said->properties, "CharacterSet"),
        .compressed = part->inflated != NULL,
        .properties = &said->properties,
        .content = part->inflated != NULL ? part->inflated : octets,
        .signed_octets = octets,
    };
}

bool intake_inflate(struct intake *in, struct err *err)
{
    const struct pmode *pmode = &in->peer.pmode;
    struct as4_message *m = in->message;
    uint64_t left = pmode->inflated_max;

    m->parts = mem_array(m->private->part_count + 1, sizeof *m->parts);
    m->part_count = m->private->part_count;
    for (size_t i = 0; i < m->part_count; i++) {
        struct intake_part *part = &m->private->parts[i];
        const struct gzip_limits limits = { left < pmode->part_max ? left
                                                                   : pmode->part_max,
                                            pmode->ratio_max, PMODE_RATIO_FREE };

        if (!is_gzip(&m->user->parts[i])) {
            if (!label_agrees(in, i, err))
                return false;
        } else if (!inflate(in, part, &limits, err)) {
            return err_context(err, "part %zu", i + 1);
        } else {
            left -= part->inflated->size;
        }
        describe(in, i);
    }
    return true;
}

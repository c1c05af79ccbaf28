/*
 * partner.c - a partner's file, read whole or refused whole.
 *
 * Every key is checked (an unknown one names file, line and the nearest known), every
 * certificate is opened, so that a mistake shows at `trmd --check` and not with the first
 * message. Paths are relative to the file that says them. Nothing here talks to the partner.
 */
#include "exchange/partner.h"

#include <libgen.h>
#include <string.h>

#include "agreement/agreement.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "exchange/bundles.h"
#include "exchange/snapshot.h"
#include "format/json.h"
#include "pki/cert.h"
#include "pki/tls.h"
#include "pki/trust.h"

#define REFERRAL_SERVICE      "urn:trm:referral"
#define REFERRAL_SERVICE_TYPE "urn:trm:service"
#define REFERRAL_ACTION       "Exchange"

struct partner_private {
    struct json_doc *doc; /* texts of the partner are borrowed from it */
    char *folder;
    struct strlist owned; /* paths and ids made here */
};

static const char *own_text(struct partner *p, const char *text)
{
    strlist_add(&p->private->owned, text);
    return p->private->owned.items[p->private->owned.count - 1];
}

static const char *own_path(struct partner *p, const char *name)
{
    if (name == NULL)
        return NULL;
    char *path = name[0] == '/' ? mem_strdup(name) : path_join(p->private->folder, name);
    const char *kept = own_text(p, path);

    mem_free(&path);
    return kept;
}

/* --- trust -------------------------------------------------------------------------------- */

/* {"certificates": [...], "ca": ..., "subject": ..., "crl": ..., "acceptUnknownRevocation": b};
 * "encrypt" has "nextFrom" too. */
static bool read_trust(struct partner *p, const struct json_at *in,
                       enum trust_purpose purpose, struct err *err)
{
    AUTO(certlist_free) struct certlist pinned = { 0 };
    struct trust_rule rule = { .pinned = &pinned };
    const char *ca = NULL, *crl = NULL;
    struct json_at files;

    if (!json_only_keys(in,
                        JSON_KEYS("certificates", "ca", "subject", "crl",
                                  "acceptUnknownRevocation",
                                  purpose == TRUST_ENCRYPT ? "nextFrom" : NULL),
                        err) ||
        !json_may_array(in, "certificates", &files, err) ||
        !json_may_string(in, "ca", &ca, err) || !json_may_string(in, "crl", &crl, err) ||
        !json_may_string(in, "subject", &rule.subject, err) ||
        !json_may_bool(in, "acceptUnknownRevocation", &rule.accept_unknown, err))
        return false;
    for (size_t i = 0; i < json_items(&files); i++) {
        struct json_at item = json_item(&files, i);
        const char *name = NULL;

        if (!json_is_string_at(&item, &name, err) ||
            !certlist_load(own_path(p, name), &pinned, err))
            return err_context(err, "partner %s, %s", p->id, trust_purpose_name(purpose));
    }
    rule.ca_file = own_path(p, ca);
    rule.crl_file = own_path(p, crl);
    if (!trust_allow(p->trust, purpose, &rule, err))
        return err_context(err, "partner %s, %s", p->id, trust_purpose_name(purpose));
    return true;
}

static bool read_encrypt(struct partner *p, const struct json_at *in, struct err *err)
{
    const struct certlist *pinned = trust_pinned(p->trust, TRUST_ENCRYPT);
    const char *from = NULL;
    struct civil day;

    if (pinned->count == 0)
        return json_fail(
            in, err, "partner.encrypt",
            "partner %s: \"encrypt\" needs \"certificates\": the one to encrypt "
            "for, and the next one",
            p->id);
    p->encrypt_cert = cert_ref(pinned->items[0]);
    if (!json_may_string(in, "nextFrom", &from, err))
        return false;
    if (from == NULL)
        return true;
    if (pinned->count < 2 || !civil_parse(from, strlen(from), &day))
        return json_fail(
            in, err, "partner.encrypt",
            "partner %s: \"nextFrom\" is a date YYYY-MM-DD and needs a second "
            "certificate",
            p->id);
    p->encrypt_next = cert_ref(pinned->items[1]);
    p->encrypt_next_ms = civil_days(day) * DAY_MS;
    return true;
}

static bool read_tls(struct partner *p, const struct json_at *in, const char *tls_cert,
                     const char *tls_key, const struct clock *clock, struct err *err)
{
    const char *ca = NULL;
    bool tls12 = false;

    if (!json_only_keys(in, JSON_KEYS("ca", "tls12"), err) ||
        !json_may_string(in, "ca", &ca, err) || !json_may_bool(in, "tls12", &tls12, err))
        return false;
    if (ca == NULL)
        return json_fail(in, err, "partner.tls",
                         "partner %s: \"tls\" needs \"ca\", the file with the CA of its "
                         "server's certificate",
                         p->id);
    const struct tls_client_settings settings = { .ca_file = own_path(p, ca),
                                                  .chain_file = tls_cert,
                                                  .key_file = tls_key,
                                                  .allow_tls12 = tls12,
                                                  .clock = clock };
    p->tls12 = tls12;
    p->tls = tls_client_new(&settings, err);
    return p->tls != NULL || err_context(err, "partner %s, tls", p->id);
}

static bool read_keys(struct partner *p, const struct json_at *root, const char *tls_cert,
                      const char *tls_key, const struct clock *clock, struct err *err)
{
    struct json_at tls, sign, encrypt, seal;

    if (!json_need_object(root, "tls", &tls, err) ||
        !json_need_object(root, "sign", &sign, err) ||
        !json_need_object(root, "encrypt", &encrypt, err) ||
        !json_may_object(root, "seal", &seal, err))
        return false;
    return read_tls(p, &tls, tls_cert, tls_key, clock, err) &&
           read_trust(p, &sign, TRUST_SIGN, err) &&
           read_trust(p, &encrypt, TRUST_ENCRYPT, err) &&
           read_encrypt(p, &encrypt, err) &&
           (seal.value == NULL || read_trust(p, &seal, TRUST_SEAL, err));
}

/* --- as4 ---------------------------------------------------------------------------------- */

/* One word of a table, through the module's own parser. */
#define READ_WORD(at, key, parse, into, err) \
    __extension__({ \
        const char *word_ = NULL; \
        bool ok_ = json_may_string((at), (key), &word_, (err)); \
        if (ok_ && word_ != NULL && !parse(word_, (into))) \
            ok_ = json_fail((at), (err), "partner.word", "\"%s\": \"%s\" is not known", \
                            (key), word_); \
        ok_; \
    })

typedef bool word_parse(const char *name, void *ret);

static bool parse_ref(const char *name, void *ret)
{
    return pmode_ref_parse(name, ret);
}

static bool parse_sign(const char *name, void *ret)
{
    return pmode_sign_parse(name, ret);
}

static bool parse_cipher(const char *name, void *ret)
{
    return pmode_cipher_parse(name, ret);
}

static bool parse_digest(const char *name, void *ret)
{
    return pmode_digest_parse(name, ret);
}

static bool parse_wrap(const char *name, void *ret)
{
    return pmode_wrap_parse(name, ret);
}

/* ["bst", "ski"] as a set; absent: the set stays. */
static bool read_set(const struct json_at *in, const char *key, word_parse *parse,
                     unsigned *set, struct err *err)
{
    struct json_at words;
    unsigned found = 0;

    if (!json_may_array(in, key, &words, err))
        return false;
    if (words.value == NULL)
        return true;
    for (size_t i = 0; i < json_items(&words); i++) {
        struct json_at item = json_item(&words, i);
        const char *word = NULL;
        int value = 0;

        if (!json_is_string_at(&item, &word, err))
            return false;
        if (!parse(word, &value))
            return json_fail(&item, err, "partner.word", "\"%s\" is not known here",
                             word);
        found |= PMODE_BIT((unsigned)value);
    }
    if (found == 0)
        return json_fail(&words, err, "partner.word", "\"%s\" names nothing", key);
    *set = found;
    return true;
}

static bool read_security(const struct json_at *in, struct pmode_security *s,
                          struct err *err)
{
    if (!json_only_keys(in,
                        JSON_KEYS("sign", "signAccept", "digest", "digestAccept",
                                  "cipher", "cipherAccept", "wrapAccept", "signReference",
                                  "signReferenceAccept", "encryptReference",
                                  "encryptReferenceAccept", "extraSignedAccept"),
                        err))
        return false;
    return READ_WORD(in, "sign", pmode_sign_parse, &s->sign, err) &&
           READ_WORD(in, "digest", pmode_digest_parse, &s->digest, err) &&
           READ_WORD(in, "cipher", pmode_cipher_parse, &s->cipher, err) &&
           READ_WORD(in, "signReference", pmode_ref_parse, &s->sign_ref, err) &&
           READ_WORD(in, "encryptReference", pmode_ref_parse, &s->encrypt_ref, err) &&
           read_set(in, "signAccept", parse_sign, &s->sign_accept, err) &&
           read_set(in, "digestAccept", parse_digest, &s->digest_accept, err) &&
           read_set(in, "cipherAccept", parse_cipher, &s->cipher_accept, err) &&
           read_set(in, "wrapAccept", parse_wrap, &s->wrap_accept, err) &&
           read_set(in, "signReferenceAccept", parse_ref, &s->sign_ref_accept, err) &&
           read_set(in, "encryptReferenceAccept", parse_ref, &s->encrypt_ref_accept,
                    err) &&
           json_may_bool(in, "extraSignedAccept", &s->extra_signed_accept, err);
}

static bool read_party(const struct json_at *in, struct pmode_party *party,
                       struct err *err)
{
    if (in->value == NULL)
        return true;
    return json_only_keys(
               in, JSON_KEYS("id", "type", "roleSending", "roleTaking", "corner"), err) &&
           json_may_string(in, "id", &party->id, err) &&
           json_may_string(in, "type", &party->type, err) &&
           json_may_string(in, "roleSending", &party->role_sending, err) &&
           json_may_string(in, "roleTaking", &party->role_taking, err) &&
           json_may_string(in, "corner", &party->corner, err);
}

static bool read_limits(const struct json_at *in, struct pmode *pmode, struct err *err)
{
    int64_t status = pmode->error_status, parts = (int64_t)pmode->parts_max;
    int64_t part = (int64_t)(pmode->part_max >> 20),
            all = (int64_t)(pmode->inflated_max >> 20);

    if (!json_may_int(in, "errorStatus", 200, 500, &status, err) ||
        !json_may_int(in, "partsMax", 1, PMODE_PARTS_MAX, &parts, err) ||
        !json_may_int(in, "partMaxMiB", 1, 256, &part, err) ||
        !json_may_int(in, "messageMaxMiB", 1, 1024, &all, err))
        return false;
    if (status != 200 && status != 500)
        return json_fail(in, err, "partner.error-status",
                         "\"errorStatus\" is 200 or 500");
    pmode->error_status = (int)status;
    pmode->parts_max = (size_t)parts;
    pmode->part_max = (uint64_t)part << 20;
    pmode->inflated_max = (uint64_t)all << 20;
    return true;
}

/* What "as4" may say of every P-Mode, and what one of "pmodes" says besides. */
/* clang-format off */
#define AS4_KEYS                                                                          \
    "service", "serviceType", "action", "agreementType", "us", "partner", "fourCorner",   \
        "cornerType", "security", "errorStatus", "errorsSigned", "unsignedErrorsAccept",  \
        "oldDuplicateCode", "resignedRetryAccept", "anyMessageId", "strictMimeType",      \
        "partsMax", "partMaxMiB", "messageMaxMiB"
#define OPAQUE_KEYS "id", "content", "office", "agreement"
/* clang-format on */

static bool read_pmode(const struct json_at *in, struct pmode *m, struct err *err)
{
    struct json_at us, partner, security;

    if (!json_may_object(in, "us", &us, err) ||
        !json_may_object(in, "partner", &partner, err) ||
        !json_may_object(in, "security", &security, err))
        return false;
    return read_party(&us, &m->us, err) && read_party(&partner, &m->partner, err) &&
           (security.value == NULL || read_security(&security, &m->security, err)) &&
           json_may_string(in, "id", &m->id, err) &&
           json_may_string(in, "service", &m->service, err) &&
           json_may_string(in, "serviceType", &m->service_type, err) &&
           json_may_string(in, "action", &m->action, err) &&
           json_may_string(in, "agreement", &m->agreement, err) &&
           json_may_string(in, "agreementType", &m->agreement_type, err) &&
           json_may_bool(in, "fourCorner", &m->four_corner, err) &&
           json_may_string(in, "cornerType", &m->corner_type, err) &&
           json_may_bool(in, "errorsSigned", &m->errors_signed, err) &&
           json_may_bool(in, "unsignedErrorsAccept", &m->unsigned_errors_accept, err) &&
           json_may_bool(in, "oldDuplicateCode", &m->old_duplicate_code, err) &&
           json_may_bool(in, "resignedRetryAccept", &m->resigned_retry_accept, err) &&
           json_may_bool(in, "anyMessageId", &m->any_message_id, err) &&
           json_may_bool(in, "strictMimeType", &m->strict_mime_type, err) &&
           read_limits(in, m, err);
}

static void base_pmode(struct partner *p, const struct own *own)
{
    struct pmode *m = &p->base;

    pmode_defaults(m);
    m->us = (struct pmode_party){ .id = own->id,
                                  .type = own->party_type,
                                  .role_sending = PMODE_ROLE_INIT,
                                  .role_taking = PMODE_ROLE_RESPOND };
    m->partner = (struct pmode_party){ .id = p->id,
                                       .type = PMODE_UNREGISTERED,
                                       .role_sending = PMODE_ROLE_INIT,
                                       .role_taking = PMODE_ROLE_RESPOND };
    m->service = REFERRAL_SERVICE;
    m->service_type = REFERRAL_SERVICE_TYPE;
    m->action = REFERRAL_ACTION;
    m->four_corner = true;
    m->corner_type = PMODE_UNREGISTERED;
}

static bool read_opaque_one(struct partner *p, const struct json_at *in,
                            const struct own *own, struct err *err)
{
    struct partner_opaque *o = &p->opaque[p->opaque_count];
    const char *content = NULL;

    o->pmode = p->base;
    o->pmode.service = o->pmode.service_type = o->pmode.action = NULL;
    if (!json_only_keys(in, JSON_KEYS(OPAQUE_KEYS, AS4_KEYS), err) ||
        !json_need_string(in, "content", &content, err) ||
        !json_need_string(in, "office", &o->office, err) ||
        !read_pmode(in, &o->pmode, err))
        return false;
    if (!text_eq(content, "opaque"))
        return json_fail(in, err, "partner.content",
                         "\"content\" can only be \"opaque\"");
    if (text_eq(own->environment, "live"))
        return json_fail(
            in, err, "partner.opaque-live",
            "P-Mode with content \"opaque\" in the environment \"live\": it is "
            "for connecting a partner and for tests only");
    if (o->pmode.id == NULL || o->pmode.service == NULL || o->pmode.action == NULL)
        return json_fail(in, err, "partner.opaque",
                         "an opaque P-Mode needs \"id\", \"service\" and \"action\"");
    if (partner_opaque(p, o->pmode.id) != NULL)
        return json_fail(in, err, "partner.opaque", "the P-Mode %s is there twice",
                         o->pmode.id);
    o->pmode.opaque = true;
    p->opaque_count++;
    return true;
}

static bool read_opaque(struct partner *p, const struct json_at *root,
                        const struct own *own, struct err *err)
{
    struct json_at list;

    if (!json_may_array(root, "pmodes", &list, err))
        return false;
    p->opaque = mem_array(json_items(&list) + 1, sizeof *p->opaque);
    for (size_t i = 0; i < json_items(&list); i++) {
        struct json_at item = json_item(&list, i);

        if (!json_is_object_at(&item, err) || !read_opaque_one(p, &item, own, err))
            return false;
    }
    return true;
}

/* --- the file ----------------------------------------------------------------------------- */

static bool read_head(struct partner *p, const struct json_at *root, struct err *err)
{
    int64_t senders = PARTNER_SENDERS;

    p->country = "";
    if (!json_only_keys(root,
                        JSON_KEYS("partner", "country", "name", "endpoint", "connectTo",
                                  "tls", "sign", "encrypt", "seal", "as4", "pmodes",
                                  "senders", "paused", "gzipAttachments"),
                        err) ||
        !json_need_string(root, "partner", &p->id, err) ||
        !json_may_string(root, "country", &p->country, err) ||
        !json_may_string(root, "name", &p->name, err) ||
        !json_need_string(root, "endpoint", &p->url, err) ||
        !json_may_string(root, "connectTo", &p->connect_to, err) ||
        !json_may_int(root, "senders", 1, PARTNER_SENDERS_MAX, &senders, err) ||
        !json_may_bool(root, "paused", &p->paused_by_file, err) ||
        !json_may_bool(root, "gzipAttachments", &p->gzip_attachments, err))
        return false;
    if (!text_starts(p->url, "https://"))
        return json_fail(root, err, "partner.endpoint",
                         "\"endpoint\" must begin with https://");
    p->senders = (unsigned)senders;
    return true;
}

static bool read_all(struct partner *p, const struct own *own, const char *tls_cert,
                     const char *tls_key, const struct clock *clock, struct err *err)
{
    struct json_at root = json_root(p->private->doc), as4;

    if (!read_head(p, &root, err) || !json_may_object(&root, "as4", &as4, err))
        return false;
    p->trust = trust_new(p->id);
    base_pmode(p, own);
    return read_keys(p, &root, tls_cert, tls_key, clock, err) &&
           (as4.value == NULL || (json_only_keys(&as4, JSON_KEYS(AS4_KEYS), err) &&
                                  read_pmode(&as4, &p->base, err))) &&
           read_opaque(p, &root, own, err);
}

struct partner *partner_load(const char *path, const struct own *own,
                             const char *tls_cert, const char *tls_key,
                             const struct clock *clock, struct err *err)
{
    AUTO(partner_free) struct partner *p = mem_alloc(sizeof *p);
    AUTO(mem_free) char *copy = mem_strdup(path);

    p->private = mem_alloc(sizeof *p->private);
    p->private->folder = mem_strdup(dirname(copy));
    p->private->doc = json_doc_load(path, &json_limits_config, err);
    if (p->private->doc == NULL || !read_all(p, own, tls_cert, tls_key, clock, err))
        return NULL;
    return TAKE(p);
}

/* A P-Mode per agreement between the two of us: same everything, its own AgreementRef. */
void partner_agree(struct partner *p, const struct own *own,
                   const struct bundles *bundles)
{
    AUTO(strlist_free) struct strlist ids = { 0 };

    bundles_between(bundles, own->id, p->id, &ids);
    p->agreements = mem_array(ids.count + 1, sizeof *p->agreements);
    p->all = mem_array(ids.count + p->opaque_count + 1, sizeof *p->all);
    for (size_t i = 0; i < ids.count; i++) {
        struct pmode *m = &p->agreements[p->agreement_count++];

        *m = p->base;
        m->agreement = m->id = own_text(p, ids.items[i]);
        p->all[p->all_count++] = m;
    }
    for (size_t i = 0; i < p->opaque_count; i++)
        p->all[p->all_count++] = &p->opaque[i].pmode;
}

void partner_free(struct partner **partner)
{
    struct partner *p = *partner;

    if (p == NULL)
        return;
    tls_client_free(&p->tls);
    trust_free(&p->trust);
    cert_free(&p->encrypt_cert);
    cert_free(&p->encrypt_next);
    mem_free(&p->agreements);
    mem_free(&p->opaque);
    mem_free(&p->all);
    json_doc_free(&p->private->doc);
    mem_free(&p->private->folder);
    strlist_free(&p->private->owned);
    mem_free(&p->private);
    mem_free(partner);
}

const struct pmode *partner_pmode(const struct partner *partner, const char *agreement)
{
    for (size_t i = 0; i < partner->agreement_count; i++)
        if (text_eq(partner->agreements[i].agreement, agreement))
            return &partner->agreements[i];
    return NULL;
}

const struct partner_opaque *partner_opaque(const struct partner *partner,
                                            const char *pmode)
{
    for (size_t i = 0; i < partner->opaque_count; i++)
        if (text_eq(partner->opaque[i].pmode.id, pmode))
            return &partner->opaque[i];
    return NULL;
}

const struct cert *partner_encrypt_cert(const struct partner *partner, int64_t now_ms)
{
    if (partner->encrypt_next != NULL && now_ms >= partner->encrypt_next_ms)
        return partner->encrypt_next;
    return partner->encrypt_cert;
}

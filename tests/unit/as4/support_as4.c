/*
 * support_as4.c - keys, gateways and letters for the tests of this folder.
 */
#include "support_as4.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libxml/parser.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include "base/body.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/xml.h"
#include "pki/xmlsig.h"

struct gateway gateways[WHO_COUNT];
struct certlist ca;

static EVP_PKEY *ca_key;
static X509 *ca_x509;
static const char *const names[] = { "gw-a", "gw-b", "gw-m" };

static const struct {
    const char *name;
    int rsa_bits; /* 0: P-256 */
    bool opens;
} kinds[KEY_COUNT] = {
    [KEY_SIGN_2048] = { "sign-2048", 2048, false },
    [KEY_SIGN_3072] = { "sign-3072", 3072, false },
    [KEY_SIGN_EC] = { "sign-ec", 0, false },
    [KEY_OPEN_2048] = { "open-2048", 2048, true },
    [KEY_OPEN_3072] = { "open-3072", 3072, true },
    [KEY_OLD] = { "old", 0, false },
};

/* RSA keys take their time: only those that some test uses. */
static bool needed(enum who who, enum key k)
{
    static const unsigned sets[WHO_COUNT] = {
        [GW_A] =
            1u << KEY_SIGN_2048 | 1u << KEY_SIGN_3072 | 1u << KEY_SIGN_EC | 1u << KEY_OLD,
        [GW_B] = 1u << KEY_SIGN_2048 | 1u << KEY_SIGN_EC | 1u << KEY_OPEN_2048 |
                 1u << KEY_OPEN_3072,
        [GW_M] = 1u << KEY_SIGN_2048 | 1u << KEY_OPEN_2048,
    };

    return (sets[who] & 1u << k) != 0;
}

const char *key_name(enum key key)
{
    return kinds[key].name;
}

/* --- certificates ---------------------------------------------------------------------------- */

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *extension;

    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(extension);
    X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
}

static X509 *certify(EVP_PKEY *key, const char *cn, const char *usage, int64_t from_ms,
                     int64_t until_ms)
{
    static long serial = 1000;
    X509 *cert = X509_new();
    X509_NAME *name = X509_get_subject_name(cert);
    X509 *issuer = ca_x509 == NULL ? cert : ca_x509;

    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), ++serial);
    ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)(from_ms / 1000));
    ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)(until_ms / 1000));
    X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC,
                               (const unsigned char *)"Test office", -1, -1, 0);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1,
                               -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(issuer));
    X509_set_pubkey(cert, key);
    add_extension(cert, issuer, NID_basic_constraints,
                  ca_x509 == NULL ? "critical,CA:TRUE" : "critical,CA:FALSE");
    add_extension(cert, issuer, NID_key_usage, usage);
    add_extension(cert, issuer, NID_subject_key_identifier, "hash");
    assert_true(X509_sign(cert, ca_key, EVP_sha256()) > 0);
    return cert;
}

static void write_pem(const char *path, EVP_PKEY *key, X509 *cert)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    if (key != NULL)
        PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
    else
        PEM_write_X509(f, cert);
    fclose(f);
    assert_int_equal(chmod(path, 0600), 0);
}

struct paths {
    char key[KEY_COUNT][64], cert[KEY_COUNT][64];
};

static void make_key(struct gateway *g, const char *dir, enum who who, enum key k,
                     struct paths *paths)
{
    int64_t until = k == KEY_OLD ? NOW - HOUR_MS : NOW + 365 * DAY_MS;
    AUTO(mem_free) char *cn = mem_printf("%s %s", names[who], kinds[k].name);
    struct err err = { 0 };
    X509 *cert;

    g->keys[k] = kinds[k].rsa_bits == 0 ? EVP_EC_gen("P-256")
                                        : EVP_RSA_gen((unsigned)kinds[k].rsa_bits);
    cert =
        certify(g->keys[k], cn,
                kinds[k].opens ? "critical,keyEncipherment" : "critical,digitalSignature",
                NOW - 30 * DAY_MS, until);
    g->certs[k] = cert_of_x509(cert, &err);
    snprintf(paths->key[k], sizeof paths->key[k], "%s/%d-%d.key", dir, (int)who, (int)k);
    snprintf(paths->cert[k], sizeof paths->cert[k], "%s/%d-%d.crt", dir, (int)who,
             (int)k);
    write_pem(paths->key[k], g->keys[k], NULL);
    write_pem(paths->cert[k], NULL, cert);
    X509_free(cert);
    assert_non_null(g->certs[k]);
}

static void make_trust(struct gateway *g, enum who who)
{
    const enum key pinned[] = { KEY_SIGN_2048, KEY_SIGN_3072, KEY_SIGN_EC, KEY_OLD };
    struct trust_rule rule = { .pinned = &g->sign_certs };
    struct err err = { 0 };

    for (size_t i = 0; i < COUNT_OF(pinned); i++) {
        if (needed(who, pinned[i]))
            certlist_add(&g->sign_certs, g->certs[pinned[i]]);
    }
    g->trust = trust_new(names[who]);
    assert_true(trust_allow(g->trust, TRUST_SIGN, &rule, &err));
}

static void make_own(struct gateway *g, enum who who)
{
    static const enum key opens[] = { KEY_OPEN_2048, KEY_OPEN_3072 };

    for (size_t i = 0; i < COUNT_OF(opens); i++) {
        if (!needed(who, opens[i]))
            continue;
        g->own_ids[g->own_certs.count] = kinds[opens[i]].name;
        certlist_add(&g->own_certs, g->certs[opens[i]]);
    }
    g->own = (struct as4_own_keys){ &g->own_certs, g->own_ids };
}

static void make_gateway(const char *dir, enum who who)
{
    struct gateway *g = &gateways[who];
    size_t count = 0;
    struct signer_key_file files[KEY_COUNT];
    struct paths paths;
    struct err err = { 0 };

    for (unsigned k = 0; k < KEY_COUNT; k++) {
        if (!needed(who, k))
            continue;
        make_key(g, dir, who, k, &paths);
        files[count++] =
            (struct signer_key_file){ kinds[k].name, paths.key[k], paths.cert[k] };
    }
    g->signer = signer_open_files(&(struct signer_files){ files, count, NULL, 0 }, &err);
    if (g->signer == NULL)
        fail_msg("%s: %s", err.code, err.text);
    for (size_t i = 0; i < count; i++) {
        unlink(files[i].key_path);
        unlink(files[i].cert_path);
    }
    make_own(g, who);
    make_trust(g, who);
}

int as4_setup(void **state)
{
    char dir[] = "/tmp/test-as4-XXXXXX";
    struct err err = { 0 };
    struct cert *issuer;

    (void)state;
    xml_init();
    assert_true(xmlsig_init(&err));
    assert_non_null(mkdtemp(dir));
    ca_key = EVP_EC_gen("P-256");
    ca_x509 = certify(ca_key, "Test CA", "critical,keyCertSign,cRLSign",
                      NOW - 60 * DAY_MS, NOW + 3650 * DAY_MS);
    issuer = cert_of_x509(ca_x509, &err);
    certlist_add(&ca, issuer);
    cert_free(&issuer);
    for (unsigned who = 0; who < WHO_COUNT; who++)
        make_gateway(dir, who);
    rmdir(dir);
    return 0;
}

int as4_teardown(void **state)
{
    (void)state;
    for (unsigned who = 0; who < WHO_COUNT; who++) {
        struct gateway *g = &gateways[who];

        signer_free(&g->signer);
        trust_free(&g->trust);
        certlist_free(&g->sign_certs);
        certlist_free(&g->own_certs);
        for (unsigned k = 0; k < KEY_COUNT; k++) {
            EVP_PKEY_free(g->keys[k]);
            cert_free(&g->certs[k]);
        }
    }
    certlist_free(&ca);
    X509_free(ca_x509);
    EVP_PKEY_free(ca_key);
    xmlsig_shutdown();
    xml_shutdown();
    return 0;
}

struct as4_signing signing_of(enum who who, enum key key)
{
    return (struct as4_signing){ gateways[who].signer, kinds[key].name,
                                 gateways[who].certs[key], &ca };
}

struct pmode pmode_of(enum who us, enum who partner)
{
    struct pmode p;

    pmode_defaults(&p);
    p.id = "test";
    p.us.id = names[us];
    p.partner.id = names[partner];
    p.agreement = "urn:example:agreement:1";
    p.service = "urn:trm:referral";
    p.service_type = "urn:trm:service";
    p.action = "Exchange";
    p.security.sign_accept |= PMODE_BIT(SIGN_ECDSA_SHA256);
    return p;
}

/* --- a receiver ------------------------------------------------------------------------------- */

static bool find_peer(void *ctx, const struct eb_user *user, struct as4_peer *ret)
{
    struct receiver *r = ctx;

    for (size_t i = 0; i < r->count; i++) {
        const struct pmode *list[] = { &r->pmodes[i] };
        const struct pmode *base;
        bool addressed;

        if (!pmode_find(list, 1, user, &ret->pmode, &base, &addressed))
            continue;
        ret->partner = names[r->partners[i]];
        ret->trust = r->trust != NULL ? r->trust : gateways[r->partners[i]].trust;
        ret->own = r->own != NULL ? r->own : &gateways[GW_B].own;
        return true;
    }
    return false;
}

static enum as4_known ask_known(void *ctx, const char *partner, const char *message_id,
                                const unsigned char fingerprint[AS4_FINGERPRINT],
                                struct buf *ret_receipt, struct err *err)
{
    struct receiver *r = ctx;

    assert_non_null(partner);
    r->asked++;
    if (r->known == AS4_KNOWN_FAILED)
        err_set(err, ERR_RETRY, "test.store", "the store is away");
    if (r->known != AS4_NEW)
        return r->known;
    if (!r->remembers || strcmp(r->message_id, message_id) != 0)
        return AS4_NEW;
    buf_adds(ret_receipt, "the stored receipt");
    return memcmp(r->fingerprint, fingerprint, AS4_FINGERPRINT) == 0 ? AS4_KNOWN_SAME
                                                                     : AS4_KNOWN_OTHER;
}

void receiver_init(struct receiver *r, enum who us)
{
    *r = (struct receiver){ .signer = gateways[us].signer };
    r->pmodes[0] = pmode_of(us, GW_A);
    r->partners[0] = GW_A;
    r->pmodes[1] = pmode_of(us, GW_M);
    r->partners[1] = GW_M;
    r->count = 2;
    r->gate = (struct as4_gate){ .ctx = r,
                                 .peer = find_peer,
                                 .known = ask_known,
                                 .signer = r->signer,
                                 .now_ms = NOW };
}

void receiver_free(struct receiver *r)
{
    source_free(&r->body);
}

void receive_wire(struct receiver *r, const void *data, size_t len,
                  const char *content_type, struct as4_inbound *ret)
{
    source_free(&r->body);
    r->body = source_of_memory(data, len);
    r->gate.ctx = r;
    as4_receive(r->body, content_type, &r->gate, ret);
}

void receive_letter(struct receiver *r, const struct letter *l, struct as4_inbound *ret)
{
    receive_wire(r, l->wire.data, l->wire.len, l->package->content_type, ret);
}

/* --- letters ---------------------------------------------------------------------------------- */

void letter_init(struct letter *l)
{
    *l = (struct letter){ .pmode = pmode_of(GW_A, GW_B),
                          .sign = KEY_SIGN_2048,
                          .open = KEY_OPEN_2048,
                          .wire = BUF_INIT(64u << 20) };
}

void letter_add(struct letter *l, const char *type, const char *text,
                enum as4_compress how)
{
    size_t i = l->part_count++;

    l->owned[i] = source_of_copy(text, strlen(text));
    l->parts[i] = (struct as4_part_spec){ .octets = l->owned[i],
                                          .compress = how,
                                          .mime_type = type };
}

void letter_two_parts(struct letter *l)
{
    letter_add(l, "application/xml",
               "<?xml version=\"1.0\"?><Referral><x>1</x></Referral>", AS4_COMPRESS_AUTO);
    letter_add(l, "image/png", "\x89PNG not really a picture, but octets",
               AS4_COMPRESS_AUTO);
}

void letter_pack(struct letter *l)
{
    const struct as4_signing signing = signing_of(GW_A, l->sign);
    struct as4_spec spec = { .pmode = &l->pmode,
                             .host = "gw-a.example",
                             .conversation_id = "case-1",
                             .timestamp_ms = NOW - SECOND,
                             .parts = l->parts,
                             .part_count = l->part_count,
                             .signing = &signing,
                             .encrypt_cert = gateways[GW_B].certs[l->open] };
    AUTO(source_free) struct source *wire = NULL;
    struct err err = { 0 };

    if (!as4_package_make(&spec, &l->package, &err))
        fail_msg("%s: %s", err.code, err.text);
    wire = as4_package_wire(l->package);
    if (!source_load(wire, &l->wire, &err))
        fail_msg("%s: %s", err.code, err.text);
    assert_int_equal(l->wire.len, wire->size);
}

void letter_free(struct letter *l)
{
    as4_package_free(&l->package);
    for (size_t i = 0; i < l->part_count; i++)
        source_free(&l->owned[i]);
    buf_free(&l->wire);
}

/* --- editing ---------------------------------------------------------------------------------- */

bool edit_octets(struct buf *text, const void *find, size_t find_len, const void *put,
                 size_t put_len)
{
    char *at = memmem(text->data, text->len, find, find_len);
    AUTO(buf_free) struct buf out = BUF_INIT(text->max);
    size_t before;

    if (at == NULL)
        return false;
    before = (size_t)(at - text->data);
    buf_add(&out, text->data, before);
    buf_add(&out, put, put_len);
    buf_add(&out, at + find_len, text->len - before - find_len);
    assert_false(out.over);
    buf_clear(text);
    buf_add(text, out.data, out.len);
    return true;
}

bool edit(struct buf *text, const char *find, const char *put)
{
    return edit_octets(text, find, strlen(find), put, strlen(put));
}

struct str envelope_in(const struct buf *wire)
{
    const char *end = "Envelope>";
    char *from = memmem(wire->data, wire->len, "<?xml", 5);
    char *to = memmem(from, wire->len - (size_t)(from - wire->data), end, strlen(end));

    while (to != NULL && to[-1] != ':' && to[-1] != '/') /* not the start tag */
        to = memmem(to + 1, wire->len - (size_t)(to + 1 - wire->data), end, strlen(end));
    assert_non_null(to);
    return (struct str){ from, (size_t)(to + strlen(end) - from) };
}

void resign(struct buf *wire, EVP_PKEY *key)
{
    struct str old = envelope_in(wire);
    xmlDoc *doc = xmlReadMemory(old.ptr, (int)old.len, NULL, NULL, XML_PARSE_NONET);
    AUTO(mem_free) char *copy = mem_dup(old.ptr, old.len);
    xmlChar *text = NULL;
    int len = 0;

    assert_non_null(doc);
    assert_true(evp_resign(doc, key));
    xmlDocDumpMemory(doc, &text, &len);
    while (len > 0 && text[len - 1] == '\n')
        len--;
    assert_true(edit_octets(wire, copy, old.len, text, (size_t)len));
    xmlFree(text);
    xmlFreeDoc(doc);
}

void load_golden(const char *name, struct buf *out)
{
    AUTO(mem_free) char *path = mem_printf("tests/golden/as4/%s", name);
    struct err err = { 0 };

    if (!file_read(path, out, &err))
        fail_msg("%s: %s (run from the top of the tree)", err.code, err.text);
}

struct buf load_source(const struct source *source, size_t max)
{
    struct buf out = BUF_INIT(max);
    struct err err = { 0 };

    if (!source_load(source, &out, &err))
        fail_msg("%s: %s", err.code, err.text);
    return out;
}

void sha256_hex(const void *data, size_t len, char out[65])
{
    unsigned char md[32];

    EVP_Digest(data, len, md, NULL, EVP_sha256(), NULL);
    for (size_t i = 0; i < sizeof md; i++)
        snprintf(out + 2 * i, 3, "%02x", md[i]);
}

/* The seal of a document: made, checked by us and by the xmlsec1 command line, and refused. */
#include "support_pki.h"

#include <openssl/evp.h>

#include "base/body.h"
#include "base/codec.h"
#include "format/xml.h"
#include "pki/trust.h"
#include "pki/xmlsig.h"

static struct made ca, other_ca, p256, p384, rsa, foreign;
static struct cert *certs[4]; /* p256, p384, rsa, foreign */
static struct signer *signers[4];
static char *ca_file, *other_file, *sealed; /* by p256 */

static const char document[] =
    "<Referral xmlns=\"urn:trm:referral:1\" minor=\"0\"><Header a=\"1\">x &amp; "
    "y</Header>"
    "<Person>\xd0\x98\xd0\xb2\xd0\xb0\xd0\xbd</Person></Referral>";

static xmlDoc *parsed(const char *text)
{
    struct err err;
    xmlDoc *doc = NULL;

    assert_done((doc = xml_parse_utf8(text, strlen(text), NULL, &err)) != NULL, err);
    return doc;
}

static char *sealed_by(int key)
{
    AUTO(xml_doc_free) xmlDoc *doc = parsed(document);
    AUTO(buf_free) struct buf out = BUF_INIT(1 << 20);
    struct err err;

    assert_done(xmlsig_seal(doc, signers[key], "seal", certs[key], &err), err);
    assert_done(xml_print(doc, NULL, &out, &err), err);
    return buf_detach(&out);
}

static int begin(void **state)
{
    struct made *made[] = { &p256, &p384, &rsa, &foreign };
    struct err err;

    (void)state;
    temp_begin();
    xml_init();
    assert_done(xmlsig_init(&err), err);
    /* The command line judges certificates by its own clock: valid for many years. */
    int64_t from = NOW - 3000 * DAY_MS, to = NOW + 9000 * DAY_MS;
    ca = make((struct order){ .kind = "p256:1",
                              .cn = "CA",
                              .ca = true,
                              .from_ms = from,
                              .to_ms = to,
                              .usage = "critical,keyCertSign,cRLSign" });
    other_ca = make((struct order){ .kind = "p256:2",
                                    .cn = "Other",
                                    .ca = true,
                                    .from_ms = from,
                                    .to_ms = to,
                                    .usage = "critical,keyCertSign,cRLSign" });
    const char *kinds[] = { "p256", "p384", "rsa2048", "p256:3" };
    for (size_t i = 0; i < COUNT_OF(made); i++) {
        *made[i] = make((struct order){ .kind = kinds[i],
                                        .cn = "seal",
                                        .from_ms = from,
                                        .to_ms = to,
                                        .issuer = i < 3 ? &ca : &other_ca,
                                        .usage = "critical,digitalSignature" });
        certs[i] = made_cert(made[i]);
        assert_done((signers[i] = file_signer_of("seal", made[i], &err)) != NULL, err);
    }
    ca_file = temp_cert("ca.pem", (const struct made *[]){ &ca }, 1);
    other_file = temp_cert("other.pem", (const struct made *[]){ &other_ca }, 1);
    sealed = sealed_by(0);
    return 0;
}

static int end(void **state)
{
    struct made *made[] = { &ca, &other_ca, &p256, &p384, &rsa, &foreign };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(made); i++)
        made_free(made[i]);
    for (size_t i = 0; i < 4; i++) {
        cert_free(&certs[i]);
        signer_free(&signers[i]);
    }
    mem_free(&ca_file);
    mem_free(&other_file);
    mem_free(&sealed);
    xmlsig_shutdown();
    xml_shutdown();
    temp_end();
    pool_free();
    return 0;
}

static int command(const char *trusted, const char *doc)
{
    AUTO(mem_free)
    char *line = mem_printf("env SSL_CERT_FILE=/dev/null SSL_CERT_DIR=/nonexistent "
                            "xmlsec1 --verify --trusted-pem "
                            "%s %s >/dev/null 2>&1",
                            trusted, doc);

    return system(line);
}

static void test_seal(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        AUTO(mem_free) char *text = sealed_by(i);
        AUTO(mem_free) char *path = temp_write("doc.xml", text, strlen(text), 0644);
        AUTO(mem_free) char *forged = mem_strdup(text);
        AUTO(mem_free) char *forged_path = NULL;
        AUTO(certlist_free) struct certlist list = { 0 };
        AUTO(cert_free) struct cert *found = NULL;
        AUTO(xml_doc_free) xmlDoc *doc = parsed(text);
        struct err err;

        certlist_add(&list, certs[i]);
        assert_done(xmlsig_unseal_check(doc, xmlsig_accept_listed, &list, &found, &err),
                    err);
        assert_true(cert_same(found, certs[i]));
        assert_done(xmlsig_unseal_check(doc, xmlsig_accept_listed, &list, NULL, &err),
                    err);
        assert_int_equal(command(ca_file, path), 0);
        assert_int_not_equal(command(other_file, path), 0);
        *strstr(forged, "x &amp;") = 'z';
        forged_path = temp_write("forged.xml", forged, strlen(forged), 0644);
        assert_int_not_equal(command(ca_file, forged_path), 0);
    }
}

/* The document's own octets stay as they were. */
static void test_nothing_else_changes(void **state)
{
    const char *from = strstr(sealed, "<Referral");
    const char *signature = strstr(sealed, "<ds:Signature ");

    (void)state;
    assert_non_null(signature);
    assert_memory_equal(from, document, strlen(document) - strlen("</Referral>"));
    assert_int_equal(signature - from, strlen(document) - strlen("</Referral>"));
    assert_non_null(strstr(signature, "</ds:Signature></Referral>"));
}

static bool by_trust(void *arg, const struct cert *cert, struct err *err)
{
    return trust_check(arg, TRUST_SEAL, cert, NULL, NOW, NULL, err);
}

static void test_accept(void **state)
{
    AUTO(trust_free) struct trust *trust = trust_new("MD-GW1");
    AUTO(certlist_free) struct certlist pins = { 0 };
    AUTO(xml_doc_free) xmlDoc *doc = parsed(sealed);
    AUTO(cert_free) struct cert *none = NULL;
    struct err err;

    (void)state;
    assert_refused(xmlsig_unseal_check(doc, by_trust, trust, &none, &err), err,
                   "pki.not-trusted");
    assert_null(none);
    certlist_add(&pins, certs[3]);
    assert_refused(xmlsig_unseal_check(doc, xmlsig_accept_listed, &pins, NULL, &err), err,
                   "pki.no-such-cert");
    certlist_add(&pins, certs[0]);
    assert_done(
        trust_allow(trust, TRUST_SEAL, &(struct trust_rule){ .pinned = &pins }, &err),
        err);
    assert_done(xmlsig_unseal_check(doc, by_trust, trust, NULL, &err), err);
    /* A known certificate is still asked for; an unknown one is parsed. */
    assert_done(xmlsig_unseal_known(doc, &pins, by_trust, trust, &none, &err), err);
    assert_ptr_equal(none, certs[0]);
    cert_free(&none);
    certlist_free(&pins);
    assert_done(xmlsig_unseal_known(doc, &pins, by_trust, trust, NULL, &err), err);
    trust_free(&trust);
    trust = trust_new("MD-GW1");
    certlist_add(&pins, certs[0]);
    assert_refused(xmlsig_unseal_known(doc, &pins, by_trust, trust, NULL, &err), err,
                   "pki.not-trusted");
}

static const struct attack {
    const char *name, *from, *to, *code; /* code NULL: passes */
} attacks[] = {
    { "content changed", "x &amp; y", "x &amp; z", "seal.broken" },
    { "attribute changed", "minor=\"0\"", "minor=\"1\"", "seal.broken" },
    { "attribute added", "minor=\"0\"", "minor=\"0\" n=\"\"", "seal.broken" },
    { "element added", "<Header", "<New/><Header", "seal.broken" },
    { "blank added", "<Header", " <Header", "seal.broken" },
    { "quotes do not matter", "minor=\"0\"", "minor='0'", NULL },
    { "comment outside", "<Referral", "<!-- --><Referral", "seal.outside" },
    { "second signature inside", "<Header",
      "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/"
      "xmldsig#\"/><Header",
      "seal.twice" },
    { "not the last child", "</ds:Signature>", "</ds:Signature><Late/>", "seal.grammar" },
    { "text behind it", "</ds:Signature>", "</ds:Signature> ", "seal.grammar" },
    { "blank within", "<ds:SignedInfo>", "<ds:SignedInfo> ", "seal.grammar" },
    { "Id added", "<ds:SignedInfo>", "<ds:SignedInfo Id=\"a\">", "seal.grammar" },
    { "Signature with Id", "<ds:Signature ", "<ds:Signature Id=\"a\" ", "seal.grammar" },
    { "other reference", "URI=\"\"", "URI=\"#a\"", "seal.grammar" },
    { "no URI", " URI=\"\"", "", "seal.grammar" },
    { "reference with Type", "URI=\"\"", "URI=\"\" Type=\"x\"", "seal.grammar" },
    { "enveloped taken out",
      "<ds:Transform "
      "Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/>",
      "", "seal.grammar" },
    { "XPath added", "</ds:Transforms>",
      "<ds:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xpath-19991116\"/>"
      "</ds:Transforms>",
      "seal.grammar" },
    { "inclusive C14N", "xml-exc-c14n#\"/><ds:SignatureMethod",
      "xml-exc-c14n#WithComments\"/><ds:SignatureMethod", "seal.grammar" },
    { "SHA-1", "xmlenc#sha256", "xmlenc#sha1", "seal.grammar" },
    { "HMAC", "xmldsig-more#ecdsa-sha256", "xmldsig-more#hmac-sha256", "seal.grammar" },
    { "RSA by name", "xmldsig-more#ecdsa-sha256", "xmldsig-more#rsa-sha256",
      "pki.key-type" },
    { "another digest", "xmldsig-more#ecdsa-sha256", "xmldsig-more#ecdsa-sha384",
      "seal.broken" },
    { "object", "</ds:KeyInfo>", "</ds:KeyInfo><ds:Object/>", "seal.grammar" },
    { "second reference", "</ds:Reference>", "</ds:Reference><ds:Reference URI=\"\"/>",
      "seal.grammar" },
    { "key value beside", "<ds:X509Data>", "<ds:KeyValue/><ds:X509Data>",
      "seal.grammar" },
    { "two certificates", "</ds:X509Certificate>",
      "</ds:X509Certificate><ds:X509Certificate/>", "seal.grammar" },
    { "certificate with junk", "<ds:X509Certificate>", "<ds:X509Certificate>-",
      "seal.grammar" },
    { "certificate not DER", "<ds:X509Certificate>", "<ds:X509Certificate>AAAA",
      "pki.cert-form" },
    { "digest changed", "<ds:DigestValue>", "<ds:DigestValue>AAAA", "seal.grammar" },
    { "value changed", "<ds:SignatureValue>", "<ds:SignatureValue>AAAA", "seal.broken" },
    { "comment in the value", "<ds:SignatureValue>", "<ds:SignatureValue><!-- -->",
      "seal.grammar" },
};

static void test_attack(void **state)
{
    const struct attack *a = *state;
    const char *at = strstr(sealed, a->from);
    AUTO(mem_free) char *text = NULL;
    AUTO(xml_doc_free) xmlDoc *doc = NULL;
    AUTO(certlist_free) struct certlist list = { 0 };
    struct err err = { 0 };
    bool done;

    assert_non_null(at);
    text =
        mem_printf("%.*s%s%s", (int)(at - sealed), sealed, a->to, at + strlen(a->from));
    doc = parsed(text);
    certlist_add(&list, certs[0]);
    done = xmlsig_unseal_check(doc, xmlsig_accept_listed, &list, NULL, &err);
    assert_int_equal(done, a->code == NULL);
    if (a->code != NULL)
        assert_string_equal(err.code, a->code);
}

/* A seal by a certificate we know, put over a document by somebody else's key. */
static void test_certificate_swapped(void **state)
{
    AUTO(mem_free) char *text = sealed_by(3), *mixed = NULL;
    AUTO(buf_free) struct buf base64 = BUF_INIT(1 << 16);
    AUTO(xml_doc_free) xmlDoc *doc = NULL;
    AUTO(certlist_free) struct certlist list = { 0 };
    char *open = strstr(text, "<ds:X509Certificate>") + strlen("<ds:X509Certificate>");
    struct err err;

    (void)state;
    base64_add(&base64, cert_der(certs[0]).ptr, cert_der(certs[0]).len);
    mixed = mem_printf("%.*s%s%s", (int)(open - text), text, buf_str(&base64),
                       strstr(open, "</ds:X509Certificate>"));
    doc = parsed(mixed);
    certlist_add(&list, certs[0]);
    assert_refused(xmlsig_unseal_check(doc, xmlsig_accept_listed, &list, NULL, &err), err,
                   "seal.broken");
}

static void test_seal_refused(void **state)
{
    AUTO(xml_doc_free) xmlDoc *again = parsed(sealed);
    AUTO(xml_doc_free) xmlDoc *comment = parsed("<!-- c --><a/>");
    AUTO(xml_doc_free) xmlDoc *plain = parsed(document);
    AUTO(buf_free) struct buf out = BUF_INIT(1 << 16);
    AUTO(certlist_free) struct certlist list = { 0 };
    struct err err;

    (void)state;
    assert_refused(xmlsig_unseal_check(plain, xmlsig_accept_listed, &list, NULL, &err),
                   err, "seal.none");
    assert_refused(xmlsig_seal(again, signers[0], "seal", certs[0], &err), err,
                   "seal.twice");
    assert_refused(xmlsig_seal(comment, signers[0], "seal", certs[0], &err), err,
                   "seal.outside");
    assert_refused(xmlsig_seal(plain, signers[0], "none", certs[0], &err), err,
                   "pki.no-such-key");
    /* A seal that failed leaves no trace. */
    assert_done(xml_print(plain, &(struct xml_style){ .bare = true }, &out, &err), err);
    assert_non_null(strstr(buf_str(&out), document));
}

static void canonical(xmlDoc *doc, struct buf *out)
{
    struct buf_sink to = sink_of_buf(out);
    struct err err;

    assert_done(xml_c14n(xml_root(doc), NULL, &to.sink, &err), err);
}

/* What is sealed, without the signature: all that a reader may believe. */
static void content_of(xmlDoc *doc, struct buf *out)
{
    xmlNode *signature = xml_root(doc)->last;

    xmlUnlinkNode(signature);
    canonical(doc, out);
    xml_node_free(&signature);
}

/* Whatever is changed: either it is refused, or nothing of the content has changed. */
static void test_mutations(void **state)
{
    AUTO(certlist_free) struct certlist list = { 0 };
    AUTO(xml_doc_free) xmlDoc *good = parsed(sealed);
    AUTO(buf_free) struct buf want = BUF_INIT(1 << 20);
    size_t len = strlen(sealed), parsed_ones = 0;
    AUTO(mem_free) char *text = mem_strdup(sealed);
    uint32_t seed = 2026;

    (void)state;
    certlist_add(&list, certs[0]);
    content_of(good, &want);
    for (int i = 0; i < 3000; i++) {
        AUTO(buf_free) struct buf got = BUF_INIT(1 << 20);
        AUTO(xml_doc_free) xmlDoc *doc = NULL;
        struct err err;

        memcpy(text, sealed, len);
        for (int n = 0; n <= i % 3; n++) {
            seed = seed * 1664525 + 1013904223;
            text[(seed >> 8) % len] ^= (char)(1U << (seed >> 29));
        }
        doc = xml_parse_utf8(text, len, NULL, &err);
        parsed_ones += doc != NULL;
        if (doc == NULL ||
            !xmlsig_unseal_check(doc, xmlsig_accept_listed, &list, NULL, &err))
            continue;
        content_of(doc, &got);
        assert_int_equal(got.len, want.len);
        assert_memory_equal(got.data, want.data, want.len);
    }
    assert_true(parsed_ones > 300); /* the test does reach the seal */
}

int main(void)
{
    const struct CMUnitTest single[] = {
        cmocka_unit_test(test_seal),         cmocka_unit_test(test_nothing_else_changes),
        cmocka_unit_test(test_accept),       cmocka_unit_test(test_certificate_swapped),
        cmocka_unit_test(test_seal_refused), cmocka_unit_test(test_mutations),
    };
    struct CMUnitTest tests[COUNT_OF(single) + COUNT_OF(attacks)];

    memcpy(tests, single, sizeof single);
    for (size_t i = 0; i < COUNT_OF(attacks); i++) {
        struct CMUnitTest *t = &tests[COUNT_OF(single) + i];

        *t = (struct CMUnitTest){ .name = attacks[i].name, .test_func = test_attack };
        memcpy(&t->initial_state, &(const struct attack *){ &attacks[i] },
               sizeof(void *));
    }
    return cmocka_run_group_tests(tests, begin, end);
}

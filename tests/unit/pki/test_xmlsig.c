/* Signing, the gate, digests of elements, the verdict; and everything that must be refused. */
#include "support_pki.h"

#include <pthread.h>
#include <unistd.h>

#include <libxml/parser.h>
#include <openssl/evp.h>

#include "base/body.h"
#include "base/codec.h"
#include "base/file.h"
#include "format/xml.h"
#include "pki/xmlsig.h"

#define DS   "http://www.w3.org/2000/09/xmldsig#"
#define EXC  "http://www.w3.org/2001/10/xml-exc-c14n#"
#define MORE "http://www.w3.org/2001/04/xmldsig-more#"
#define ENC  "http://www.w3.org/2001/04/xmlenc#"
#define WSU \
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
#define SWA \
    "http://docs.oasis-open.org/wss/oasis-wss-SwAProfile-1.1#Attachment-" \
    "Content-Signature-Transform"

#define DIGEST "<ds:DigestMethod Algorithm=\"" ENC "sha256\"/><ds:DigestValue/>"
#define ELEMENT(id) \
    "<ds:Reference URI=\"#" id "\"><ds:Transforms><ds:Transform Algorithm=\"" EXC "\"/>" \
    "</ds:Transforms>" DIGEST "</ds:Reference>"
#define PART(cid) \
    "<ds:Reference URI=\"cid:" cid "\"><ds:Transforms><ds:Transform Algorithm=\"" SWA \
    "\"/>" \
    "</ds:Transforms>" DIGEST "</ds:Reference>"
#define PREFIXES(list) \
    "<ec:InclusiveNamespaces xmlns:ec=\"" EXC "\" PrefixList=\"" list "\"/>"
#define METHOD       "<ds:CanonicalizationMethod Algorithm=\"" EXC "\"/>"
#define USUAL        ELEMENT("m-1") ELEMENT("b-1") PART("p1@x") PART("p2@x") PART("p3@x")
#define RSA_SHA256   MORE "rsa-sha256"
#define ECDSA_SHA256 MORE "ecdsa-sha256"

static const char xml_part[] =
    "<?xml version=\"1.0\"?>\n<!-- c --><a b='2'   a=\"1\"><x/>\r\n</a>";
static const char text_part[] = "one\ntwo\r\nthree\rfour\r\r\n\n";
static char octets[300000];

static struct made rsa, rsa3, p256, p384, foreign, foreign_p256;
static struct cert *certs[6];
static struct signer *signers[4];
static const struct xmlsig_policy all = { ~0U, ~0U };
static const struct xmlsig_policy usual = {
    XMLSIG_BIT(SIGN_RSA_SHA256) | XMLSIG_BIT(SIGN_ECDSA_SHA256), XMLSIG_BIT(DIGEST_SHA256)
};

static int begin(void **state)
{
    struct made *made[] = { &rsa, &rsa3, &p256, &p384, &foreign, &foreign_p256 };
    xmlExternalEntityLoader loader;
    struct err err;

    (void)state;
    temp_begin();
    xml_init();
    loader = xmlGetExternalEntityLoader();
    assert_done(xmlsig_init(&err), err);
    assert_true(loader == xmlGetExternalEntityLoader());
    rsa = make((struct order){ .kind = "rsa2048", .cn = "rsa" });
    rsa3 = make((struct order){ .kind = "rsa3072", .cn = "rsa3" });
    p256 = make((struct order){ .kind = "p256", .cn = "p256" });
    p384 = make((struct order){ .kind = "p384", .cn = "p384" });
    foreign = make((struct order){ .kind = "rsa2048:2", .cn = "foreign" });
    foreign_p256 = make((struct order){ .kind = "p256:2", .cn = "foreign" });
    for (size_t i = 0; i < COUNT_OF(made); i++) {
        certs[i] = made_cert(made[i]);
        if (i < 4)
            assert_done((signers[i] = file_signer_of("k", made[i], &err)) != NULL, err);
    }
    for (size_t i = 0; i < sizeof octets; i++)
        octets[i] = (char)(i * 7 + i / 251);
    return 0;
}

static int end(void **state)
{
    struct made *made[] = { &rsa, &rsa3, &p256, &p384, &foreign, &foreign_p256 };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(made); i++) {
        made_free(made[i]);
        cert_free(&certs[i]);
        if (i < 4)
            signer_free(&signers[i]);
    }
    xmlsig_shutdown();
    xml_shutdown();
    temp_end();
    pool_free();
    return 0;
}

/* --- a message ---------------------------------------------------------------------------- */

struct message {
    xmlDoc *doc;
    xmlNode *signature;
    struct source *sources[3];
    struct xmlsig_id ids[2];
    struct xmlsig_part parts[3];
    struct xmlsig_scope scope;
};

static void message_free(struct message *m)
{
    xml_doc_free(&m->doc);
    for (size_t i = 0; i < 3; i++)
        source_free(&m->sources[i]);
}

static xmlNode *find(xmlNode *node, const char *name)
{
    if (text_eq((const char *)node->name, name))
        return node;
    for (xmlNode *n = xml_first(node); n != NULL; n = xml_next(n)) {
        xmlNode *found = find(n, name);

        if (found != NULL)
            return found;
    }
    return NULL;
}

static void message_parse(struct message *m, const char *text)
{
    struct err err;

    *m = (struct message){ 0 };
    assert_done((m->doc = xml_parse_utf8(
                     text, strlen(text),
                     &(struct xml_options){ .limits = &xml_limits_soap }, &err)) != NULL,
                err);
    m->signature = find(xml_root(m->doc), "Signature");
    m->ids[0] = (struct xmlsig_id){ "m-1", find(xml_root(m->doc), "Messaging") };
    m->ids[1] = (struct xmlsig_id){ "b-1", find(xml_root(m->doc), "Body") };
    m->sources[0] = source_of_memory(octets, sizeof octets);
    m->sources[1] = source_of_memory(text_part, strlen(text_part));
    m->sources[2] = source_of_memory(xml_part, strlen(xml_part));
    m->parts[0] = (struct xmlsig_part){ "p1@x", "application/gzip", m->sources[0] };
    m->parts[1] =
        (struct xmlsig_part){ "p2@x", "Text/Plain; charset=UTF-8", m->sources[1] };
    m->parts[2] = (struct xmlsig_part){ "p3@x", "application/soap+xml", m->sources[2] };
    m->scope = (struct xmlsig_scope){ m->ids, 2, m->parts, 3 };
}

static char *template(const char *c14n, const char *method, const char *references)
{
    return mem_printf(
        "<env:Envelope xmlns:env=\"urn:e\" xmlns:eb=\"urn:eb\" xmlns:wsu=\"" WSU "\">"
        "<env:Header><eb:Messaging wsu:Id=\"m-1\"><eb:Action>Exchange</eb:Action><!-- c "
        "-->"
        "</eb:Messaging><s:Security xmlns:s=\"urn:s\"><ds:Signature xmlns:ds=\"" DS "\">"
        "<ds:SignedInfo>%s<ds:SignatureMethod Algorithm=\"%s\"/>%s</ds:SignedInfo>"
        "<ds:SignatureValue/><ds:KeyInfo><s:Token "
        "URI=\"#t\"/></ds:KeyInfo></ds:Signature>"
        "</s:Security></env:Header><env:Body wsu:Id=\"b-1\"/></env:Envelope>",
        c14n, method, references);
}

static char *printed(const struct message *m)
{
    AUTO(buf_free) struct buf out = BUF_INIT(1 << 20);
    struct err err;

    assert_done(xml_print(m->doc, NULL, &out, &err), err);
    return buf_detach(&out);
}

static char *signed_with(const char *c14n, const char *method, const char *references,
                         int key)
{
    AUTO(mem_free) char *text = template(c14n, method, references);
    AUTO(message_free) struct message m;
    struct err err;

    message_parse(&m, text);
    assert_done(xmlsig_sign(m.signature, &m.scope, signers[key], "k", certs[key], &err),
                err);
    return printed(&m);
}

static char *replaced(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);

    assert_non_null(at);
    return mem_printf("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

/* --- what passes -------------------------------------------------------------------------- */

static void test_round_trip(void **state)
{
    static const struct {
        const char *c14n, *method, *references;
        int key;
    } cases[] = {
        { METHOD, RSA_SHA256, USUAL, 0 },
        { METHOD, RSA_SHA256, USUAL, 1 },
        { METHOD, MORE "rsa-sha384", USUAL, 0 },
        { METHOD, MORE "rsa-sha512", USUAL, 0 },
        { METHOD, ECDSA_SHA256, USUAL, 2 },
        { METHOD, MORE "ecdsa-sha384", USUAL, 3 },
        { METHOD, ECDSA_SHA256, ELEMENT("b-1"), 2 },
        { METHOD, ECDSA_SHA256, PART("p1@x") ELEMENT("m-1"), 2 },
        { "<ds:CanonicalizationMethod Algorithm=\"" EXC
          "\">" PREFIXES("env s") "</ds:CanonicalizationMethod>",
          ECDSA_SHA256,
          "<ds:Reference URI=\"#m-1\"><ds:Transforms><ds:Transform Algorithm=\"" EXC
          "\">" PREFIXES("wsu") "</ds:Transform></ds:Transforms>" DIGEST
                                "</ds:Reference>",
          2 },
        { "<ds:CanonicalizationMethod Algorithm=\"" EXC
          "\">" PREFIXES("") "</ds:CanonicalizationMethod>",
          ECDSA_SHA256, USUAL, 2 },
        { METHOD, RSA_SHA256,
          "<ds:Reference URI=\"#m-1\" Id=\"r\" "
          "Type=\"urn:t\"><ds:Transforms><ds:Transform "
          "Algorithm=\"" EXC "\"/></ds:Transforms><ds:DigestMethod Algorithm=\"" ENC
          "sha512\"/><ds:DigestValue/></ds:Reference>" ELEMENT("b-1"),
          0 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(mem_free)
        char *text = signed_with(cases[i].c14n, cases[i].method, cases[i].references,
                                 cases[i].key);
        AUTO(message_free) struct message m;
        struct xmlsig_report *report = mem_alloc(sizeof *report);
        struct cert *cert = certs[cases[i].key];
        struct err err;

        message_parse(&m, text);
        assert_done(xmlsig_gate(m.signature, cert, &all, &err), err);
        assert_done(xmlsig_check_ids(m.signature, &m.scope, &all, &err), err);
        assert_done(xmlsig_verify(m.signature, &m.scope, cert, &all, report, &err), err);
        assert_true(report->count > 0);
        for (size_t r = 0; r < report->count; r++)
            assert_true(report->results[r].ok);
        /* Again on the same tree: nothing was used up. */
        assert_done(xmlsig_verify(m.signature, &m.scope, cert, &all, NULL, &err), err);
        mem_free(&report);
    }
}

/* The default: RSA-SHA-256 and SHA-256 alone. */
static void test_default_policy(void **state)
{
    AUTO(mem_free) char *good = signed_with(METHOD, RSA_SHA256, USUAL, 0);
    AUTO(mem_free) char *other = signed_with(METHOD, ECDSA_SHA256, USUAL, 2);
    AUTO(message_free) struct message m, o;
    struct err err;

    (void)state;
    message_parse(&m, good);
    message_parse(&o, other);
    assert_done(xmlsig_gate(m.signature, certs[0], &xmlsig_policy_default, &err), err);
    assert_refused(xmlsig_gate(o.signature, certs[2], &xmlsig_policy_default, &err), err,
                   "xmlsig.algorithm");
    assert_refused(xmlsig_verify(o.signature, &o.scope, certs[2], &xmlsig_policy_default,
                                 NULL, &err),
                   err, "xmlsig.algorithm");
}

static void assert_digest(const char *text, const char *uri, const char *want, size_t len)
{
    unsigned char digest[32];
    AUTO(buf_free) struct buf base64 = BUF_INIT(64);
    const char *at = strstr(text, uri);

    EVP_Digest(want, len, digest, NULL, EVP_sha256(), NULL);
    base64_add(&base64, digest, sizeof digest);
    assert_non_null(at);
    at = strstr(at, "<ds:DigestValue>");
    assert_non_null(at);
    assert_memory_equal(at + strlen("<ds:DigestValue>"), base64.data, base64.len);
}

/* What is digested of each kind of part, by another hand. */
static void test_part_kinds(void **state)
{
    static const char text_form[] = "one\r\ntwo\r\nthree\r\nfour\r\n\r\n\r\n";
    static const char xml_form[] = "<a a=\"1\" b=\"2\"><x></x>\n</a>";
    AUTO(mem_free) char *text = signed_with(METHOD, ECDSA_SHA256, USUAL, 2);

    (void)state;
    assert_digest(text, "cid:p1@x", octets, sizeof octets);
    assert_digest(text, "cid:p2@x", text_form, strlen(text_form));
    assert_digest(text, "cid:p3@x", xml_form, strlen(xml_form));
    assert_digest(
        text, "#m-1",
        "<eb:Messaging xmlns:eb=\"urn:eb\" xmlns:wsu=\"" WSU "\" wsu:Id=\"m-1\">"
        "<eb:Action>Exchange</eb:Action></eb:Messaging>",
        strlen("<eb:Messaging xmlns:eb=\"urn:eb\" xmlns:wsu=\"" WSU
               "\" wsu:Id=\"m-1\"><eb:Action>Exchange</eb:Action></eb:Messaging>"));
}

static void test_media_types(void **state)
{
    static const struct {
        const char *media;
        bool xml;
    } cases[] = {
        { "text/xml", true },
        { "TEXT/XML ; charset=x", true },
        { "application/xml", true },
        { "image/svg+xml", true },
        { "application/a+XML", true },
        { NULL, false },
        { "", false },
        { "application/octet-stream", false },
        { "model/x+xml", false },
        { "application/xmlx", false },
        { "+xml", false },
        { "application", false },
    };
    static const char xml_form[] = "<a a=\"1\" b=\"2\"><x></x>\n</a>";

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(mem_free) char *text = template(METHOD, ECDSA_SHA256, PART("p3@x"));
        AUTO(mem_free) char *made = NULL;
        AUTO(message_free) struct message m;
        struct err err;

        message_parse(&m, text);
        m.parts[2].media = cases[i].media;
        assert_done(xmlsig_sign(m.signature, &m.scope, signers[2], "k", certs[2], &err),
                    err);
        made = printed(&m);
        assert_digest(made, "cid:p3@x", cases[i].xml ? xml_form : xml_part,
                      strlen(cases[i].xml ? xml_form : xml_part));
    }
}

static char *command(const char *cert, const char *doc)
{
    return mem_printf(
        "xmlsec1 --verify --pubkey-cert-pem %s --id-attr:Id urn:eb:Messaging "
        "--id-attr:Id urn:e:Body %s >/dev/null 2>&1",
        cert, doc);
}

/* The xmlsec1 command line takes what we sign. */
static void test_command_line(void **state)
{
    AUTO(mem_free)
    char *text = signed_with(METHOD, RSA_SHA256, ELEMENT("m-1") ELEMENT("b-1"), 0);
    AUTO(mem_free) char *doc = temp_write("m.xml", text, strlen(text), 0644);
    AUTO(mem_free) char *cert = temp_cert("m.pem", (const struct made *[]){ &rsa }, 1);
    AUTO(mem_free)
    char *wrong = temp_cert("w.pem", (const struct made *[]){ &foreign }, 1);
    AUTO(mem_free) char *good = command(cert, doc), *bad = command(wrong, doc);

    (void)state;
    assert_int_equal(system(good), 0);
    assert_int_not_equal(system(bad), 0);
}

/* --- what does not ------------------------------------------------------------------------ */

struct attack {
    const char *name, *from, *to;
    const char *gate, *ids, *verify; /* codes; NULL: passes */
};

#define BOTH(code) code, code, code
#define M_OPEN \
    "<ds:Reference URI=\"#m-1\"><ds:Transforms><ds:Transform Algorithm=\"" EXC "\"/>"
#define P_OPEN \
    "<ds:Reference URI=\"cid:p1@x\"><ds:Transforms><ds:Transform Algorithm=\"" SWA "\"/" \
    ">"
#define MTHD "<ds:SignatureMethod Algorithm=\"" RSA_SHA256 "\"/>"

static const struct attack attacks[] = {
    { "text of Messaging changed", "Exchange<", "Exchangf<", NULL, "xmlsig.digest",
      "xmlsig.digest" },
    { "Body filled", "<env:Body wsu:Id=\"b-1\"/>",
      "<env:Body wsu:Id=\"b-1\"><x/></env:Body>", NULL, "xmlsig.digest",
      "xmlsig.digest" },
    { "comment in a leaf changes nothing", "Exchange<", "Exch<!-- -->ange<", NULL, NULL,
      NULL },
    { "SHA-1 signature", MORE "rsa-sha256", DS "rsa-sha1", BOTH("xmlsig.algorithm") },
    { "HMAC", MORE "rsa-sha256", MORE "hmac-sha256", BOTH("xmlsig.algorithm") },
    { "HMAC-SHA1", MORE "rsa-sha256", DS "hmac-sha1", BOTH("xmlsig.algorithm") },
    { "RSA-SHA512 not in policy", MORE "rsa-sha256", MORE "rsa-sha512",
      BOTH("xmlsig.algorithm") },
    { "ECDSA with an RSA key", MORE "rsa-sha256", MORE "ecdsa-sha256", "pki.key-type",
      NULL, "pki.key-type" },
    { "method with blanks", MORE "rsa-sha256", " " MORE "rsa-sha256",
      BOTH("xmlsig.algorithm") },
    { "no method", MTHD, "", BOTH("xmlsig.grammar") },
    { "two methods", MTHD, MTHD MTHD, BOTH("xmlsig.grammar") },
    { "HMACOutputLength", MTHD,
      "<ds:SignatureMethod Algorithm=\"" RSA_SHA256 "\"><ds:HMACOutputLength>8"
      "</ds:HMACOutputLength></ds:SignatureMethod>",
      BOTH("xmlsig.grammar") },
    { "SHA-1 digest", ENC "sha256", DS "sha1", BOTH("xmlsig.algorithm") },
    { "SHA-512 not in policy", ENC "sha256", ENC "sha512", BOTH("xmlsig.algorithm") },
    { "inclusive C14N of SignedInfo", METHOD,
      "<ds:CanonicalizationMethod "
      "Algorithm=\"http://www.w3.org/TR/2001/REC-xml-c14n-20010315\"/>",
      BOTH("xmlsig.algorithm") },
    { "C14N with comments of SignedInfo", METHOD,
      "<ds:CanonicalizationMethod Algorithm=\"" EXC "WithComments\"/>",
      BOTH("xmlsig.algorithm") },
    { "C14N with a foreign parameter", METHOD,
      "<ds:CanonicalizationMethod Algorithm=\"" EXC "\"><x/></ds:CanonicalizationMethod>",
      BOTH("xmlsig.grammar") },
    { "InclusiveNamespaces without list", METHOD,
      "<ds:CanonicalizationMethod Algorithm=\"" EXC
      "\"><ec:InclusiveNamespaces xmlns:ec=\"" EXC "\"/></ds:CanonicalizationMethod>",
      BOTH("xmlsig.grammar") },
    { "PrefixList added", METHOD,
      "<ds:CanonicalizationMethod Algorithm=\"" EXC
      "\">" PREFIXES("eb") "</ds:CanonicalizationMethod>",
      "xmlsig.value", NULL, "xmlsig.value" },
    { "C14N with comments of Messaging", M_OPEN,
      "<ds:Reference URI=\"#m-1\"><ds:Transforms><ds:Transform Algorithm=\"" EXC
      "WithComments\"/>",
      BOTH("xmlsig.transform") },
    { "two transforms", M_OPEN, M_OPEN "<ds:Transform Algorithm=\"" EXC "\"/>",
      BOTH("xmlsig.transform") },
    { "no transform", "<ds:Transform Algorithm=\"" EXC "\"/>", "",
      BOTH("xmlsig.transform") },
    { "no Transforms",
      "<ds:Transforms><ds:Transform Algorithm=\"" EXC "\"/></ds:Transforms>", "",
      BOTH("xmlsig.grammar") },
    { "XPath", M_OPEN,
      "<ds:Reference URI=\"#m-1\"><ds:Transforms><ds:Transform "
      "Algorithm=\"http://www.w3.org/TR/"
      "1999/REC-xpath-19991116\"><ds:XPath>1</ds:XPath></ds:Transform>",
      BOTH("xmlsig.transform") },
    { "XSLT", M_OPEN,
      "<ds:Reference URI=\"#m-1\"><ds:Transforms><ds:Transform "
      "Algorithm=\"http://www.w3.org/TR/1999/REC-xslt-19991116\"/>",
      BOTH("xmlsig.transform") },
    { "enveloped", M_OPEN,
      "<ds:Reference URI=\"#m-1\"><ds:Transforms><ds:Transform Algorithm=\"" DS
      "enveloped-signature\"/>",
      BOTH("xmlsig.transform") },
    { "base64", M_OPEN,
      "<ds:Reference URI=\"#m-1\"><ds:Transforms><ds:Transform Algorithm=\"" DS
      "base64\"/>",
      BOTH("xmlsig.transform") },
    { "SwA transform on an element", M_OPEN,
      "<ds:Reference URI=\"#m-1\"><ds:Transforms><ds:Transform Algorithm=\"" SWA "\"/>",
      BOTH("xmlsig.transform") },
    { "C14N on a part", P_OPEN,
      "<ds:Reference URI=\"cid:p1@x\"><ds:Transforms><ds:Transform Algorithm=\"" EXC
      "\"/>",
      BOTH("xmlsig.transform") },
    { "complete-signature transform", "Attachment-Content-S", "Attachment-Complete-S",
      BOTH("xmlsig.transform") },
    { "empty URI", "URI=\"#m-1\"", "URI=\"\"", BOTH("xmlsig.uri") },
    { "no URI", "URI=\"#m-1\"", "", BOTH("xmlsig.uri") },
    { "xpointer of all", "URI=\"#m-1\"", "URI=\"#xpointer(/)\"", BOTH("xmlsig.uri") },
    { "xpointer of an id", "URI=\"#m-1\"", "URI=\"#xpointer(id('m-1'))\"",
      BOTH("xmlsig.uri") },
    { "quote in an id", "URI=\"#m-1\"", "URI=\"#m-1')|//*['\"", BOTH("xmlsig.uri") },
    { "file", "URI=\"#m-1\"", "URI=\"file:///etc/passwd\"", BOTH("xmlsig.uri") },
    { "http", "URI=\"#m-1\"", "URI=\"http://127.0.0.1:9/\"", BOTH("xmlsig.uri") },
    { "relative", "URI=\"#m-1\"", "URI=\"m-1\"", BOTH("xmlsig.uri") },
    { "unknown id", "URI=\"#m-1\"", "URI=\"#m-2\"", "xmlsig.value", "xmlsig.id",
      "xmlsig.id" },
    { "unknown part", "URI=\"cid:p1@x\"", "URI=\"cid:p9@x\"", "xmlsig.value", NULL,
      "xmlsig.uri" },
    { "part by fragment", "URI=\"cid:p1@x\"", "URI=\"cid:p1@x#y\"", BOTH("xmlsig.uri") },
    { "part by percent", "URI=\"cid:p1@x\"", "URI=\"cid:p1%40x\"", BOTH("xmlsig.uri") },
    { "part without name", "URI=\"cid:p1@x\"", "URI=\"cid:\"", BOTH("xmlsig.uri") },
    { "another part's digest", "URI=\"cid:p1@x\"", "URI=\"cid:p2@x\"", "xmlsig.value",
      NULL, "xmlsig.digest" },
    { "manifest", "URI=\"#m-1\"", "URI=\"#m-1\" Type=\"" DS "Manifest\"",
      BOTH("xmlsig.grammar") },
    { "object", "</ds:KeyInfo>", "</ds:KeyInfo><ds:Object/>", BOTH("xmlsig.grammar") },
    { "two KeyInfo", "</ds:KeyInfo>", "</ds:KeyInfo><ds:KeyInfo/>",
      BOTH("xmlsig.grammar") },
    { "a reference too many", "</ds:SignedInfo>",
      "<ds:Reference URI=\"#m-1\"/></ds:SignedInfo>", BOTH("xmlsig.grammar") },
    { "text in SignedInfo", "</ds:SignedInfo>", "x</ds:SignedInfo>",
      BOTH("xmlsig.grammar") },
    { "comment in SignedInfo", "</ds:SignedInfo>", "<!-- --></ds:SignedInfo>",
      BOTH("xmlsig.grammar") },
    { "foreign attribute", "<ds:SignedInfo>", "<ds:SignedInfo x=\"\">",
      BOTH("xmlsig.grammar") },
    { "comment in a digest", "<ds:DigestValue>", "<ds:DigestValue><!-- -->",
      BOTH("xmlsig.grammar") },
    { "digest with junk", "<ds:DigestValue>", "<ds:DigestValue>-",
      BOTH("xmlsig.grammar") },
    { "value with junk", "<ds:SignatureValue>", "<ds:SignatureValue>-",
      BOTH("xmlsig.grammar") },
    { "value too long", "<ds:SignatureValue>", "<ds:SignatureValue>AAAA", "xmlsig.value",
      NULL, "xmlsig.value" },
    { "white space in SignedInfo", "<ds:SignedInfo>", "<ds:SignedInfo>\n", "xmlsig.value",
      NULL, "xmlsig.value" },
    { "white space in the value is nothing", "<ds:SignatureValue>",
      "<ds:SignatureValue>&#13;\n\t", NULL, NULL, NULL },
};

static char *victim; /* a good message, RSA-2048 */

static void assert_answer(bool done, const struct err *err, const char *want)
{
    if (want == NULL && !done)
        fail_msg("%s: %s", err->code, err->text);
    if (want == NULL)
        return;
    assert_false(done);
    assert_string_equal(err->code, want);
}

static void test_attack(void **state)
{
    const struct attack *a = *state;
    AUTO(mem_free) char *text = NULL;
    AUTO(message_free) struct message m;
    struct err err = { 0 };

    if (victim == NULL)
        victim = signed_with(METHOD, RSA_SHA256, USUAL, 0);
    text = replaced(victim, a->from, a->to);
    message_parse(&m, text);
    assert_answer(xmlsig_gate(m.signature, certs[0], &usual, &err), &err, a->gate);
    assert_answer(xmlsig_check_ids(m.signature, &m.scope, &usual, &err), &err, a->ids);
    assert_answer(xmlsig_verify(m.signature, &m.scope, certs[0], &usual, NULL, &err),
                  &err, a->verify);
}

static void test_parts_changed(void **state)
{
    AUTO(mem_free) char *text = signed_with(METHOD, RSA_SHA256, USUAL, 0);
    AUTO(message_free) struct message m;
    struct xmlsig_report *report = mem_alloc(sizeof *report);
    struct err err;

    (void)state;
    message_parse(&m, text);
    octets[200000] ^= 1;
    assert_done(xmlsig_gate(m.signature, certs[0], &usual, &err), err);
    assert_done(xmlsig_check_ids(m.signature, &m.scope, &usual, &err), err);
    assert_refused(xmlsig_verify(m.signature, &m.scope, certs[0], &usual, report, &err),
                   err, "xmlsig.digest");
    octets[200000] ^= 1;
    assert_non_null(strstr(err.text, "cid:p1@x"));
    assert_true(report->count >= 3);
    assert_true(report->results[0].ok && report->results[1].ok);
    assert_false(report->results[2].ok);
    assert_string_equal(report->results[2].uri, "cid:p1@x");
    m.parts[1].media = "application/octet-stream"; /* another label, another digest */
    assert_refused(xmlsig_verify(m.signature, &m.scope, certs[0], &usual, report, &err),
                   err, "xmlsig.digest");
    mem_free(&report);
}

/* XML parts pass the hardened parser: no DOCTYPE, well-formed. */
static void test_bad_xml_part(void **state)
{
    static const char *const bad[] = {
        "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
        "<a>",
        "",
        "<?p i?><a/>",
    };
    AUTO(mem_free) char *text = signed_with(METHOD, RSA_SHA256, USUAL, 0);
    struct err err;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        AUTO(message_free) struct message m;

        message_parse(&m, text);
        source_free(&m.sources[2]);
        m.sources[2] = source_of_memory(bad[i], strlen(bad[i]));
        m.parts[2].body = m.sources[2];
        assert_refused(xmlsig_verify(m.signature, &m.scope, certs[0], &usual, NULL, &err),
                       err, "xmlsig.part");
    }
}

static void test_wrong_keys(void **state)
{
    AUTO(mem_free) char *text = signed_with(METHOD, RSA_SHA256, USUAL, 0);
    AUTO(mem_free) char *elliptic = signed_with(METHOD, ECDSA_SHA256, USUAL, 2);
    AUTO(message_free) struct message m, e;
    const struct {
        struct message *m;
        int cert;
        const char *code;
    } cases[] = {
        { &m, 4, "xmlsig.value" }, { &m, 1, "xmlsig.value" }, { &m, 2, "pki.key-type" },
        { &e, 5, "xmlsig.value" }, { &e, 3, "xmlsig.value" }, { &e, 0, "pki.key-type" },
    };
    struct err err;

    (void)state;
    message_parse(&m, text);
    message_parse(&e, elliptic);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct message *c = cases[i].m;

        assert_refused(xmlsig_gate(c->signature, certs[cases[i].cert], &usual, &err), err,
                       cases[i].code);
        assert_refused(xmlsig_verify(c->signature, &c->scope, certs[cases[i].cert],
                                     &usual, NULL, &err),
                       err, cases[i].code);
    }
}

/* HMAC under the certificate's own octets: the classic confusion of keys. */
static void test_hmac_with_certificate(void **state)
{
    AUTO(mem_free) char *good = signed_with(METHOD, RSA_SHA256, USUAL, 0);
    AUTO(mem_free) char *text = replaced(good, MORE "rsa-sha256", MORE "hmac-sha256");
    AUTO(message_free) struct message m;
    struct err err;

    (void)state;
    message_parse(&m, text);
    assert_refused(xmlsig_gate(m.signature, certs[0], &all, &err), err,
                   "xmlsig.algorithm");
    assert_refused(xmlsig_verify(m.signature, &m.scope, certs[0], &all, NULL, &err), err,
                   "xmlsig.algorithm");
}

static void test_too_many_references(void **state)
{
    AUTO(buf_free) struct buf refs = BUF_INIT(1 << 20);
    AUTO(mem_free) char *text = NULL;
    AUTO(message_free) struct message m;
    struct err err;

    (void)state;
    for (int i = 0; i <= XMLSIG_REFERENCES_MAX; i++)
        buf_adds(&refs, ELEMENT("m-1"));
    text = template(METHOD, RSA_SHA256, buf_str(&refs));
    message_parse(&m, text);
    assert_refused(xmlsig_sign(m.signature, &m.scope, signers[0], "k", certs[0], &err),
                   err, "xmlsig.grammar");
}

static void test_ids(void **state)
{
    AUTO(mem_free) char *text = signed_with(METHOD, RSA_SHA256, USUAL, 0);
    AUTO(message_free) struct message m, other;
    struct err err;

    (void)state;
    message_parse(&m, text);
    m.ids[1] = (struct xmlsig_id){ "m-1", m.ids[1].node }; /* not its id */
    assert_refused(xmlsig_verify(m.signature, &m.scope, certs[0], &usual, NULL, &err),
                   err, "xmlsig.id");
    message_parse(&other, text);
    m.ids[1].id = "b-1";
    m.ids[0].node =
        other.ids[0].node; /* a node of another document is not what would be read */
    assert_refused(xmlsig_verify(m.signature, &m.scope, certs[0], &usual, NULL, &err),
                   err, "xmlsig.id");
    other.ids[1] = other.ids[0];
    other.ids[1].node = xml_root(other.doc); /* two nodes under one id */
    xmlSetProp(other.ids[1].node, (const xmlChar *)"Id", (const xmlChar *)"m-1");
    assert_refused(
        xmlsig_verify(other.signature, &other.scope, certs[0], &usual, NULL, &err), err,
        "xmlsig.id");
}

static void test_sign_refused(void **state)
{
    static const struct {
        const char *method, *references, *code;
        int key;
    } cases[] = {
        { RSA_SHA256, USUAL, "pki.key-type", 2 },
        { DS "rsa-sha1", USUAL, "xmlsig.algorithm", 0 },
        { RSA_SHA256, ELEMENT("x"), "xmlsig.id", 0 },
        { RSA_SHA256, PART("x"), "xmlsig.uri", 0 },
        { RSA_SHA256, "", "xmlsig.grammar", 0 },
    };
    struct err err;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(mem_free)
        char *text = template(METHOD, cases[i].method, cases[i].references);
        AUTO(message_free) struct message m;
        int key = cases[i].key;

        message_parse(&m, text);
        assert_refused(
            xmlsig_sign(m.signature, &m.scope, signers[key], "k", certs[key], &err), err,
            cases[i].code);
    }
}

/* --- a signer of our own ------------------------------------------------------------------ */

struct fake_signer {
    struct signer base;
    int calls;
    bool down;
};

static bool fake_sign(struct signer *s, const char *key, enum sign_alg alg,
                      const void *digest, size_t len, struct buf *out, struct err *err)
{
    struct fake_signer *fake = (struct fake_signer *)s;

    fake->calls++;
    if (fake->down)
        return err_set(err, ERR_RETRY, "test.down", "key holder of %s is away", key);
    return signer_sign(signers[0], "k", alg, digest, len, out, err);
}

static void test_fake_signer(void **state)
{
    static const struct signer_ops ops = { .sign = fake_sign };
    struct fake_signer fake = { .base = { &ops } };
    AUTO(mem_free) char *text = template(METHOD, RSA_SHA256, USUAL);
    AUTO(message_free) struct message m, n;
    struct err err;

    (void)state;
    message_parse(&m, text);
    assert_done(xmlsig_sign(m.signature, &m.scope, &fake.base, "far", certs[0], &err),
                err);
    assert_int_equal(fake.calls, 1);
    assert_done(xmlsig_verify(m.signature, &m.scope, certs[0], &usual, NULL, &err), err);
    fake.down = true;
    message_parse(&n, text);
    assert_refused(xmlsig_sign(n.signature, &n.scope, &fake.base, "far", certs[0], &err),
                   err, "test.down");
    assert_int_equal(err.kind, ERR_RETRY);
}

/* A source that stops in the middle is the reader's fault, not a bad signature. */
static bool broken_read(struct reader *r, void *out, size_t len, size_t *got,
                        struct err *err)
{
    (void)r, (void)out, (void)len, (void)got;
    return err_set(err, ERR_RETRY, "test.disk", "the disk is gone");
}

static void broken_close(struct reader **r)
{
    mem_free(r);
}

static bool broken_open(const struct source *s, struct reader **ret, struct err *err)
{
    struct reader *r = mem_alloc(sizeof *r);

    (void)s, (void)err;
    *r = (struct reader){ broken_read, broken_close };
    *ret = r;
    return true;
}

static void test_broken_source(void **state)
{
    const struct source broken = { .open = broken_open, .size = 9 };
    AUTO(mem_free) char *text = signed_with(METHOD, RSA_SHA256, USUAL, 0);
    AUTO(message_free) struct message m;
    struct err err;

    (void)state;
    message_parse(&m, text);
    m.parts[0].body = &broken;
    assert_refused(xmlsig_verify(m.signature, &m.scope, certs[0], &usual, NULL, &err),
                   err, "test.disk");
    assert_int_equal(err.kind, ERR_RETRY);
}

/* --- many at once, and somebody else's ---------------------------------------------------- */

static void *work(void *arg)
{
    int key = *(int *)arg;

    for (int i = 0; i < 25; i++) {
        AUTO(mem_free)
        char *text = template(METHOD, key < 2 ? RSA_SHA256 : ECDSA_SHA256, USUAL);
        AUTO(message_free) struct message m;
        struct err err;

        message_parse(&m, text);
        if (!xmlsig_sign(m.signature, &m.scope, signers[key], "k", certs[key], &err) ||
            !xmlsig_gate(m.signature, certs[key], &usual, &err) ||
            !xmlsig_verify(m.signature, &m.scope, certs[key], &usual, NULL, &err) ||
            xmlsig_verify(m.signature, &m.scope, certs[key < 2 ? 4 : 5], &usual, NULL,
                          &err))
            return arg;
    }
    return NULL;
}

static void test_threads(void **state)
{
    int keys[] = { 0, 2, 2, 0 };
    pthread_t threads[4];
    void *failed;

    (void)state;
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, work, &keys[i]);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
}

/* A printed message of another hand: gate and digests of its elements. */
static void test_example(void **state)
{
    AUTO(buf_free) struct buf text = BUF_INIT(1 << 20), der = BUF_INIT(1 << 16);
    AUTO(cert_free) struct cert *cert = NULL;
    AUTO(xml_doc_free) xmlDoc *doc = NULL;
    xmlNode *signature, *token;
    struct xmlsig_id ids[2];
    struct xmlsig_scope scope = { ids, 2, NULL, 0 };
    struct err err;

    (void)state;
    assert_done(file_read("tests/golden/as4/example-8/envelope.xml", &text, &err), err);
    assert_done((doc = xml_parse_utf8(text.data, text.len,
                                      &(struct xml_options){ .limits = &xml_limits_soap },
                                      &err)) != NULL,
                err);
    signature = find(xml_root(doc), "Signature");
    token = find(xml_root(doc), "BinarySecurityToken");
    assert_done(
        base64_decode(xml_leaf(token, &err), strlen(xml_leaf(token, &err)), &der, &err),
        err);
    assert_done((cert = cert_of_der(der.data, der.len, &err)) != NULL, err);
    ids[0] = (struct xmlsig_id){ "_m-1", find(xml_root(doc), "Messaging") };
    ids[1] = (struct xmlsig_id){ "_b-1", find(xml_root(doc), "Body") };
    assert_done(xmlsig_gate(signature, cert, &xmlsig_policy_default, &err), err);
    assert_done(xmlsig_check_ids(signature, &scope, &xmlsig_policy_default, &err), err);
    assert_refused(xmlsig_gate(signature, certs[0], &xmlsig_policy_default, &err), err,
                   "xmlsig.value");
    xml_append_text(find(ids[0].node, "Action"), " ");
    assert_refused(xmlsig_check_ids(signature, &scope, &xmlsig_policy_default, &err), err,
                   "xmlsig.digest");
}

static void canonical(const xmlNode *node, struct buf *out)
{
    struct buf_sink to = sink_of_buf(out);
    struct err err;

    if (node != NULL)
        assert_done(xml_c14n(node, NULL, &to.sink, &err), err);
}

/* Whatever is changed: refused, or Messaging and Body are what was signed. */
static void test_mutations(void **state)
{
    AUTO(mem_free)
    char *good = signed_with(METHOD, ECDSA_SHA256, ELEMENT("m-1") ELEMENT("b-1"), 2);
    AUTO(mem_free) char *text = mem_strdup(good);
    AUTO(buf_free) struct buf want = BUF_INIT(1 << 20);
    AUTO(message_free) struct message g;
    size_t len = strlen(good), reached = 0;
    uint32_t seed = 26;

    (void)state;
    message_parse(&g, good);
    canonical(g.ids[0].node, &want);
    canonical(g.ids[1].node, &want);
    for (int i = 0; i < 3000; i++) {
        AUTO(buf_free) struct buf got = BUF_INIT(1 << 20);
        AUTO(xml_doc_free) xmlDoc *doc = NULL;
        struct message m = { 0 };
        xmlNode *signature;
        struct err err;
        bool gate;

        memcpy(text, good, len);
        for (int n = 0; n <= i % 3; n++) {
            seed = seed * 1664525 + 1013904223;
            text[(seed >> 8) % len] ^= (char)(1U << (seed >> 29));
        }
        doc = xml_parse_utf8(text, len, NULL, &err);
        signature = doc == NULL ? NULL : find(xml_root(doc), "Signature");
        if (signature == NULL)
            continue;
        reached++;
        m.ids[0] = (struct xmlsig_id){ "m-1", find(xml_root(doc), "Messaging") };
        m.ids[1] = (struct xmlsig_id){ "b-1", find(xml_root(doc), "Body") };
        m.scope = (struct xmlsig_scope){ m.ids, 2, NULL, 0 };
        if (m.ids[0].node == NULL || m.ids[1].node == NULL)
            continue;
        gate = xmlsig_gate(signature, certs[2], &usual, &err) &&
               xmlsig_check_ids(signature, &m.scope, &usual, &err);
        if (!xmlsig_verify(signature, &m.scope, certs[2], &usual, NULL, &err))
            continue;
        assert_true(gate); /* the engine never takes what our own checks refuse */
        canonical(m.ids[0].node, &got);
        canonical(m.ids[1].node, &got);
        assert_int_equal(got.len, want.len);
        assert_memory_equal(got.data, want.data, want.len);
    }
    assert_true(reached > 300);
}

static int end_all(void **state)
{
    mem_free(&victim);
    return end(state);
}

int main(void)
{
    const struct CMUnitTest single[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_default_policy),
        cmocka_unit_test(test_part_kinds),
        cmocka_unit_test(test_media_types),
        cmocka_unit_test(test_command_line),
        cmocka_unit_test(test_parts_changed),
        cmocka_unit_test(test_bad_xml_part),
        cmocka_unit_test(test_wrong_keys),
        cmocka_unit_test(test_hmac_with_certificate),
        cmocka_unit_test(test_too_many_references),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_sign_refused),
        cmocka_unit_test(test_fake_signer),
        cmocka_unit_test(test_broken_source),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_mutations),
        cmocka_unit_test(test_example),
    };
    struct CMUnitTest tests[COUNT_OF(single) + COUNT_OF(attacks)];

    memcpy(tests, single, sizeof single);
    for (size_t i = 0; i < COUNT_OF(attacks); i++) {
        struct CMUnitTest *t = &tests[COUNT_OF(single) + i];

        *t = (struct CMUnitTest){ .name = attacks[i].name, .test_func = test_attack };
        memcpy(&t->initial_state, &(const struct attack *){ &attacks[i] },
               sizeof(void *));
    }
    return cmocka_run_group_tests(tests, begin, end_all);
}

/*
 * evp_verify.c - C14N by xmlC14NExecute, digests and signatures by EVP.
 *
 * Written from the specifications (exc-C14N 1.0, XML Signature 1.1, WSS SwA Profile 1.1), so
 * that an error in the gateway's engine is not repeated here. Refuses nothing that it can
 * compute: policy is not its business.
 */
#include "support/evp_verify.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/c14n.h>
#include <libxml/parser.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>

#define DS  "http://www.w3.org/2000/09/xmldsig#"
#define EXC "http://www.w3.org/2001/10/xml-exc-c14n#"
#define WSU \
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"

static bool is(const xmlNode *n, const char *name)
{
    return n->type == XML_ELEMENT_NODE && n->ns != NULL &&
           strcmp((const char *)n->ns->href, DS) == 0 &&
           strcmp((const char *)n->name, name) == 0;
}

/* First element of that name at or below n, in document order. */
static xmlNode *find(xmlNode *n, const char *name)
{
    for (; n != NULL; n = n->next) {
        xmlNode *below;

        if (is(n, name))
            return n;
        below = find(n->children, name);
        if (below != NULL)
            return below;
    }
    return NULL;
}

static xmlNode *child(const xmlNode *n, const char *name)
{
    for (xmlNode *c = n->children; c != NULL; c = c->next) {
        if (is(c, name))
            return c;
    }
    return NULL;
}

static bool has_id(xmlNode *n, const char *id)
{
    xmlChar *value = xmlGetNsProp(n, (const xmlChar *)"Id", (const xmlChar *)WSU);
    bool same = value != NULL && strcmp((char *)value, id) == 0;

    xmlFree(value);
    return same;
}

static xmlNode *by_id(xmlNode *n, const char *id)
{
    for (; n != NULL; n = n->next) {
        xmlNode *below;

        if (n->type == XML_ELEMENT_NODE && has_id(n, id))
            return n;
        below = by_id(n->children, id);
        if (below != NULL)
            return below;
    }
    return NULL;
}

static int visible(void *top, xmlNodePtr node, xmlNodePtr parent)
{
    if (node->type == XML_COMMENT_NODE)
        return 0;
    if (node->type == XML_NAMESPACE_DECL)
        node = parent; /* a namespace node's parent is given, not linked */
    for (; node != NULL; node = node->parent) {
        if (node == top)
            return 1;
    }
    return 0;
}

/* The PrefixList of an InclusiveNamespaces below `method`, as libxml2 wants it. */
static xmlChar **prefixes(xmlNode *method, char **ret_text)
{
    xmlChar **list = calloc(32, sizeof *list);
    size_t n = 0;
    xmlNode *in = method == NULL ? NULL : xmlFirstElementChild(method);
    char *save = NULL;

    *ret_text =
        in == NULL ? NULL : (char *)xmlGetNoNsProp(in, (const xmlChar *)"PrefixList");
    for (char *t = *ret_text == NULL ? NULL : strtok_r(*ret_text, " \t\r\n", &save);
         t != NULL && n < 31; t = strtok_r(NULL, " \t\r\n", &save))
        list[n++] = (xmlChar *)t;
    return list;
}

static xmlBuffer *c14n(xmlDoc *doc, xmlNode *top, xmlNode *method)
{
    xmlBuffer *out = xmlBufferCreate();
    xmlOutputBuffer *to = xmlOutputBufferCreateBuffer(out, NULL);
    char *text;
    xmlChar **list = prefixes(method, &text);

    xmlC14NExecute(doc, visible, top, XML_C14N_EXCLUSIVE_1_0, list, 0, to);
    xmlOutputBufferClose(to);
    free(list);
    xmlFree(text);
    return out;
}

static const EVP_MD *md_of(const char *uri)
{
    const char *tail = uri == NULL                 ? ""
                       : strpbrk(uri, "#") == NULL ? ""
                                                   : strpbrk(uri, "#");

    if (strstr(tail, "sha256") != NULL)
        return EVP_sha256();
    if (strstr(tail, "sha384") != NULL)
        return EVP_sha384();
    return strstr(tail, "sha512") != NULL ? EVP_sha512() : NULL;
}

static const EVP_MD *md_at(xmlNode *n)
{
    xmlChar *uri = n == NULL ? NULL : xmlGetNoNsProp(n, (const xmlChar *)"Algorithm");
    const EVP_MD *md = md_of((char *)uri);

    xmlFree(uri);
    return md;
}

/* Base64 of a leaf, white space dropped; length in *len. */
static unsigned char *octets(xmlNode *leaf, size_t *len)
{
    char *text = (char *)xmlNodeGetContent(leaf), *clean = calloc(1, strlen(text) + 4);
    unsigned char *out = calloc(1, strlen(text) + 4);
    size_t n = 0;
    int got;

    for (char *p = text; *p != '\0'; p++) {
        if (strchr(" \t\r\n", *p) == NULL)
            clean[n++] = *p;
    }
    got = EVP_DecodeBlock(out, (unsigned char *)clean, (int)n);
    for (size_t i = n; got > 0 && i > 0 && clean[i - 1] == '='; i--)
        got--;
    *len = got < 0 ? 0 : (size_t)got;
    xmlFree(text);
    free(clean);
    return out;
}

static bool digest_is(xmlNode *reference, const void *data, size_t len)
{
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned md_len = 0;
    size_t want_len;
    unsigned char *want = octets(child(reference, "DigestValue"), &want_len);
    const EVP_MD *alg = md_at(child(reference, "DigestMethod"));
    bool same = alg != NULL && EVP_Digest(data, len, md, &md_len, alg, NULL) == 1 &&
                md_len == want_len && memcmp(md, want, md_len) == 0;

    free(want);
    return same;
}

/* --- the attachment transform --------------------------------------------------------------- */

static bool media_in(const char *media, const char *head, const char *tail)
{
    size_t len = media == NULL ? 0 : strcspn(media, "; ");

    return len >= strlen(head) + strlen(tail) &&
           strncmp(media, head, strlen(head)) == 0 &&
           strncmp(media + len - strlen(tail), tail, strlen(tail)) == 0;
}

static bool xml_media(const char *m)
{
    return media_in(m, "text/xml", "") || media_in(m, "application/xml", "") ||
           media_in(m, "application/", "+xml") || media_in(m, "image/", "+xml");
}

static bool xml_part_is(xmlNode *reference, const struct evp_part *p)
{
    xmlDoc *doc = xmlReadMemory(p->data, (int)p->len, NULL, NULL, XML_PARSE_NONET);
    xmlBuffer *text;
    bool same;

    if (doc == NULL)
        return false;
    text = c14n(doc, xmlDocGetRootElement(doc), NULL);
    same = digest_is(reference, xmlBufferContent(text), (size_t)xmlBufferLength(text));
    xmlBufferFree(text);
    xmlFreeDoc(doc);
    return same;
}

static bool text_part_is(xmlNode *reference, const struct evp_part *p)
{
    const char *from = p->data;
    char *out = malloc(2 * p->len + 1);
    size_t n = 0;
    bool same;

    for (size_t i = 0; i < p->len; i++) {
        bool crlf = from[i] == '\r' && i + 1 < p->len && from[i + 1] == '\n';

        if (from[i] == '\r' || from[i] == '\n') {
            out[n++] = '\r';
            out[n++] = '\n';
            i += crlf;
        } else {
            out[n++] = from[i];
        }
    }
    same = digest_is(reference, out, n);
    free(out);
    return same;
}

static bool part_is(xmlNode *reference, const char *cid, const struct evp_part *parts,
                    size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(parts[i].cid, cid) != 0)
            continue;
        if (xml_media(parts[i].media))
            return xml_part_is(reference, &parts[i]);
        if (media_in(parts[i].media, "text/", ""))
            return text_part_is(reference, &parts[i]);
        return digest_is(reference, parts[i].data, parts[i].len);
    }
    return false;
}

/* --- the signature --------------------------------------------------------------------------- */

static xmlBuffer *target(xmlDoc *doc, xmlNode *reference, const char *id)
{
    xmlNode *transforms = child(reference, "Transforms");
    xmlNode *top = by_id(xmlDocGetRootElement(doc), id);

    return top == NULL ? NULL : c14n(doc, top, child(transforms, "Transform"));
}

static bool reference_holds(xmlDoc *doc, xmlNode *reference, const struct evp_part *parts,
                            size_t count)
{
    char *uri = (char *)xmlGetNoNsProp(reference, (const xmlChar *)"URI");
    bool holds = false;

    if (uri != NULL && strncmp(uri, "cid:", 4) == 0) {
        holds = part_is(reference, uri + 4, parts, count);
    } else if (uri != NULL && uri[0] == '#') {
        xmlBuffer *text = target(doc, reference, uri + 1);

        holds = text != NULL && digest_is(reference, xmlBufferContent(text),
                                          (size_t)xmlBufferLength(text));
        xmlBufferFree(text);
    }
    xmlFree(uri);
    return holds;
}

/* r||s to what EVP takes. */
static unsigned char *ecdsa_der(const unsigned char *rs, size_t len, size_t *ret_len)
{
    ECDSA_SIG *sig = ECDSA_SIG_new();
    unsigned char *der = NULL;
    int n;

    ECDSA_SIG_set0(sig, BN_bin2bn(rs, (int)len / 2, NULL),
                   BN_bin2bn(rs + len / 2, (int)len / 2, NULL));
    n = i2d_ECDSA_SIG(sig, &der);
    *ret_len = n < 0 ? 0 : (size_t)n;
    ECDSA_SIG_free(sig);
    return der;
}

static bool value_holds(xmlDoc *doc, xmlNode *signature, EVP_PKEY *key)
{
    xmlNode *info = child(signature, "SignedInfo");
    xmlBuffer *text = c14n(doc, info, child(info, "CanonicalizationMethod"));
    size_t len, der_len = 0;
    unsigned char *value = octets(child(signature, "SignatureValue"), &len), *der = NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ec = EVP_PKEY_base_id(key) == EVP_PKEY_EC, holds;

    if (ec)
        der = ecdsa_der(value, len, &der_len);
    holds = EVP_DigestVerifyInit(ctx, NULL, md_at(child(info, "SignatureMethod")), NULL,
                                 key) == 1 &&
            EVP_DigestVerify(ctx, ec ? der : value, ec ? der_len : len,
                             xmlBufferContent(text), (size_t)xmlBufferLength(text)) == 1;
    OPENSSL_free(der);
    EVP_MD_CTX_free(ctx);
    xmlBufferFree(text);
    free(value);
    return holds;
}

const char *evp_verify(xmlDoc *doc, EVP_PKEY *key, const struct evp_part *parts,
                       size_t count)
{
    xmlNode *signature = find(xmlDocGetRootElement(doc), "Signature");
    xmlNode *info = signature == NULL ? NULL : child(signature, "SignedInfo");
    size_t references = 0;

    if (info == NULL)
        return "no signature";
    for (xmlNode *n = child(info, "Reference"); n != NULL; n = n->next) {
        if (!is(n, "Reference"))
            continue;
        if (!reference_holds(doc, n, parts, count))
            return "a reference does not hold";
        references++;
    }
    if (references != count + 2)
        return "not two references more than parts";
    return value_holds(doc, signature, key) ? NULL : "the signature value does not hold";
}

int evp_covers(xmlDoc *doc, const char *uri)
{
    xmlNode *info = find(xmlDocGetRootElement(doc), "SignedInfo");

    for (xmlNode *n = info == NULL ? NULL : child(info, "Reference"); n != NULL;
         n = n->next) {
        xmlChar *value =
            is(n, "Reference") ? xmlGetNoNsProp(n, (const xmlChar *)"URI") : NULL;
        bool same = value != NULL && strcmp((char *)value, uri) == 0;

        xmlFree(value);
        if (same)
            return 1;
    }
    return 0;
}

/* --- signing --------------------------------------------------------------------------------- */

static void set_base64(xmlNode *leaf, const unsigned char *data, size_t len)
{
    unsigned char *text = calloc(1, len * 2 + 8);

    EVP_EncodeBlock(text, data, (int)len);
    xmlNodeSetContent(leaf, text);
    free(text);
}

static void digest_anew(xmlDoc *doc, xmlNode *reference)
{
    char *uri = (char *)xmlGetNoNsProp(reference, (const xmlChar *)"URI");
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    const EVP_MD *alg = md_at(child(reference, "DigestMethod"));
    xmlBuffer *text =
        uri != NULL && uri[0] == '#' ? target(doc, reference, uri + 1) : NULL;

    if (text != NULL && alg != NULL &&
        EVP_Digest(xmlBufferContent(text), (size_t)xmlBufferLength(text), md, &len, alg,
                   NULL) == 1)
        set_base64(child(reference, "DigestValue"), md, len);
    xmlBufferFree(text);
    xmlFree(uri);
}

int evp_resign(xmlDoc *doc, EVP_PKEY *key)
{
    xmlNode *signature = find(xmlDocGetRootElement(doc), "Signature");
    xmlNode *info = signature == NULL ? NULL : child(signature, "SignedInfo");
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char value[1024];
    size_t len = sizeof value;
    xmlBuffer *text;
    int done;

    for (xmlNode *n = info == NULL ? NULL : info->children; n != NULL; n = n->next) {
        if (is(n, "Reference"))
            digest_anew(doc, n);
    }
    if (info == NULL || md_at(child(info, "SignatureMethod")) == NULL) {
        EVP_MD_CTX_free(ctx);
        return 0;
    }
    text = c14n(doc, info, child(info, "CanonicalizationMethod"));
    done = EVP_DigestSignInit(ctx, NULL, md_at(child(info, "SignatureMethod")), NULL,
                              key) == 1 &&
           EVP_DigestSign(ctx, value, &len, xmlBufferContent(text),
                          (size_t)xmlBufferLength(text)) == 1;
    if (done)
        set_base64(child(signature, "SignatureValue"), value, len);
    EVP_MD_CTX_free(ctx);
    xmlBufferFree(text);
    return done;
}

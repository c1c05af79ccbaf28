/*
 * xmlsig_seal.c - the seal of a document: an enveloped signature in one fixed form.
 *
 * Written without white space and read by the same table of elements, so that a seal is either
 * exactly what xmlsig_seal() makes or none. The certificate inside is for those who prove the
 * document later with common tools; we believe it only after accept() has.
 */
#include "pki/xmlsig_private.h"

#include <string.h>

#include "base/buf.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/str.h"
#include "format/xml.h"
#include "pki/cert.h"

#define SEAL_CERT_MAX CERT_OCTETS_MAX /* octets of the certificate in it */

static bool is_signature(const xmlNode *node)
{
    return xml_is(node, DS_NS, "Signature");
}

/* The node after `node` in document order, `top` the last to climb to. */
static const xmlNode *following(const xmlNode *node, const xmlNode *top)
{
    if (node->children != NULL && node->type == XML_ELEMENT_NODE)
        return node->children;
    while (node != top && node->next == NULL)
        node = node->parent;
    return node == top ? NULL : node->next;
}

static size_t count_signatures(const xmlNode *root)
{
    size_t count = 0;

    for (const xmlNode *n = root; n != NULL; n = following(n, root))
        count += is_signature(n);
    return count;
}

/* --- making ------------------------------------------------------------------------------- */

static xmlNode *add_algorithm(xmlNode *parent, xmlNs *ds, const char *name,
                              const char *uri)
{
    xmlNode *node = xml_add(parent, ds, name);

    xml_set(node, NULL, "Algorithm", uri);
    return node;
}

static xmlNode *add_template(xmlNode *root, enum sign_alg alg)
{
    xmlNode *signature = xml_add(root, NULL, "Signature"), *info, *reference, *transforms;
    xmlNs *ds = xml_ns_add(signature, DS_NS, "ds");

    xmlSetNs(signature, ds);
    info = xml_add(signature, ds, "SignedInfo");
    xml_add(signature, ds, "SignatureValue");
    add_algorithm(info, ds, "CanonicalizationMethod", EXC_C14N);
    add_algorithm(info, ds, "SignatureMethod", sign_alg_uri(alg));
    reference = xml_add(info, ds, "Reference");
    xml_set(reference, NULL, "URI", "");
    transforms = xml_add(reference, ds, "Transforms");
    add_algorithm(transforms, ds, "Transform", ENVELOPED);
    add_algorithm(transforms, ds, "Transform", EXC_C14N);
    add_algorithm(reference, ds, "DigestMethod", digest_alg_uri(DIGEST_SHA256));
    xml_add(reference, ds, "DigestValue");
    return signature;
}

static void add_key_info(xmlNode *signature, const struct cert *cert)
{
    AUTO(buf_free) struct buf text = BUF_INIT(2 * SEAL_CERT_MAX);
    xmlNode *key = xml_add(signature, signature->ns, "KeyInfo");
    xmlNode *data = xml_add(key, signature->ns, "X509Data");

    base64_add(&text, cert_der(cert).ptr, cert_der(cert).len);
    xml_add_text(data, signature->ns, "X509Certificate", buf_str(&text));
}

static bool alone(const xmlDoc *doc, struct err *err)
{
    for (const xmlNode *n = doc->children; n != NULL; n = n->next)
        if (n->type != XML_ELEMENT_NODE)
            return err_set(err, ERR_REJECT, "seal.outside",
                           "seal: the document has something beside its element");
    return doc->children != NULL ||
           err_set(err, ERR_REJECT, "seal.none", "seal: the document is empty");
}

bool xmlsig_seal(xmlDoc *doc, struct signer *signer, const char *key,
                 const struct cert *cert, struct err *err)
{
    struct engine_call call = {
        .cert = cert,
        .signer = signer,
        .key = key,
        .digests = XMLSIG_BIT(DIGEST_SHA256),
        .alg = sign_alg_for(cert),
        .references = 1,
    };
    xmlNode *signature;

    if (!alone(doc, err))
        return false;
    if (count_signatures(xml_root(doc)) > 0)
        return err_set(err, ERR_REJECT, "seal.twice",
                       "seal: the document has one already");
    signature = add_template(xml_root(doc), call.alg);
    if (engine_sign(signature, &call, err)) {
        add_key_info(signature, cert);
        return true;
    }
    xmlUnlinkNode(signature);
    xml_node_free(&signature);
    return err_context(err, "seal");
}

/* --- checking ----------------------------------------------------------------------------- */

enum holds {
    ELEMENTS,
    NOTHING,
    OCTETS
};

/* The form of a seal: every element in document order. */
static const struct row {
    unsigned depth; /* 0: Signature */
    const char *name;
    const char *attr;  /* the only one; NULL: none */
    const char *value; /* of it; NULL: read elsewhere */
    enum holds holds;
} rows[] = {
    { 0, "Signature", NULL, NULL, ELEMENTS },
    { 1, "SignedInfo", NULL, NULL, ELEMENTS },
    { 2, "CanonicalizationMethod", "Algorithm", EXC_C14N, NOTHING },
    { 2, "SignatureMethod", "Algorithm", NULL, NOTHING },
    { 2, "Reference", "URI", "", ELEMENTS },
    { 3, "Transforms", NULL, NULL, ELEMENTS },
    { 4, "Transform", "Algorithm", ENVELOPED, NOTHING },
    { 4, "Transform", "Algorithm", EXC_C14N, NOTHING },
    { 3, "DigestMethod", "Algorithm", "http://www.w3.org/2001/04/xmlenc#sha256",
      NOTHING },
    { 3, "DigestValue", NULL, NULL, OCTETS },
    { 1, "SignatureValue", NULL, NULL, OCTETS },
    { 1, "KeyInfo", NULL, NULL, ELEMENTS },
    { 2, "X509Data", NULL, NULL, ELEMENTS },
    { 3, "X509Certificate", NULL, NULL, OCTETS },
};

enum {
    ROW_METHOD = 3,
    ROW_DIGEST = 9,
    ROW_VALUE = 10,
    ROW_CERT = 13
};

static bool fits(const xmlNode *node, const struct row *row)
{
    const char *const attrs[] = { row->attr, NULL };

    if (!xml_is(node, DS_NS, row->name) || !only_attrs(node, attrs))
        return false;
    if (row->attr != NULL && xml_attr(node, NULL, row->attr) == NULL)
        return false;
    if (row->value != NULL && !text_eq(xml_attr(node, NULL, row->attr), row->value))
        return false;
    return row->holds == OCTETS ||
           (row->holds == NOTHING ? node->children == NULL : only_elements(node, false));
}

/* The next element in document order within the seal, and how deep it is. */
static const xmlNode *next_element(const xmlNode *node, unsigned *depth)
{
    if (xml_first(node) != NULL) {
        (*depth)++;
        return xml_first(node);
    }
    while (*depth > 0) {
        if (xml_next(node) != NULL)
            return xml_next(node);
        node = node->parent;
        (*depth)--;
    }
    return NULL;
}

/* found[i] becomes the element of rows[i]. */
static bool match(const xmlNode *signature, const xmlNode *found[COUNT_OF(rows)],
                  struct err *err)
{
    const xmlNode *node = signature;
    unsigned depth = 0;
    size_t i = 0;

    for (; node != NULL && i < COUNT_OF(rows); i++) {
        if (depth != rows[i].depth || !fits(node, &rows[i]))
            break;
        found[i] = node;
        node = next_element(node, &depth);
    }
    return (i == COUNT_OF(rows) && node == NULL) ||
           err_set(err, ERR_REJECT, "seal.grammar",
                   "seal: its form is not the agreed one at %s",
                   i < COUNT_OF(rows) ? rows[i].name : "its end");
}

static bool find(const xmlDoc *doc, xmlNode **ret, struct err *err)
{
    xmlNode *root = xml_root(doc);
    size_t count;

    if (!alone(doc, err))
        return false;
    count = count_signatures(root);
    if (count == 0)
        return err_set(err, ERR_REJECT, "seal.none", "seal: the document has none");
    if (count > 1)
        return err_set(err, ERR_REJECT, "seal.twice",
                       "seal: the document has %zu signatures", count);
    if (!is_signature(root->last))
        return err_set(
            err, ERR_REJECT, "seal.grammar",
            "seal: the signature is not the last child of the document element");
    *ret = root->last;
    return true;
}

/* Owned: one of `known`, or parsed. */
static struct cert *read_cert(const xmlNode *node, const struct certlist *known,
                              struct err *err)
{
    AUTO(buf_free) struct buf der = BUF_INIT(SEAL_CERT_MAX);
    const char *text = xml_leaf(node, err);
    struct cert *found = NULL;

    if (text == NULL || !base64_decode(text, strlen(text), &der, err) || der.over) {
        err_set(err, ERR_REJECT, "seal.grammar", "seal: its certificate is not base64");
        return NULL;
    }
    if (known != NULL)
        found = certlist_by_der(known, (struct str){ buf_str(&der), der.len }, err);
    return found != NULL ? cert_ref(found) : cert_of_der(der.data, der.len, err);
}

static bool read_values(const xmlNode *found[COUNT_OF(rows)], enum sign_alg *alg,
                        struct err *err)
{
    unsigned char digest[DIGEST_OCTETS_MAX], value[SIGN_OCTETS_MAX];
    size_t len;

    if (!sign_alg_of_uri(xml_attr(found[ROW_METHOD], NULL, "Algorithm"), alg))
        return err_set(err, ERR_REJECT, "seal.grammar",
                       "seal: its signature method is not allowed");
    if (digest_read(found[ROW_DIGEST], DIGEST_SHA256, digest, err) &&
        signature_value_read(found[ROW_VALUE], value, &len, err))
        return true;
    err->code = "seal.grammar";
    return false;
}

static bool check(xmlNode *signature, enum sign_alg alg, const struct cert *cert,
                  struct err *err)
{
    struct engine_call call = {
        .cert = cert,
        .digests = XMLSIG_BIT(DIGEST_SHA256),
        .alg = alg,
        .references = 1,
    };

    if (!sign_alg_fits(alg, cert, err))
        return false;
    if (engine_verify(signature, &call, NULL, err))
        return true;
    if (err->kind != ERR_REJECT)
        return false;
    return err_set(err, ERR_REJECT, "seal.broken",
                   "seal: the document is not what %s has sealed", cert_subject(cert));
}

bool xmlsig_unseal_known(xmlDoc *doc, const struct certlist *known, xmlsig_accept *accept,
                         void *arg, struct cert **ret_cert, struct err *err)
{
    const xmlNode *found[COUNT_OF(rows)] = { NULL };
    xmlNode *signature = NULL;
    AUTO(cert_free) struct cert *cert = NULL;
    enum sign_alg alg = SIGN_ECDSA_SHA256;

    if (!find(doc, &signature, err) || !match(signature, found, err) ||
        !read_values(found, &alg, err))
        return false;
    cert = read_cert(found[ROW_CERT], known, err);
    if (cert == NULL)
        return false;
    if (!accept(arg, cert, err))
        return err_context(err, "seal");
    if (!check(signature, alg, cert, err))
        return false;
    if (ret_cert != NULL)
        *ret_cert = TAKE(cert);
    return true;
}

bool xmlsig_unseal_check(xmlDoc *doc, xmlsig_accept *accept, void *arg,
                         struct cert **ret_cert, struct err *err)
{
    return xmlsig_unseal_known(doc, NULL, accept, arg, ret_cert, err);
}

bool xmlsig_accept_listed(void *arg, const struct cert *cert, struct err *err)
{
    const struct certlist *list = arg;

    return certlist_by_der(list, cert_der(cert), err) != NULL;
}

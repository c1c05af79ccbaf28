/*
 * xmlsig_grammar.c - reads a ds:Signature by the one grammar we take, before any cryptography.
 *
 * The engine is general: it knows manifests, XPath, stylesheets, files. None of it can reach
 * the engine, because a signature that is not exactly of the form written in xmlsig.h ends here.
 * Nothing is changed in the tree; what is read is borrowed from it.
 */
#include "pki/xmlsig_private.h"

#include <string.h>

#include "base/buf.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/str.h"
#include "format/xml.h"

#define VALUE_MAX 4096 /* octets a decoded value may have at most, ours are under 1025 */

static bool wrong(struct err *err, const char *what)
{
    return err_set(err, ERR_REJECT, "xmlsig.grammar", "signature: %s", what);
}

bool only_attrs(const xmlNode *node, const char *const *names)
{
    for (const xmlAttr *a = node->properties; a != NULL; a = a->next) {
        bool known = false;

        for (const char *const *n = names; *n != NULL; n++)
            known = known || (a->ns == NULL && text_eq((const char *)a->name, *n));
        if (!known)
            return false;
    }
    return true;
}

static bool blank(const xmlNode *text)
{
    const char *at = (const char *)text->content;

    return at == NULL || at[strspn(at, " \t\r\n")] == '\0';
}

bool only_elements(const xmlNode *node, bool blanks)
{
    for (const xmlNode *n = node->children; n != NULL; n = n->next)
        if (n->type != XML_ELEMENT_NODE &&
            !(blanks && n->type == XML_TEXT_NODE && blank(n)))
            return false;
    return true;
}

/* The element is ds:NAME, with no attributes but these and no content but elements. */
static bool is_frame(const xmlNode *node, const char *name, const char *const *attrs)
{
    return xml_is(node, DS_NS, name) && only_attrs(node, attrs) &&
           only_elements(node, true);
}

static const char *const none[] = { NULL };
static const char *const id[] = { "Id", NULL };
static const char *const algorithm[] = { "Algorithm", NULL };
static const char *const reference_attrs[] = { "URI", "Id", "Type", NULL };

/* An element that holds an Algorithm and nothing else. */
static const char *bare_algorithm(const xmlNode *node, const char *name)
{
    return is_frame(node, name, algorithm) && xml_first(node) == NULL
               ? xml_attr(node, NULL, "Algorithm")
               : NULL;
}

/* exc-C14N, perhaps with a PrefixList. */
static bool read_c14n(const xmlNode *node, const char **prefixes, struct err *err)
{
    static const char *const list[] = { "PrefixList", NULL };
    const xmlNode *child = xml_first(node);

    *prefixes = NULL;
    if (child == NULL)
        return true;
    if (!xml_is(child, EXC_C14N_NS, "InclusiveNamespaces") || xml_next(child) != NULL ||
        !only_attrs(child, list) || child->children != NULL)
        return wrong(err, "a canonicalization has parameters other than a PrefixList");
    *prefixes = xml_attr(child, NULL, "PrefixList");
    return *prefixes != NULL || wrong(err, "InclusiveNamespaces without PrefixList");
}

static bool read_method(const xmlNode *node, struct signed_info *info, struct err *err)
{
    if (!is_frame(node, "CanonicalizationMethod", algorithm))
        return wrong(err, "SignedInfo does not begin with a CanonicalizationMethod");
    if (!text_eq(xml_attr(node, NULL, "Algorithm"), EXC_C14N))
        return err_set(
            err, ERR_REJECT, "xmlsig.algorithm",
            "signature: its canonicalization is not exclusive without comments");
    return read_c14n(node, &info->prefixes, err);
}

static bool read_sign_alg(const xmlNode *node, const struct xmlsig_policy *policy,
                          enum sign_alg *alg, struct err *err)
{
    const char *uri = bare_algorithm(node, "SignatureMethod");

    if (uri == NULL)
        return wrong(err, "no SignatureMethod, or one with parameters");
    if (!sign_alg_of_uri(uri, alg) || (policy->sign & XMLSIG_BIT(*alg)) == 0)
        return err_set(err, ERR_REJECT, "xmlsig.algorithm",
                       "signature: signature method %.100s is not allowed here", uri);
    return true;
}

static bool read_digest_alg(const xmlNode *node, const struct xmlsig_policy *policy,
                            enum digest_alg *alg, struct err *err)
{
    const char *uri = bare_algorithm(node, "DigestMethod");

    if (uri == NULL)
        return wrong(err, "a Reference without DigestMethod, or one with parameters");
    if (!digest_alg_of_uri(uri, alg) || (policy->digests & XMLSIG_BIT(*alg)) == 0)
        return err_set(err, ERR_REJECT, "xmlsig.algorithm",
                       "signature: digest method %.100s is not allowed here", uri);
    return true;
}

/* --- values ------------------------------------------------------------------------------- */

static bool read_octets(const xmlNode *node, struct buf *out, const char *what,
                        struct err *err)
{
    const char *text = xml_leaf(node, err);

    if (text == NULL || !base64_decode(text, strlen(text), out, err))
        return wrong(err, what);
    return !out->over || wrong(err, what);
}

bool digest_read(const xmlNode *node, enum digest_alg alg, unsigned char *out,
                 struct err *err)
{
    AUTO(buf_free) struct buf octets = BUF_INIT(VALUE_MAX);

    if (!read_octets(node, &octets, "a DigestValue is not base64", err))
        return false;
    if (octets.len != digest_alg_octets(alg))
        return wrong(err, "a DigestValue is not as long as its method says");
    memcpy(out, octets.data, octets.len);
    return true;
}

bool signature_value_read(const xmlNode *node, unsigned char *out, size_t *ret_len,
                          struct err *err)
{
    AUTO(buf_free) struct buf octets = BUF_INIT(VALUE_MAX);

    if (!read_octets(node, &octets, "the SignatureValue is not base64", err))
        return false;
    if (octets.len == 0 || octets.len > SIGN_OCTETS_MAX)
        return wrong(err, "the SignatureValue is empty or too long");
    memcpy(out, octets.data, octets.len);
    *ret_len = octets.len;
    return true;
}

/* --- references --------------------------------------------------------------------------- */

static bool read_uri(const xmlNode *node, struct reference *ref, struct err *err)
{
    const char *type = xml_attr(node, NULL, "Type");

    if (type != NULL && text_ends(type, "#Manifest"))
        return wrong(err, "a Reference to a Manifest");
    ref->uri = xml_attr(node, NULL, "URI");
    if (ref->uri == NULL)
        return err_set(err, ERR_REJECT, "xmlsig.uri",
                       "signature: a Reference without URI");
    ref->cid = text_starts(ref->uri, "cid:");
    if (ref->cid ? ref->uri[4] != '\0' && strpbrk(ref->uri, "#%") == NULL
                 : ref->uri[0] == '#' &&
                       xmlValidateNCName((const xmlChar *)ref->uri + 1, 0) == 0)
        return true;
    return err_set(err, ERR_REJECT, "xmlsig.uri",
                   "signature: a Reference URI is neither #id nor a plain cid:");
}

static bool read_transform(const xmlNode *transforms, struct reference *ref,
                           struct err *err)
{
    const xmlNode *one = xml_first(transforms);
    const char *name = ref->cid ? SWA_CONTENT : EXC_C14N;

    if (!is_frame(transforms, "Transforms", none) || one == NULL ||
        xml_next(one) != NULL || !is_frame(one, "Transform", algorithm))
        return err_set(err, ERR_REJECT, "xmlsig.transform",
                       "signature: a Reference has not exactly one transform");
    if (!text_eq(xml_attr(one, NULL, "Algorithm"), name))
        return err_set(err, ERR_REJECT, "xmlsig.transform",
                       "signature: the transform of a Reference is not %s",
                       ref->cid ? "that of attachment content" : "exclusive C14N");
    if (ref->cid && xml_first(one) != NULL)
        return wrong(err, "the transform of attachment content has parameters");
    return read_c14n(one, &ref->prefixes, err);
}

static bool read_reference(const xmlNode *node, bool template,
                           const struct xmlsig_policy *policy, struct reference *ref,
                           struct err *err)
{
    const xmlNode *transforms = xml_first(node);
    const xmlNode *method = transforms == NULL ? NULL : xml_next(transforms);
    const xmlNode *value = method == NULL ? NULL : xml_next(method);

    if (!is_frame(node, "Reference", reference_attrs))
        return wrong(err, "SignedInfo holds something else than References");
    if (!xml_is(value, DS_NS, "DigestValue") || xml_next(value) != NULL ||
        !only_attrs(value, none))
        return wrong(err, "a Reference is not Transforms, DigestMethod, DigestValue");
    return read_uri(node, ref, err) && read_transform(transforms, ref, err) &&
           read_digest_alg(method, policy, &ref->digest, err) &&
           (template ? value->children == NULL || wrong(err, "a DigestValue is not empty")
                     : digest_read(value, ref->digest, ref->value, err));
}

static bool read_references(const xmlNode *first, bool template,
                            const struct xmlsig_policy *policy, struct signed_info *info,
                            struct err *err)
{
    for (const xmlNode *node = first; node != NULL; node = xml_next(node)) {
        if (info->count == XMLSIG_REFERENCES_MAX)
            return wrong(err, "too many References");
        if (!read_reference(node, template, policy, &info->refs[info->count], err))
            return false;
        info->count++;
    }
    return info->count > 0 || wrong(err, "no Reference");
}

/* --- the whole ---------------------------------------------------------------------------- */

static bool read_signed_info(const xmlNode *node, bool template,
                             const struct xmlsig_policy *policy, struct signed_info *info,
                             struct err *err)
{
    const xmlNode *c14n = xml_first(node), *method = c14n == NULL ? NULL : xml_next(c14n);

    if (!is_frame(node, "SignedInfo", id) || method == NULL)
        return wrong(err, "it does not begin with a SignedInfo");
    return read_method(c14n, info, err) &&
           read_sign_alg(method, policy, &info->alg, err) &&
           read_references(xml_next(method), template, policy, info, err);
}

bool signed_info_read(const xmlNode *signature, bool template,
                      const struct xmlsig_policy *policy, struct signed_info *ret,
                      struct err *err)
{
    xmlNode *node = signature == NULL ? NULL : xml_first(signature);
    const xmlNode *value = node == NULL ? NULL : xml_next(node);
    const xmlNode *key = value == NULL ? NULL : xml_next(value);

    memset(ret, 0, sizeof *ret);
    if (!is_frame(signature, "Signature", id))
        return wrong(err, "no ds:Signature, or one with foreign attributes or text");
    if (!xml_is(value, DS_NS, "SignatureValue") || !only_attrs(value, id) ||
        (key != NULL && (!xml_is(key, DS_NS, "KeyInfo") || xml_next(key) != NULL)))
        return wrong(err, "it is not SignedInfo, SignatureValue and at most a KeyInfo");
    ret->node = node;
    if (!read_signed_info(node, template, policy, ret, err))
        return false;
    return template || signature_value_read(value, ret->value, &ret->value_len, err);
}

/* --- scope -------------------------------------------------------------------------------- */

const struct xmlsig_id *scope_id(const struct xmlsig_scope *scope, const char *uri)
{
    for (size_t i = 0; i < scope->id_count; i++)
        if (uri[0] == '#' && text_eq(scope->ids[i].id, uri + 1))
            return &scope->ids[i];
    return NULL;
}

const struct xmlsig_part *scope_part(const struct xmlsig_scope *scope, const char *uri)
{
    for (size_t i = 0; i < scope->part_count; i++)
        if (text_starts(uri, "cid:") && text_eq(scope->parts[i].cid, uri + 4))
            return &scope->parts[i];
    return NULL;
}

bool signed_info_resolve(const struct signed_info *info, const struct xmlsig_scope *scope,
                         struct err *err)
{
    for (size_t i = 0; i < info->count; i++) {
        const struct reference *ref = &info->refs[i];

        if (ref->cid && scope_part(scope, ref->uri) == NULL)
            return err_set(err, ERR_REJECT, "xmlsig.uri",
                           "signature: Reference %zu names no part of this message",
                           i + 1);
        if (!ref->cid && scope_id(scope, ref->uri) == NULL)
            return err_set(err, ERR_REJECT, "xmlsig.id",
                           "signature: Reference %zu names no element that may be signed",
                           i + 1);
    }
    return true;
}

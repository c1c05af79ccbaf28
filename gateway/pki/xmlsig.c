/*
 * xmlsig.c - the one file that speaks to xmlsec: signs and verifies in a narrow setting.
 *
 * Private keys never reach xmlsec. Its key is the bare public one, and the signature methods
 * are transforms of ours, registered before its own so that look-up by Algorithm finds them:
 * they digest what they are fed, sign through pki/signer and verify through pki/algorithm. One
 * more transform of ours is that of attachment content (WS-Security SwA Profile 1.1, 5.4.2).
 *
 * xmlsec's registry of readers is emptied and holds one that opens "cid:" parts of the call
 * under way in this thread: no file and no network can be reached. Registries are written in
 * xmlsig_init() and only read afterwards. Contexts are made for each call and never used twice.
 * What xmlsec says of an error is kept as function and reason, without its free text.
 */
#include "pki/xmlsig.h"

#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>
#include <libxml/valid.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <xmlsec/xmlsec.h>

#include <xmlsec/buffer.h>
#include <xmlsec/crypto.h>
#include <xmlsec/errors.h>
#include <xmlsec/io.h>
#include <xmlsec/openssl/evp.h>
#include <xmlsec/transforms.h>
#include <xmlsec/xmldsig.h>

#include "base/body.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/xml.h"
#include "pki/cert.h"
#include "pki/signer.h"
#include "pki/xmlsig_private.h"

#define XML_PART_DEPTH 64
#define XML_PART_NODES 200000

/* The call under way in this thread; what went wrong in it first. */
struct running {
    const struct engine_call *call;
    struct err fault;  /* found by our own code; code NULL: none */
    char library[160]; /* said by xmlsec; empty: nothing */
};

static _Thread_local struct running *running;

static void note(const struct err *fault)
{
    if (running->fault.code == NULL)
        running->fault = *fault;
}

/* --- signature methods -------------------------------------------------------------------- */

/* A transform of ours: xmlsec allocates the whole, its own part first. */
struct sign_transform {
    xmlSecTransform base;
    EVP_MD_CTX *md;
    unsigned char digest[DIGEST_OCTETS_MAX];
};

static struct _xmlSecTransformKlass sign_klasses[SIGN_ALGS];

static enum sign_alg alg_of(const xmlSecTransform *t)
{
    return (enum sign_alg)(t->id - sign_klasses);
}

static int sign_begin(xmlSecTransformPtr t)
{
    struct sign_transform *st = (struct sign_transform *)t;
    const EVP_MD *md = digest_alg_md(sign_alg_digest(alg_of(t)));

    st->md = EVP_MD_CTX_new();
    return st->md != NULL && EVP_DigestInit_ex(st->md, md, NULL) == 1 ? 0 : -1;
}

static void sign_end(xmlSecTransformPtr t)
{
    struct sign_transform *st = (struct sign_transform *)t;

    EVP_MD_CTX_free(st->md);
    st->md = NULL;
}

/* A public key for signing too: the private one is the signer's. */
static int sign_key_wanted(xmlSecTransformPtr t, xmlSecKeyReqPtr wanted)
{
    bool rsa = text_starts(sign_alg_name(alg_of(t)), "rsa");

    wanted->keyId = rsa ? xmlSecOpenSSLKeyDataRsaId : xmlSecOpenSSLKeyDataEcdsaId;
    wanted->keyType = xmlSecKeyDataTypePublic;
    wanted->keyUsage = xmlSecKeyUsageAny;
    return 0;
}

/* The key is that of the call; the engine's copy has served for the check of its kind. */
static int sign_key_given(xmlSecTransformPtr t, xmlSecKeyPtr key)
{
    (void)t, (void)key;
    return running != NULL ? 0 : -1;
}

static int sign_verify(xmlSecTransformPtr t, const xmlSecByte *data, xmlSecSize len,
                       xmlSecTransformCtxPtr ctx)
{
    struct sign_transform *st = (struct sign_transform *)t;
    enum sign_alg alg = alg_of(t);
    struct err fault = { 0 };

    (void)ctx;
    if (t->status != xmlSecTransformStatusFinished)
        return -1;
    t->status = xmlSecTransformStatusOk;
    if (!sign_alg_verify(alg, running->call->cert, st->digest,
                         digest_alg_octets(sign_alg_digest(alg)), data, len, &fault))
        t->status = xmlSecTransformStatusFail;
    return 0;
}

/* When the signer fails, the engine is let run to its end over a stand-in, which nobody sees:
 * stopped here it would lose memory (xmlsec 1.2.37). engine_sign() looks at the fault. */
static bool sign_finish(struct sign_transform *st)
{
    AUTO(buf_free) struct buf made = BUF_INIT(SIGN_OCTETS_MAX);
    xmlSecTransformPtr t = &st->base;
    enum sign_alg alg = alg_of(t);
    struct err fault = { 0 };

    if (EVP_DigestFinal_ex(st->md, st->digest, NULL) != 1)
        return false;
    if (t->operation != xmlSecTransformOperationSign)
        return true;
    if (!signer_sign(running->call->signer, running->call->key, alg, st->digest,
                     digest_alg_octets(sign_alg_digest(alg)), &made, &fault)) {
        note(&fault);
        buf_clear(&made);
        buf_addc(&made, 0);
    }
    return xmlSecBufferAppend(&t->outBuf, (const xmlSecByte *)made.data,
                              (xmlSecSize)made.len) == 0;
}

static int sign_execute(xmlSecTransformPtr t, int last, xmlSecTransformCtxPtr ctx)
{
    struct sign_transform *st = (struct sign_transform *)t;
    xmlSecSize len = xmlSecBufferGetSize(&t->inBuf);

    (void)ctx;
    if (t->status == xmlSecTransformStatusNone)
        t->status = xmlSecTransformStatusWorking;
    if (len > 0) {
        if (EVP_DigestUpdate(st->md, xmlSecBufferGetData(&t->inBuf), len) != 1 ||
            xmlSecBufferRemoveHead(&t->inBuf, len) != 0)
            return -1;
    }
    if (last == 0 || t->status != xmlSecTransformStatusWorking)
        return 0;
    if (!sign_finish(st))
        return -1;
    t->status = xmlSecTransformStatusFinished;
    return 0;
}

static bool register_signatures(void)
{
    for (size_t i = 0; i < SIGN_ALGS; i++) {
        sign_klasses[i] = (struct _xmlSecTransformKlass){
            .klassSize = sizeof(xmlSecTransformKlass),
            .objSize = sizeof(struct sign_transform),
            .name = (const xmlChar *)sign_alg_name((enum sign_alg)i),
            .href = (const xmlChar *)sign_alg_uri((enum sign_alg)i),
            .usage = xmlSecTransformUsageSignatureMethod,
            .initialize = sign_begin,
            .finalize = sign_end,
            .setKeyReq = sign_key_wanted,
            .setKey = sign_key_given,
            .verify = sign_verify,
            .getDataType = xmlSecTransformDefaultGetDataType,
            .pushBin = xmlSecTransformDefaultPushBin,
            .popBin = xmlSecTransformDefaultPopBin,
            .execute = sign_execute,
        };
        if (xmlSecTransformIdsRegister(&sign_klasses[i]) != 0)
            return false;
    }
    return true;
}

/* --- attachment content ------------------------------------------------------------------- */

enum part_kind {
    PART_OCTETS,
    PART_TEXT,
    PART_XML
};

struct part_transform {
    xmlSecTransform base;
    bool begun;
    bool after_cr; /* of a text: CR LF was written for a CR */
    enum part_kind kind;
};

/* SwA 5.4.2 as the Java peers read it: what the media type says decides the digest. */
static enum part_kind kind_of(const char *media)
{
    struct str rest = str_of(media), type = rest, top = rest;
    bool suffix;

    str_next(&rest, ';', &type);
    type = str_trim(type);
    suffix =
        type.len > 4 && str_is_nocase((struct str){ type.ptr + type.len - 4, 4 }, "+xml");
    rest = type;
    if (type.len == 0 || !str_next(&rest, '/', &top))
        return PART_OCTETS;
    if (str_is_nocase(type, "text/xml") || str_is_nocase(type, "application/xml") ||
        (suffix && (str_is_nocase(top, "application") || str_is_nocase(top, "image"))))
        return PART_XML;
    return str_is_nocase(top, "text") ? PART_TEXT : PART_OCTETS;
}

static bool part_begin(struct part_transform *pt, const char *uri)
{
    const struct xmlsig_scope *scope = running == NULL ? NULL : running->call->scope;
    const struct xmlsig_part *part;

    if (pt->begun)
        return true;
    part = scope == NULL || uri == NULL ? NULL : scope_part(scope, uri);
    if (part == NULL)
        return false;
    pt->kind = kind_of(part->media);
    pt->begun = true;
    return true;
}

/* Line ends become CR LF, however they were written. */
static bool text_out(struct part_transform *pt, const xmlSecByte *data, size_t len)
{
    AUTO(buf_free) struct buf out = BUF_INIT(2 * len + 1);

    for (size_t i = 0; i < len; i++) {
        bool cr = data[i] == '\r', lf = data[i] == '\n';

        if (lf ? !pt->after_cr : cr)
            buf_add(&out, "\r\n", 2);
        else if (!lf)
            buf_addc(&out, (char)data[i]);
        pt->after_cr = cr;
    }
    return out.len == 0 ||
           xmlSecBufferAppend(&pt->base.outBuf, (const xmlSecByte *)out.data,
                              (xmlSecSize)out.len) == 0;
}

static bool part_fault(const char *what)
{
    struct err fault = { 0 };

    err_set(&fault, ERR_REJECT, "xmlsig.part", "an XML part that is signed: %s", what);
    note(&fault);
    return false;
}

static bool xml_out(struct part_transform *pt, const xmlSecByte *data, size_t len)
{
    static const struct xml_limits limits = {
        .octets = XMLSIG_XML_PART_MAX,
        .depth = XML_PART_DEPTH,
        .nodes = XML_PART_NODES,
    };
    struct xml_options options = { .limits = &limits };
    AUTO(buf_free) struct buf out = BUF_INIT(4 * XMLSIG_XML_PART_MAX);
    struct buf_sink to = sink_of_buf(&out);
    struct err fault = { 0 };
    AUTO(xml_doc_free)
    xmlDoc *doc = xml_parse_declared(data, len, &options, NULL, &fault);

    if (doc == NULL || !xml_c14n(xml_root(doc), NULL, &to.sink, &fault))
        return part_fault(fault.text);
    return xmlSecBufferAppend(&pt->base.outBuf, (const xmlSecByte *)buf_str(&out),
                              (xmlSecSize)out.len) == 0;
}

static bool part_step(struct part_transform *pt, bool last)
{
    xmlSecBufferPtr in = &pt->base.inBuf;
    xmlSecSize len = xmlSecBufferGetSize(in);
    const xmlSecByte *data = xmlSecBufferGetData(in);
    bool good;

    if (pt->kind == PART_XML && len > XMLSIG_XML_PART_MAX)
        return part_fault("it is too large to be read as XML");
    if (pt->kind == PART_XML && !last)
        return true; /* needs the whole */
    if (pt->kind == PART_XML)
        good = xml_out(pt, data, len);
    else if (pt->kind == PART_TEXT)
        good = text_out(pt, data, len);
    else
        good = len == 0 || xmlSecBufferAppend(&pt->base.outBuf, data, len) == 0;
    return good && (len == 0 || xmlSecBufferRemoveHead(in, len) == 0);
}

static int part_execute(xmlSecTransformPtr t, int last, xmlSecTransformCtxPtr ctx)
{
    struct part_transform *pt = (struct part_transform *)t;

    if (t->status == xmlSecTransformStatusFinished)
        return 0;
    if (!part_begin(pt, (const char *)ctx->uri) || !part_step(pt, last != 0))
        return -1;
    t->status = last != 0 ? xmlSecTransformStatusFinished : xmlSecTransformStatusWorking;
    return 0;
}

static xmlSecTransformKlass part_klass = {
    .klassSize = sizeof(xmlSecTransformKlass),
    .objSize = sizeof(struct part_transform),
    .name = (const xmlChar *)"swa-attachment-content",
    .href = (const xmlChar *)SWA_CONTENT,
    .usage = xmlSecTransformUsageDSigTransform,
    .getDataType = xmlSecTransformDefaultGetDataType,
    .pushBin = xmlSecTransformDefaultPushBin,
    .popBin = xmlSecTransformDefaultPopBin,
    .execute = part_execute,
};

/* --- reading parts ------------------------------------------------------------------------ */

static const struct xmlsig_part *part_named(const char *uri)
{
    return running == NULL || running->call->scope == NULL
               ? NULL
               : scope_part(running->call->scope, uri);
}

static int cid_match(const char *uri)
{
    return part_named(uri) != NULL;
}

static void *cid_open(const char *uri)
{
    const struct xmlsig_part *part = part_named(uri);
    struct reader *reader = NULL;
    struct err fault = { 0 };

    if (part == NULL)
        return NULL;
    if (!source_open(part->body, &reader, &fault))
        note(&fault);
    return reader;
}

static int cid_read(void *context, char *out, int len)
{
    size_t got = 0;
    struct err fault = { 0 };

    if (reader_read(context, out, (size_t)len, &got, &fault))
        return (int)got;
    note(&fault);
    return -1;
}

static int cid_close(void *context)
{
    struct reader *reader = context;

    reader_close(&reader);
    return 0;
}

/* --- start and end ------------------------------------------------------------------------ */

/* Keeps the first thing xmlsec says, without its free text: that may quote a document. */
static void on_error(const char *file, int line, const char *func, const char *object,
                     const char *subject, int reason, const char *msg)
{
    (void)file, (void)line, (void)msg;
    if (running == NULL || running->library[0] != '\0')
        return;
    snprintf(running->library, sizeof running->library, "%s: %s %s, reason %d", func,
             object == NULL ? "" : object, subject == NULL ? "" : subject, reason);
}

static bool start(void)
{
    if (xmlSecInit() != 0 || xmlSecCheckVersion() != 1)
        return false;
    xmlSecErrorsSetCallback(on_error);
    if (!register_signatures() || xmlSecCryptoInit() != 0 ||
        xmlSecTransformIdsRegister(&part_klass) != 0)
        return false;
    xmlSecIOCleanupCallbacks();
    return xmlSecIORegisterCallbacks(cid_match, cid_open, cid_read, cid_close) == 0;
}

bool xmlsig_init(struct err *err)
{
    xmlExternalEntityLoader loader = xmlGetExternalEntityLoader();
    bool good;

    /* xmlsec's own store of trusted certificates is never used; should it ever be, it finds
     * nothing of the system's. */
    setenv("SSL_CERT_FILE", "/dev/null", 1);
    setenv("SSL_CERT_DIR", "/nonexistent", 1);
    good = start();
    xmlSetExternalEntityLoader(loader); /* xmlSecInit() puts one of its own */
    return good || err_set(err, ERR_CONFIG, "xmlsig.engine",
                           "xmlsec did not start: is libxmlsec1-openssl installed?");
}

void xmlsig_shutdown(void)
{
    xmlSecCryptoShutdown();
    xmlSecShutdown();
}

/* --- one call ----------------------------------------------------------------------------- */

static void key_free(xmlSecKeyPtr *key)
{
    if (*key != NULL)
        xmlSecKeyDestroy(*key);
    *key = NULL;
}

/* A bare key: one that carries its certificate is copied, certificate and all, in each use. */
static xmlSecKeyPtr bare_key(const struct cert *cert)
{
    AUTO(key_free) xmlSecKeyPtr key = xmlSecKeyCreate();
    EVP_PKEY *pkey = cert_key(cert);
    xmlSecKeyDataPtr data;

    if (key == NULL || EVP_PKEY_up_ref(pkey) != 1)
        return NULL;
    data = xmlSecOpenSSLEvpKeyAdopt(pkey);
    if (data == NULL) {
        EVP_PKEY_free(pkey);
        return NULL;
    }
    if (xmlSecKeySetValue(key, data) != 0) {
        xmlSecKeyDataDestroy(data);
        return NULL;
    }
    return TAKE(key);
}

static xmlSecTransformId digest_id(enum digest_alg alg)
{
    switch (alg) {
    case DIGEST_SHA256:
        return xmlSecOpenSSLTransformSha256Id;
    case DIGEST_SHA384:
        return xmlSecOpenSSLTransformSha384Id;
    case DIGEST_SHA512:
        return xmlSecOpenSSLTransformSha512Id;
    }
    return xmlSecTransformIdUnknown;
}

static bool enable_digests(xmlSecDSigCtxPtr ctx, unsigned set)
{
    for (size_t i = 0; i < DIGEST_ALGS; i++)
        if ((set & XMLSIG_BIT(i)) != 0 && xmlSecDSigCtxEnableReferenceTransform(
                                              ctx, digest_id((enum digest_alg)i)) != 0)
            return false;
    return true;
}

/* Once one is enabled, all that are not are refused. */
static bool enable(xmlSecDSigCtxPtr ctx, const struct engine_call *call)
{
    bool seal = call->scope == NULL;
    xmlSecTransformId own = seal ? xmlSecTransformEnvelopedId : &part_klass;

    ctx->flags |= XMLSEC_DSIG_FLAGS_IGNORE_MANIFESTS;
    /* "#id" by the table of ids, not by way of an XPointer expression. */
    ctx->flags |= XMLSEC_DSIG_FLAGS_USE_VISA3D_HACK;
    ctx->enabledReferenceUris =
        seal ? xmlSecTransformUriTypeEmpty
             : xmlSecTransformUriTypeSameDocument | xmlSecTransformUriTypeRemote;
    return xmlSecDSigCtxEnableSignatureTransform(ctx, xmlSecTransformExclC14NId) == 0 &&
           xmlSecDSigCtxEnableSignatureTransform(ctx, &sign_klasses[call->alg]) == 0 &&
           xmlSecDSigCtxEnableReferenceTransform(ctx, xmlSecTransformExclC14NId) == 0 &&
           xmlSecDSigCtxEnableReferenceTransform(ctx, own) == 0 &&
           enable_digests(ctx, call->digests);
}

static void ctx_free(xmlSecDSigCtxPtr *ctx)
{
    if (*ctx != NULL)
        xmlSecDSigCtxDestroy(*ctx);
    *ctx = NULL;
}

static xmlSecDSigCtxPtr ctx_new(const struct engine_call *call)
{
    AUTO(ctx_free) xmlSecDSigCtxPtr ctx = xmlSecDSigCtxCreate(NULL);

    if (ctx == NULL || !enable(ctx, call))
        return NULL;
    ctx->signKey = bare_key(call->cert);
    return ctx->signKey == NULL ? NULL : TAKE(ctx);
}

/* What stopped the engine: our own finding, else what it said itself. */
static bool stopped(const struct running *run, const char *doing, struct err *err)
{
    if (run->fault.code != NULL) {
        *err = run->fault;
        return err_context(err, "%s", doing);
    }
    return err_set(err, ERR_RETRY, "xmlsig.engine", "%s: %s", doing,
                   run->library[0] == '\0' ? "xmlsec gave no reason" : run->library);
}

bool engine_sign(xmlNode *signature, const struct engine_call *call, struct err *err)
{
    struct running run = { .call = call };
    AUTO(ctx_free) xmlSecDSigCtxPtr ctx = ctx_new(call);
    bool good;

    if (ctx == NULL)
        return stopped(&run, "signing", err);
    running = &run;
    good = xmlSecDSigCtxSign(ctx, signature) == 0 &&
           ctx->status == xmlSecDSigStatusSucceeded && run.fault.code == NULL;
    running = NULL;
    ERR_clear_error();
    return good || stopped(&run, "signing", err);
}

static const xmlSecDSigReferenceCtx *nth_reference(xmlSecDSigCtxPtr ctx, xmlSecSize n)
{
    return xmlSecPtrListGetItem(&ctx->signedInfoReferences, n);
}

static void fill(struct xmlsig_report *report, xmlSecDSigCtxPtr ctx)
{
    xmlSecSize count = xmlSecPtrListGetSize(&ctx->signedInfoReferences);

    for (xmlSecSize i = 0; i < count && i < XMLSIG_REFERENCES_MAX; i++) {
        const xmlSecDSigReferenceCtx *ref = nth_reference(ctx, i);
        struct xmlsig_result *to = &report->results[report->count++];

        snprintf(to->uri, sizeof to->uri, "%s",
                 ref->uri == NULL ? "" : (const char *)ref->uri);
        to->ok = ref->status == xmlSecDSigStatusSucceeded;
    }
}

/* The engine came to an end: every reference and the value itself must have succeeded. */
static bool verdict(xmlSecDSigCtxPtr ctx, size_t references, struct err *err)
{
    xmlSecSize count = xmlSecPtrListGetSize(&ctx->signedInfoReferences);

    for (xmlSecSize i = 0; i < count; i++)
        if (nth_reference(ctx, i)->status != xmlSecDSigStatusSucceeded)
            return err_set(err, ERR_REJECT, "xmlsig.digest",
                           "signature: the content of %.80s is not what was signed",
                           (const char *)nth_reference(ctx, i)->uri);
    if (ctx->status != xmlSecDSigStatusSucceeded || count != references)
        return err_set(err, ERR_REJECT, "xmlsig.value",
                       "signature: it does not hold under the key of the partner");
    return true;
}

bool engine_verify(xmlNode *signature, const struct engine_call *call,
                   struct xmlsig_report *report, struct err *err)
{
    struct running run = { .call = call };
    AUTO(ctx_free) xmlSecDSigCtxPtr ctx = ctx_new(call);
    bool ended;

    if (ctx == NULL)
        return stopped(&run, "verifying", err);
    running = &run;
    ended = xmlSecDSigCtxVerify(ctx, signature) == 0 && run.fault.code == NULL;
    running = NULL;
    ERR_clear_error();
    if (report != NULL)
        fill(report, ctx);
    return ended ? verdict(ctx, call->references, err) : stopped(&run, "verifying", err);
}

/* --- ids ---------------------------------------------------------------------------------- */

static xmlAttr *id_attr(const struct xmlsig_id *id)
{
    for (xmlAttr *a = id->node->properties; a != NULL; a = a->next)
        if (text_eq((const char *)a->name, "Id") && a->children != NULL &&
            text_eq((const char *)a->children->content, id->id))
            return a;
    return NULL;
}

/* Makes the engine find exactly the node the caller means, and refuses a document in which
 * that id already means another. */
static bool register_id(xmlDoc *doc, const struct xmlsig_id *id, struct err *err)
{
    xmlAttr *attr = id->node->doc == doc ? id_attr(id) : NULL;
    xmlAttr *there = xmlGetID(doc, (const xmlChar *)id->id);

    if (attr != NULL && there == NULL)
        there = xmlAddID(NULL, doc, (const xmlChar *)id->id, attr) == NULL ? NULL : attr;
    if (attr != NULL && there == attr)
        return true;
    return err_set(err, ERR_REJECT, "xmlsig.id",
                   "signature: id %.80s is not, or not only, that of the element meant",
                   id->id);
}

static bool register_ids(xmlDoc *doc, const struct xmlsig_scope *scope, struct err *err)
{
    for (size_t i = 0; i < scope->id_count; i++)
        if (!register_id(doc, &scope->ids[i], err))
            return false;
    return true;
}

static unsigned digests_of(const struct signed_info *info)
{
    unsigned set = 0;

    for (size_t i = 0; i < info->count; i++)
        set |= XMLSIG_BIT(info->refs[i].digest);
    return set;
}

bool xmlsig_sign(xmlNode *signature, const struct xmlsig_scope *scope,
                 struct signer *signer, const char *key, const struct cert *cert,
                 struct err *err)
{
    static const struct xmlsig_policy all = { ~0U, ~0U };
    struct engine_call call = { scope, cert, signer, key, 0, SIGN_RSA_SHA256, 0 };
    struct signed_info info;

    if (!signed_info_read(signature, true, &all, &info, err) ||
        !sign_alg_fits(info.alg, cert, err) || !signed_info_resolve(&info, scope, err) ||
        !register_ids(signature->doc, scope, err))
        return false;
    call.digests = digests_of(&info);
    call.alg = info.alg;
    call.references = info.count;
    return engine_sign(signature, &call, err);
}

bool xmlsig_verify(xmlNode *signature, const struct xmlsig_scope *scope,
                   const struct cert *cert, const struct xmlsig_policy *policy,
                   struct xmlsig_report *report, struct err *err)
{
    struct engine_call call = { scope,           cert, NULL, NULL, policy->digests,
                                SIGN_RSA_SHA256, 0 };
    struct signed_info info;

    if (report != NULL)
        report->count = 0;
    if (!signed_info_read(signature, false, policy, &info, err) ||
        !sign_alg_fits(info.alg, cert, err) || !signed_info_resolve(&info, scope, err) ||
        !register_ids(signature->doc, scope, err))
        return false;
    call.alg = info.alg;
    call.references = info.count;
    return engine_verify(signature, &call, report, err);
}

/*
 * open_message.c - the second opinion on a message off the wire: libxml2, OpenSSL's EVP, and
 * nothing of the gateway's own code.
 *
 *   open_message ENVELOPE SIGN-CERT DECRYPT-KEY [CID=FILE]...
 *
 * Unwraps the content key (RSA-OAEP, SHA-256 in both places), decrypts each part (AES-GCM, the IV
 * in front, the tag behind) into FILE.clear, and checks the signature with every Reference
 * (evp_verify.h). Prints what it found; exit 0 only when all of it holds, 1 when it does not, 2
 * for a wrong call.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "support/evp_verify.h"

#define XENC      "http://www.w3.org/2001/04/xmlenc#"
#define PARTS_MAX 32
#define FILE_MAX  (300L * 1024 * 1024)
#define IV        12
#define TAG       16

struct octets {
    unsigned char *data;
    size_t len;
};

static struct octets load(const char *path)
{
    FILE *f = fopen(path, "rb");
    struct octets o = { 0 };
    long size;

    if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0 ||
        size > FILE_MAX) {
        fprintf(stderr, "%s cannot be read\n", path);
        exit(2);
    }
    rewind(f);
    o.len = (size_t)size;
    o.data = malloc(o.len + 1);
    if (fread(o.data, 1, o.len, f) != o.len)
        exit(2);
    o.data[o.len] = 0;
    fclose(f);
    return o;
}

static bool is(const xmlNode *n, const char *name)
{
    return n->type == XML_ELEMENT_NODE && n->ns != NULL &&
           strcmp((const char *)n->ns->href, XENC) == 0 &&
           strcmp((const char *)n->name, name) == 0;
}

/* First element of that name at, below or after n whose attribute has that value (NULL: any). */
static xmlNode *find(xmlNode *n, const char *name, const char *attribute,
                     const char *value)
{
    for (; n != NULL; n = n->next) {
        if (is(n, name)) {
            xmlChar *have =
                attribute != NULL ? xmlGetNoNsProp(n, (const xmlChar *)attribute) : NULL;
            bool same =
                attribute == NULL || (have != NULL && strcmp((char *)have, value) == 0);

            xmlFree(have);
            if (same)
                return n;
        }
        xmlNode *below = find(n->children, name, attribute, value);
        if (below != NULL)
            return below;
    }
    return NULL;
}

static struct octets base64_of(const xmlNode *leaf)
{
    xmlChar *text = xmlNodeGetContent(leaf);
    struct octets o = { calloc(1, strlen((char *)text) + 4), 0 };
    EVP_ENCODE_CTX *ctx = EVP_ENCODE_CTX_new();
    int n = 0, end = 0;

    EVP_DecodeInit(ctx);
    if (EVP_DecodeUpdate(ctx, o.data, &n, text, (int)strlen((char *)text)) >= 0 &&
        EVP_DecodeFinal(ctx, o.data + n, &end) == 1)
        o.len = (size_t)(n + end);
    EVP_ENCODE_CTX_free(ctx);
    xmlFree(text);
    return o;
}

/* --- the content key ---------------------------------------------------------------------- */

static size_t unwrap(xmlDoc *doc, EVP_PKEY *key, unsigned char cek[512])
{
    xmlNode *wrapped = find(xmlDocGetRootElement(doc), "EncryptedKey", NULL, NULL);
    xmlNode *value = wrapped ? find(wrapped->children, "CipherValue", NULL, NULL) : NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    size_t len = 512;
    struct octets in;
    bool ok;

    if (value == NULL)
        return 0;
    in = base64_of(value);
    ok = EVP_PKEY_decrypt_init(ctx) == 1 &&
         EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()) == 1 &&
         EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) == 1 &&
         EVP_PKEY_decrypt(ctx, cek, &len, in.data, in.len) == 1;
    EVP_PKEY_CTX_free(ctx);
    free(in.data);
    return ok ? len : 0;
}

/* --- a part ------------------------------------------------------------------------------- */

struct part {
    char cid[300];
    const char *file;
    char media[128];
    struct octets clear;
};

static bool decrypt(const unsigned char *cek, size_t cek_len, const struct octets *in,
                    struct octets *out)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0, end = 0;
    size_t body = in->len - IV - TAG;
    bool ok;

    out->data = malloc(body + 1);
    ok = EVP_DecryptInit_ex(ctx, cek_len == 32 ? EVP_aes_256_gcm() : EVP_aes_128_gcm(),
                            NULL, cek, in->data) == 1 &&
         EVP_DecryptUpdate(ctx, out->data, &n, in->data + IV, (int)body) == 1 &&
         EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG, in->data + IV + body) == 1 &&
         EVP_DecryptFinal_ex(ctx, out->data + n, &end) == 1;
    out->len = (size_t)(n + end);
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

static bool store(const struct part *p)
{
    char path[4096];
    FILE *f;

    snprintf(path, sizeof path, "%s.clear", p->file);
    f = fopen(path, "wb");
    return f != NULL && fwrite(p->clear.data, 1, p->clear.len, f) == p->clear.len &&
           fclose(f) == 0;
}

static const char *open_part(xmlDoc *doc, const unsigned char *cek, size_t cek_len,
                             struct part *p)
{
    char uri[310];
    struct octets in = load(p->file);

    snprintf(uri, sizeof uri, "cid:%s", p->cid);
    xmlNode *at = find(xmlDocGetRootElement(doc), "CipherReference", "URI", uri);
    if (at == NULL || at->parent == NULL || at->parent->parent == NULL)
        return "no EncryptedData names the part";
    xmlChar *media = xmlGetNoNsProp(at->parent->parent, (const xmlChar *)"MimeType");
    snprintf(p->media, sizeof p->media, "%s", media != NULL ? (char *)media : "");
    xmlFree(media);
    if (in.len < IV + TAG || !decrypt(cek, cek_len, &in, &p->clear))
        return "a part does not decrypt";
    free(in.data);
    printf("part %s: %s, %zu octets\n", p->cid, p->media, p->clear.len);
    return store(p) ? NULL : "a part cannot be written";
}

/* --- all of it ---------------------------------------------------------------------------- */

static const char *open_all(xmlDoc *doc, EVP_PKEY *signer, EVP_PKEY *key,
                            struct part *parts, size_t count)
{
    struct evp_part signed_parts[PARTS_MAX];
    unsigned char cek[512];
    size_t cek_len = count > 0 ? unwrap(doc, key, cek) : 0;

    if (count > 0 && cek_len != 16 && cek_len != 32)
        return "the content key does not unwrap";
    for (size_t i = 0; i < count; i++) {
        const char *why = open_part(doc, cek, cek_len, &parts[i]);

        if (why != NULL)
            return why;
        signed_parts[i] =
            (struct evp_part){ parts[i].cid, parts[i].media[0] ? parts[i].media : NULL,
                               parts[i].clear.data, parts[i].clear.len };
    }
    return evp_verify(doc, signer, signed_parts, count);
}

static EVP_PKEY *public_key(const char *path)
{
    FILE *f = fopen(path, "r");
    X509 *cert = f != NULL ? PEM_read_X509(f, NULL, NULL, NULL) : NULL;
    EVP_PKEY *key = cert != NULL ? X509_get_pubkey(cert) : NULL;

    if (f != NULL)
        fclose(f);
    X509_free(cert);
    return key;
}

static EVP_PKEY *private_key(const char *path)
{
    FILE *f = fopen(path, "r");
    EVP_PKEY *key = f != NULL ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;

    if (f != NULL)
        fclose(f);
    return key;
}

int main(int argc, char **argv)
{
    static struct part parts[PARTS_MAX];
    size_t count = 0;

    if (argc < 4 || argc > 4 + PARTS_MAX) {
        fprintf(stderr,
                "usage: open_message ENVELOPE SIGN-CERT DECRYPT-KEY [CID=FILE]...\n");
        return 2;
    }
    for (int i = 4; i < argc; i++) {
        char *eq = strchr(argv[i], '=');

        if (eq == NULL || (size_t)(eq - argv[i]) >= sizeof parts[0].cid)
            return 2;
        memcpy(parts[count].cid, argv[i], (size_t)(eq - argv[i]));
        parts[count++].file = eq + 1;
    }
    struct octets envelope = load(argv[1]);
    xmlDoc *doc = xmlReadMemory((char *)envelope.data, (int)envelope.len, NULL, NULL,
                                XML_PARSE_NONET);
    EVP_PKEY *signer = public_key(argv[2]), *key = private_key(argv[3]);
    if (doc == NULL || signer == NULL || key == NULL) {
        fprintf(stderr, "envelope, certificate or key cannot be read\n");
        return 2;
    }
    const char *why = open_all(doc, signer, key, parts, count);
    printf("%s\n", why != NULL ? why : "holds");
    for (size_t i = 0; i < count; i++)
        free(parts[i].clear.data);
    EVP_PKEY_free(signer);
    EVP_PKEY_free(key);
    xmlFreeDoc(doc);
    free(envelope.data);
    xmlCleanupParser();
    return why != NULL;
}

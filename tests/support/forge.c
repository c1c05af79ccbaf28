/*
 * forge.c - a partner with bad intentions: packs any document as an AS4 message under real keys.
 *
 *   forge --keys FOLDER --encrypt CERT --from GATEWAY --to GATEWAY --agreement ID
 *         --conversation CASE [--seal] [--seal-keys FOLDER] [--service S] [--action A]
 *         [--message-id ID] [--part FILE]... DOCUMENT OUT
 *
 * --seal strips the document's ds:Signature and seals it anew, so that what was changed in it is
 * signed by the right key. Writes the request body to OUT and its Content-Type to OUT.type. The
 * wire layer is the gateway's own: what is attacked are the layers above it.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libxml/tree.h>

#include "as4/package.h"
#include "base/body.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "format/xml.h"
#include "pki/cert.h"
#include "pki/signer.h"
#include "pki/xmlsig.h"

#define OCTETS_MAX (64 * 1024 * 1024)

struct forgery {
    const char *keys, *seal_keys, *encrypt, *from, *to, *agreement, *conversation;
    const char *service, *action, *message_id;
    bool seal;
    const char *parts[PMODE_PARTS_MAX];
    size_t part_count;
    const char *document, *out;
};

static _Noreturn void stop(const struct err *err)
{
    fprintf(stderr, "%s: %s\n", err->code, err->text);
    exit(1);
}

static struct source *load(const char *path)
{
    struct buf octets = BUF_INIT(OCTETS_MAX);
    struct err err = { 0 };

    if (!file_read(path, &octets, &err))
        stop(&err);
    return source_of_buf(&octets);
}

static struct signer *open_signer(const char *folder, const char *id,
                                  struct cert **ret_cert)
{
    AUTO(mem_free) char *key = mem_printf("%s/%s.key", folder, id);
    AUTO(mem_free) char *cert = mem_printf("%s/%s.pem", folder, id);
    const struct signer_key_file file = { id, key, cert };
    struct err err = { 0 };
    struct signer *s =
        signer_open_files(&(struct signer_files){ &file, 1, NULL, 0 }, &err);

    if (s == NULL)
        stop(&err);
    *ret_cert = signer_cert(s, id);
    return s;
}

/* --- the document ------------------------------------------------------------------------- */

static void strip_seal(xmlDoc *doc)
{
    xmlNode *next;

    for (xmlNode *n = xmlDocGetRootElement(doc)->children; n != NULL; n = next) {
        next = n->next;
        if (n->type == XML_ELEMENT_NODE &&
            strcmp((const char *)n->name, "Signature") == 0) {
            xmlUnlinkNode(n);
            xmlFreeNode(n);
        }
    }
}

static struct source *sealed(const struct forgery *f)
{
    struct buf in = BUF_INIT(OCTETS_MAX), out = BUF_INIT(OCTETS_MAX);
    struct err err = { 0 };
    struct cert *cert;
    struct signer *signer = open_signer(f->seal_keys, "seal", &cert);

    if (!file_read(f->document, &in, &err))
        stop(&err);
    xmlDoc *doc = xml_parse_utf8(buf_str(&in), in.len, NULL, &err);
    if (doc == NULL)
        stop(&err);
    strip_seal(doc);
    if (!xmlsig_seal(doc, signer, "seal", cert, &err) ||
        !xml_print(doc, NULL, &out, &err))
        stop(&err);
    xmlFreeDoc(doc);
    buf_free(&in);
    signer_free(&signer);
    return source_of_buf(&out);
}

/* --- the message -------------------------------------------------------------------------- */

static struct pmode pmode_of(const struct forgery *f)
{
    struct pmode p;

    pmode_defaults(&p);
    p.id = "forged";
    p.us = (struct pmode_party){ f->from, PMODE_UNREGISTERED, PMODE_ROLE_INIT,
                                 PMODE_ROLE_RESPOND, NULL };
    p.partner = (struct pmode_party){ f->to, PMODE_UNREGISTERED, PMODE_ROLE_INIT,
                                      PMODE_ROLE_RESPOND, NULL };
    p.agreement = f->agreement;
    p.service = f->service;
    p.service_type =
        strcmp(f->service, "urn:trm:referral") == 0 ? "urn:trm:service" : NULL;
    p.action = f->action;
    p.four_corner = true;
    p.corner_type = PMODE_UNREGISTERED;
    return p;
}

static void write_out(const struct forgery *f, const struct as4_package *package)
{
    AUTO(buf_free) struct buf wire = BUF_INIT(OCTETS_MAX);
    AUTO(source_free) struct source *source = as4_package_wire(package);
    AUTO(mem_free) char *type = mem_printf("%s.type", f->out);
    struct err err = { 0 };

    if (!source_load(source, &wire, &err) ||
        !file_write(f->out, buf_str(&wire), wire.len, 0600, &err) ||
        !file_write(type, package->content_type, strlen(package->content_type), 0600,
                    &err))
        stop(&err);
}

static void pack(const struct forgery *f)
{
    struct as4_part_spec parts[PMODE_PARTS_MAX + 1] = { 0 };
    struct source *octets[PMODE_PARTS_MAX + 1] = { 0 };
    struct err err = { 0 };
    struct cert *cert;
    struct signer *signer = open_signer(f->keys, "sign", &cert);
    struct cert *encrypt = cert_load(f->encrypt, &err);
    struct as4_package *package = NULL;
    const struct pmode pmode = pmode_of(f);
    const struct as4_signing signing = { signer, "sign", cert, NULL };

    if (encrypt == NULL)
        stop(&err);
    octets[0] = f->seal ? sealed(f) : load(f->document);
    parts[0].octets = octets[0];
    parts[0].mime_type = "application/xml";
    for (size_t i = 0; i < f->part_count; i++) {
        octets[i + 1] = load(f->parts[i]);
        parts[i + 1] = (struct as4_part_spec){ .octets = octets[i + 1],
                                               .compress = AS4_COMPRESS_NO,
                                               .mime_type = "application/octet-stream" };
    }
    const struct as4_spec spec = { .pmode = &pmode,
                                   .host = "forge.example",
                                   .message_id = f->message_id,
                                   .conversation_id = f->conversation,
                                   .timestamp_ms = (int64_t)time(NULL) * 1000,
                                   .parts = parts,
                                   .part_count = f->part_count + 1,
                                   .signing = &signing,
                                   .encrypt_cert = encrypt };
    if (!as4_package_make(&spec, &package, &err))
        stop(&err);
    write_out(f, package);
    as4_package_free(&package);
    for (size_t i = 0; i <= f->part_count; i++)
        source_free(&octets[i]);
    cert_free(&encrypt);
    signer_free(&signer);
}

/* --- the call ----------------------------------------------------------------------------- */

static bool read_call(int argc, char **argv, struct forgery *f)
{
    static const struct option options[] = {
        { "keys", 1, NULL, 'k' },
        { "seal-keys", 1, NULL, 'K' },
        { "encrypt", 1, NULL, 'e' },
        { "from", 1, NULL, 'f' },
        { "to", 1, NULL, 't' },
        { "agreement", 1, NULL, 'a' },
        { "conversation", 1, NULL, 'c' },
        { "service", 1, NULL, 's' },
        { "action", 1, NULL, 'A' },
        { "message-id", 1, NULL, 'm' },
        { "part", 1, NULL, 'p' },
        { "seal", 0, NULL, 'S' },
        { NULL, 0, NULL, 0 },
    };
    const struct {
        int letter;
        const char **to;
    } texts[] = {
        { 'k', &f->keys },         { 'K', &f->seal_keys }, { 'e', &f->encrypt },
        { 'f', &f->from },         { 't', &f->to },        { 'a', &f->agreement },
        { 'c', &f->conversation }, { 's', &f->service },   { 'A', &f->action },
        { 'm', &f->message_id },
    };
    int letter;

    while ((letter = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (letter == 'S')
            f->seal = true;
        else if (letter == 'p' && f->part_count < PMODE_PARTS_MAX - 1)
            f->parts[f->part_count++] = optarg;
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
            if (texts[i].letter == letter)
                *texts[i].to = optarg;
        if (letter == '?')
            return false;
    }
    if (optind + 2 != argc)
        return false;
    f->document = argv[optind];
    f->out = argv[optind + 1];
    if (f->seal_keys == NULL)
        f->seal_keys = f->keys;
    return f->keys != NULL && f->encrypt != NULL && f->from != NULL && f->to != NULL &&
           f->agreement != NULL && f->conversation != NULL;
}

int main(int argc, char **argv)
{
    struct forgery f = { .service = "urn:trm:referral", .action = "Exchange" };
    struct err err = { 0 };

    if (!read_call(argc, argv, &f)) {
        fprintf(stderr, "usage: see the head of forge.c\n");
        return 2;
    }
    xml_init();
    if (!xmlsig_init(&err))
        stop(&err);
    pack(&f);
    xmlsig_shutdown();
    xml_shutdown();
    return 0;
}

/*
 * What is wrong in the octets: ciphertext, keys, MIME, compression, size; and messages that
 * come again. Every failure of decryption must look the same from outside.
 */
#include "support_as4.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/body.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/gzip.h"
#include "pki/algorithm.h"

struct scene {
    struct letter l;
    struct receiver r;
    const char *content_type; /* of the request; NULL: the package's */
    char *owned_type;
};

struct attack {
    const char *name;
    void (*before)(struct scene *s); /* packing */
    void (*after)(struct scene *s);
    const char *ebms; /* NULL: must be taken */
    const char *local;
    int http_status;
};

static char *part_at(struct scene *s, size_t i)
{
    AUTO(mem_free)
    char *id = mem_printf("Content-ID: <%s>", s->l.package->parts[i].content_id);
    struct buf *w = &s->l.wire;
    char *head = memmem(w->data, w->len, id, strlen(id));

    assert_non_null(head);
    return (char *)memmem(head, w->len - (size_t)(head - w->data), "\r\n\r\n", 4) + 4;
}

static void cut_part(struct scene *s, size_t i, size_t keep)
{
    char *at = part_at(s, i);
    size_t size = (size_t)s->l.package->parts[i].size + 28;
    size_t offset = (size_t)(at - s->l.wire.data);

    memmove(at + keep, at + size, s->l.wire.len - offset - size);
    s->l.wire.len -= size - keep;
}

/* --- encryption -------------------------------------------------------------------------------- */

static void flip_ciphertext(struct scene *s)
{
    part_at(s, 0)[14] ^= 1;
}

static void flip_iv(struct scene *s)
{
    part_at(s, 0)[0] ^= 1;
}

static void flip_tag(struct scene *s)
{
    part_at(s, 1)[s->l.package->parts[1].size + 27] ^= 1;
}

static void short_part(struct scene *s)
{
    cut_part(s, 1, 27);
}

static void no_part_octets(struct scene *s)
{
    cut_part(s, 1, 0);
}

static void cut_tag(struct scene *s)
{
    cut_part(s, 1, (size_t)s->l.package->parts[1].size + 27);
}

/* CipherValue anew. */
static void wrap_for(struct scene *s, enum who who, enum key key, const void *cek,
                     size_t len)
{
    AUTO(buf_free) struct buf wrapped = BUF_INIT(1024);
    AUTO(buf_free) struct buf text = BUF_INIT(2048);
    const char *open = "<xenc:CipherValue>";
    struct err err = { 0 };
    char *from, *to;

    assert_true(oaep_wrap(gateways[who].certs[key],
                          (struct oaep){ OAEP_SHA256, OAEP_SHA256 }, cek, len, &wrapped,
                          &err));
    base64_add(&text, wrapped.data, wrapped.len);
    from =
        (char *)memmem(s->l.wire.data, s->l.wire.len, open, strlen(open)) + strlen(open);
    to = strchr(from, '<');
    assert_int_equal(to - from, text.len);
    memcpy(from, text.data, text.len);
}

static void garbage_key(struct scene *s)
{
    char *at = memmem(s->l.wire.data, s->l.wire.len, "<xenc:CipherValue>", 18);

    memcpy(at + 18, "AAAAAAAAAAAAAAAA", 16);
}

static void other_key(struct scene *s)
{
    wrap_for(s, GW_B, KEY_OPEN_2048, "0123456789abcdef", 16);
}

static void long_key(struct scene *s)
{
    wrap_for(s, GW_B, KEY_OPEN_2048, "0123456789abcdef0123456789abcdef", 32);
}

static void key_for_another(struct scene *s)
{
    wrap_for(s, GW_M, KEY_OPEN_2048, s->l.package->cek, 16);
}

/* The right key for the right recipient, under a label that nobody agreed on. */
static void labelled_key(struct scene *s)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(gateways[GW_B].keys[KEY_OPEN_2048], NULL);
    unsigned char out[256], *label = OPENSSL_memdup("label", 5);
    AUTO(buf_free) struct buf text = BUF_INIT(2048);
    size_t len = sizeof out;
    char *at;

    assert_int_equal(EVP_PKEY_encrypt_init(ctx), 1);
    assert_true(oaep_set(ctx, (struct oaep){ OAEP_SHA256, OAEP_SHA256 }));
    assert_int_equal(EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, label, 5), 1);
    assert_int_equal(EVP_PKEY_encrypt(ctx, out, &len, s->l.package->cek, 16), 1);
    EVP_PKEY_CTX_free(ctx);
    base64_add(&text, out, len);
    at = memmem(s->l.wire.data, s->l.wire.len, "<xenc:CipherValue>", 18);
    memcpy(at + 18, text.data, text.len);
}

/* Encrypted for a certificate that is not ours. */
static void not_our_certificate(struct scene *s)
{
    s->r.own = &gateways[GW_M].own;
}

/* The tag fits, the digest does not: a signer who signs other octets than he encrypts. */
static void other_plain(struct scene *s)
{
    struct str old = envelope_in(&s->l.wire);
    AUTO(mem_free) char *text = mem_strndup(old.ptr, old.len);
    char *last =
        strstr(strstr(text, "<ds:Reference URI=\"cid:"), "<ds:DigestValue>") + 20;
    char *at = s->l.wire.data + (old.ptr - s->l.wire.data) + (last - text);

    *at = *at == 'A' ? 'B' : 'A';
    resign(&s->l.wire, gateways[GW_A].keys[KEY_SIGN_2048]);
}

/* The first part too large to be held in memory. */
static void add_big(struct scene *s)
{
    static char big[AS4_KEEP_PART_MAX + 100];

    memset(big, 'x', sizeof big - 1);
    s->l.owned[0] = source_of_memory(big, sizeof big - 1);
    s->l.parts[0] = (struct as4_part_spec){ .octets = s->l.owned[0],
                                            .compress = AS4_COMPRESS_NO,
                                            .mime_type = "application/pdf" };
    s->l.part_count = 1;
    letter_add(&s->l, "image/png", "second", AS4_COMPRESS_NO);
}

static void flip_late(struct scene *s)
{
    part_at(s, 0)[AS4_KEEP_PART_MAX] ^= 1;
}

/* --- keys -------------------------------------------------------------------------------------- */

static void expired_key(struct scene *s)
{
    s->l.sign = KEY_OLD;
    s->l.pmode.security.sign = SIGN_ECDSA_SHA256;
}

static void ec_key(struct scene *s)
{
    s->l.sign = KEY_SIGN_EC;
    s->l.pmode.security.sign = SIGN_ECDSA_SHA256;
}

/* Other code signs with DER, as EVP gives it. */
static void der_signature(struct scene *s)
{
    resign(&s->l.wire, gateways[GW_A].keys[KEY_SIGN_EC]);
}

static void pkipath(struct scene *s)
{
    s->l.pmode.security.sign_ref = PMODE_REF_PKIPATH;
}

static char *path_text(const struct cert *first, const struct cert *second)
{
    AUTO(certlist_free) struct certlist list = { 0 };
    AUTO(buf_free) struct buf der = BUF_INIT(65536);
    AUTO(buf_free) struct buf text = BUF_INIT(65536);
    const struct cert *in[] = { first, second };
    struct err err = { 0 };

    for (size_t i = 0; i < 2; i++) {
        AUTO(cert_free) struct cert *own = cert_of_x509(cert_x509(in[i]), &err);

        certlist_add(&list, own);
    }
    cert_path_write(&list, &der);
    base64_add(&text, der.data, der.len);
    return buf_detach(&text);
}

static void turn_path(struct scene *s)
{
    const struct cert *leaf = gateways[GW_A].certs[KEY_SIGN_2048];
    AUTO(mem_free) char *right = path_text(ca.items[0], leaf);
    AUTO(mem_free) char *wrong = path_text(leaf, ca.items[0]);

    assert_true(edit(&s->l.wire, right, wrong));
}

static void ski(struct scene *s)
{
    s->l.pmode.security.sign_ref = PMODE_REF_SKI;
}

static void other_ski(struct scene *s)
{
    struct str a = cert_ski(gateways[GW_A].certs[KEY_SIGN_2048]);
    struct str b = cert_ski(gateways[GW_M].certs[KEY_SIGN_2048]);
    AUTO(buf_free) struct buf find = BUF_INIT(100);
    AUTO(buf_free) struct buf put = BUF_INIT(100);

    base64_add(&find, a.ptr, a.len);
    base64_add(&put, b.ptr, b.len);
    assert_true(edit(&s->l.wire, buf_str(&find), buf_str(&put)));
}

static void bst_only(struct scene *s)
{
    s->r.pmodes[0].security.sign_ref_accept = PMODE_BIT(PMODE_REF_BST);
}

static void ski_against_bst(struct scene *s)
{
    ski(s);
    bst_only(s);
}

/* --- MIME -------------------------------------------------------------------------------------- */

static void no_close(struct scene *s)
{
    AUTO(mem_free) char *close = mem_printf("\r\n--%s--", s->l.package->boundary);

    assert_true(edit(&s->l.wire, close, "\r\n"));
}

static void set_type(struct scene *s, char *type)
{
    mem_free(&s->owned_type);
    s->owned_type = type;
    s->content_type = type;
}

static void long_boundary(struct scene *s)
{
    set_type(s,
             mem_printf(
                 "multipart/related; type=\"application/soap+xml\"; boundary=\"%s%050d\"",
                 s->l.package->boundary, 1));
}

static void start_nowhere(struct scene *s)
{
    set_type(s, mem_printf(
                    "multipart/related; type=\"application/soap+xml\"; start=\"<x@y>\"; "
                    "boundary=\"%s\"",
                    s->l.package->boundary));
}

static void bare_type(struct scene *s)
{
    set_type(s, mem_printf("Multipart/Related; Boundary=%s", s->l.package->boundary));
}

static void no_root_id(struct scene *s)
{
    AUTO(mem_free) char *id = mem_printf("\r\nContent-ID: <%s>", s->l.package->root_id);

    assert_true(edit(&s->l.wire, id, ""));
    bare_type(s);
}

static void root_of_soap11(struct scene *s)
{
    assert_true(
        edit(&s->l.wire, "Content-Type: application/soap+xml", "Content-Type: text/xml"));
}

static void no_media(struct scene *s)
{
    set_type(s, mem_strdup("text/plain"));
}

/* A header more in the second part's head. */
static void into_head(struct scene *s, const char *line)
{
    AUTO(mem_free)
    char *id = mem_printf("Content-ID: <%s>", s->l.package->parts[0].content_id);
    AUTO(mem_free) char *put = mem_printf("%s\r\n%s", line, id);

    assert_true(edit(&s->l.wire, id, put));
}

static void many_headers(struct scene *s)
{
    for (int i = 0; i < 15; i++)
        into_head(s, "X-A: b");
}

static void long_header(struct scene *s)
{
    AUTO(mem_free) char *line = mem_printf("X-A: %08200d", 1);

    into_head(s, line);
}

static void no_colon(struct scene *s)
{
    into_head(s, "X-A b");
}

static void nul_in_header(struct scene *s)
{
    into_head(s, "X-A: bcd");
    assert_true(edit_octets(&s->l.wire, "X-A: bcd", 8, "X-A: b\0d", 8));
}

static void duplicate_id(struct scene *s)
{
    AUTO(mem_free)
    char *find = mem_printf("Content-ID: <%s>", s->l.package->parts[1].content_id);
    AUTO(mem_free)
    char *put = mem_printf("Content-ID: %s", s->l.package->parts[0].content_id);

    assert_true(edit(&s->l.wire, find, put));
}

static void id_without_brackets(struct scene *s)
{
    AUTO(mem_free)
    char *find = mem_printf("Content-ID: <%s>", s->l.package->parts[1].content_id);
    AUTO(mem_free)
    char *put = mem_printf("content-id:  %s ", s->l.package->parts[1].content_id);

    assert_true(edit(&s->l.wire, find, put));
}

static void zip_encoding(struct scene *s)
{
    for (int i = 0; i < 2; i++) /* not that of the root */
        assert_true(edit(&s->l.wire, "Content-Transfer-Encoding: binary",
                         i == 0 ? "Content-Transfer-Encoding: 8bit"
                                : "Content-Transfer-Encoding: x-gzip"));
}

static void nested(struct scene *s)
{
    assert_true(edit(&s->l.wire, "Content-Type: application/octet-stream",
                     "Content-Type: multipart/mixed; boundary=x"));
}

static void before_close(struct scene *s, const char *head, const void *content,
                         size_t len)
{
    AUTO(mem_free) char *close = mem_printf("\r\n--%s--", s->l.package->boundary);
    AUTO(buf_free) struct buf put = BUF_INIT(4096);

    buf_addf(&put, "\r\n--%s\r\n%s\r\n\r\n", s->l.package->boundary, head);
    buf_add(&put, content, len);
    buf_adds(&put, close);
    assert_true(edit_octets(&s->l.wire, close, strlen(close), put.data, put.len));
}

static void stray_part(struct scene *s)
{
    before_close(s, "Content-Type: text/plain\r\nContent-ID: <stray@x>", "x", 1);
}

static void stray_without_id(struct scene *s)
{
    before_close(s, "Content-Type: text/plain", "x", 1);
}

static void too_many_parts(struct scene *s)
{
    for (int i = 0; i < 31; i++)
        stray_without_id(s);
}

static void drop_part(struct scene *s)
{
    AUTO(mem_free) char *next = mem_printf("\r\n--%s", s->l.package->boundary);
    char *at = part_at(s, 1);
    char *from = memmem(s->l.wire.data, s->l.wire.len, next, strlen(next));
    char *end = at + s->l.package->parts[1].size + 28;

    for (char *p = from; p != NULL && p < at;
         p = memmem(p + 1, (size_t)(at - p), next, strlen(next)))
        from = p;
    memmove(from, end, s->l.wire.len - (size_t)(end - s->l.wire.data));
    s->l.wire.len -= (size_t)(end - from);
}

/* The second part before the first. */
static void turn_parts(struct scene *s)
{
    size_t size = (size_t)s->l.package->parts[1].size + 28;
    AUTO(mem_free) char *content = mem_dup(part_at(s, 1), size);
    AUTO(mem_free) char *id = mem_strdup(s->l.package->parts[1].content_id);
    AUTO(mem_free) char *first = mem_printf("\r\n--%s\r\n", s->l.package->boundary);
    AUTO(buf_free) struct buf put = BUF_INIT(4096);

    drop_part(s);
    buf_addf(&put, "%sContent-Type: application/octet-stream\r\nContent-ID: <%s>\r\n\r\n",
             first, id);
    buf_add(&put, content, size);
    buf_adds(&put, first);
    assert_true(edit_octets(&s->l.wire, first, strlen(first), put.data, put.len));
}

static void as_base64(struct scene *s, const char *junk)
{
    size_t size = (size_t)s->l.package->parts[1].size + 28;
    AUTO(mem_free) char *content = mem_dup(part_at(s, 1), size);
    AUTO(mem_free)
    char *head =
        mem_printf("Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: "
                   "base64\r\nContent-ID: <%s>",
                   s->l.package->parts[1].content_id);
    AUTO(buf_free) struct buf text = BUF_INIT(4096);

    drop_part(s);
    base64_add(&text, content, size);
    buf_adds(&text, junk);
    before_close(s, head, text.data, text.len);
}

static void base64_part(struct scene *s)
{
    as_base64(s, "\r\n");
}

static void base64_junk(struct scene *s)
{
    as_base64(s, "*!");
}

static void empty_part(struct scene *s)
{
    letter_two_parts(&s->l);
    letter_add(&s->l, "application/pdf", "", AS4_COMPRESS_NO);
}

static void two_parts(struct scene *s)
{
    letter_two_parts(&s->l);
}

static void large_root(struct scene *s)
{
    AUTO(buf_free) struct buf put = BUF_INIT(4u << 20);

    buf_adds(&put, "<!--");
    memset(buf_room(&put, 1u << 20), 'x', 1u << 20);
    buf_added(&put, 1u << 20);
    buf_adds(&put, "--><eb:UserMessage>");
    assert_true(edit(&s->l.wire, "<eb:UserMessage>", buf_str(&put)));
}

static void deep(struct scene *s)
{
    AUTO(buf_free) struct buf put = BUF_INIT(4u << 20);

    for (int i = 0; i < 65; i++)
        buf_adds(&put, i == 0 ? "<x xmlns='u:x'>" : "<x>");
    for (int i = 0; i < 65; i++)
        buf_adds(&put, "</x>");
    buf_adds(&put, "<wsse:Security ");
    assert_true(edit(&s->l.wire, "<wsse:Security ", buf_str(&put)));
}

static void many_nodes(struct scene *s)
{
    AUTO(buf_free) struct buf put = BUF_INIT(4u << 20);

    buf_adds(&put, "<x xmlns='u:x'>");
    for (int i = 0; i < 20001; i++)
        buf_adds(&put, "<y/>");
    buf_adds(&put, "</x><wsse:Security ");
    assert_true(edit(&s->l.wire, "<wsse:Security ", buf_str(&put)));
}

/* --- compression ------------------------------------------------------------------------------- */

static void pack(const void *data, size_t len, struct buf *out)
{
    AUTO(source_free) struct source *from = source_of_memory(data, len);
    struct buf_sink sink = sink_of_buf(out);
    struct err err = { 0 };

    assert_true(gzip_pack(from, &sink.sink, &err));
}

/* A signed, encrypted part that claims to be gzip. */
static void send_gzip(struct scene *s, const struct buf *octets)
{
    size_t i = s->l.part_count++;

    s->l.owned[i] = source_of_copy(octets->data, octets->len);
    s->l.parts[i] = (struct as4_part_spec){ .octets = s->l.owned[i],
                                            .compress = AS4_COMPRESSED,
                                            .mime_type = "application/xml" };
}

static void good_gzip(struct scene *s)
{
    AUTO(buf_free) struct buf gz = BUF_INIT(4096);

    pack("hello", 5, &gz);
    send_gzip(s, &gz);
}

static void zeros(struct scene *s)
{
    AUTO(buf_free) struct buf gz = BUF_INIT(1u << 20);
    AUTO(mem_free) char *many = mem_alloc(8u << 20);

    pack(many, 8u << 20, &gz);
    send_gzip(s, &gz);
}

static void gzip_twice(struct scene *s)
{
    AUTO(buf_free) struct buf gz = BUF_INIT(4096);
    AUTO(buf_free) struct buf twice = BUF_INIT(4096);

    pack("hello", 5, &gz);
    pack(gz.data, gz.len, &twice);
    send_gzip(s, &twice);
}

static void two_members(struct scene *s)
{
    AUTO(buf_free) struct buf gz = BUF_INIT(4096);

    pack("hello", 5, &gz);
    pack("hello", 5, &gz);
    send_gzip(s, &gz);
}

static void after_trailer(struct scene *s)
{
    AUTO(buf_free) struct buf gz = BUF_INIT(4096);

    pack("hello", 5, &gz);
    buf_addc(&gz, 'x');
    send_gzip(s, &gz);
}

static void wrong_crc(struct scene *s)
{
    AUTO(buf_free) struct buf gz = BUF_INIT(4096);

    pack("hello", 5, &gz);
    gz.data[gz.len - 8] ^= 1;
    send_gzip(s, &gz);
}

static void wrong_length(struct scene *s)
{
    AUTO(buf_free) struct buf gz = BUF_INIT(4096);

    pack("hello", 5, &gz);
    gz.data[gz.len - 1] ^= 1;
    send_gzip(s, &gz);
}

static void truncated_gzip(struct scene *s)
{
    AUTO(buf_free) struct buf gz = BUF_INIT(4096);

    pack("hello", 5, &gz);
    gz.len -= 9;
    send_gzip(s, &gz);
}

static void raw_deflate(struct scene *s)
{
    AUTO(buf_free) struct buf gz = BUF_INIT(4096);
    AUTO(buf_free) struct buf raw = BUF_INIT(4096);

    pack("hello", 5, &gz);
    buf_add(&raw, gz.data + 10, gz.len - 18);
    send_gzip(s, &raw);
}

static void zlib_form(struct scene *s)
{
    AUTO(buf_free) struct buf octets = BUF_INIT(64);

    buf_add(&octets, "\x78\x9c\xcb\x48\xcd\xc9\xc9\x07\x00\x06\x2c\x02\x15", 13);
    send_gzip(s, &octets);
}

/* 300 kB of noise twice: each under its cap, together over the message's. */
static void part_cap(struct scene *s)
{
    AUTO(buf_free) struct buf gz = BUF_INIT(1u << 20);
    AUTO(mem_free) char *noise = mem_alloc(300000);

    random_octets(noise, 300000);
    pack(noise, 300000, &gz);
    send_gzip(s, &gz);
    s->r.pmodes[0].part_max = 299999;
}

static void message_cap(struct scene *s)
{
    part_cap(s);
    part_cap(s);
    s->r.pmodes[0].part_max = 300000;
    s->r.pmodes[0].inflated_max = 599999;
}

static void message_cap_met(struct scene *s)
{
    message_cap(s);
    s->r.pmodes[0].inflated_max = 600000;
}

/* --- header and replay ------------------------------------------------------------------------- */

static void strict(struct scene *s)
{
    letter_two_parts(&s->l);
    s->r.pmodes[0].strict_mime_type = true;
}

/* EncryptedData is not signed: its label can say anything that is octets to the signature. */
static void other_label(struct scene *s)
{
    char *at = memmem(s->l.wire.data, s->l.wire.len,
                      "MimeType=\"application/octet-stream\"", 35);

    assert_non_null(at);
    assert_true(edit(&s->l.wire, "MimeType=\"application/octet-stream\"",
                     "MimeType=\"image/gif\""));
}

static void understood(struct scene *s)
{
    assert_true(edit(&s->l.wire, "<wsse:Security ",
                     "<x xmlns=\"u:x\" env:mustUnderstand=\"1\"/><wsse:Security "));
}

static void pull(struct scene *s)
{
    AUTO(mem_free) char *user = NULL;
    char *from = memmem(s->l.wire.data, s->l.wire.len, "<eb:UserMessage>", 16);
    char *to = memmem(s->l.wire.data, s->l.wire.len, "</eb:UserMessage>", 17);

    user = mem_strndup(from, (size_t)(to - from) + 17);
    assert_true(
        edit(&s->l.wire, user,
             "<eb:SignalMessage><eb:MessageInfo><eb:Timestamp>2026-11-24T00:00:00Z"
             "</eb:Timestamp><eb:MessageId>a@b</eb:MessageId></eb:MessageInfo>"
             "<eb:PullRequest/></eb:SignalMessage>"));
}

static void too_old(struct scene *s)
{
    s->r.gate.now_ms = NOW - SECOND + PMODE_PAST_MAX_MS + 1;
}

static void old_enough(struct scene *s)
{
    s->r.gate.now_ms = NOW - SECOND + PMODE_PAST_MAX_MS;
}

static void too_new(struct scene *s)
{
    s->r.gate.now_ms = NOW - SECOND - PMODE_FUTURE_MAX_MS - 1;
}

static void new_enough(struct scene *s)
{
    s->r.gate.now_ms = NOW - SECOND - PMODE_FUTURE_MAX_MS;
}

static void busy(struct scene *s)
{
    s->r.known = AS4_KNOWN_BUSY;
}

static void store_away(struct scene *s)
{
    s->r.known = AS4_KNOWN_FAILED;
}

static void other_content(struct scene *s)
{
    s->r.remembers = true;
    snprintf(s->r.message_id, sizeof s->r.message_id, "%s", s->l.package->message_id);
}

static void flip_tag_500(struct scene *s)
{
    s->r.pmodes[0].error_status = 500;
    flip_tag(s);
}

/* clang-format off */
static struct attack attacks[] = {
    { "nothing changed", two_parts, NULL, NULL, NULL, 0 },
    { "bit in the ciphertext", two_parts, flip_ciphertext, "EBMS:0102", "as4.tag", 200 },
    { "bit in the IV", two_parts, flip_iv, "EBMS:0102", "as4.tag", 200 },
    { "bit in the tag", two_parts, flip_tag, "EBMS:0102", "as4.tag", 200 },
    { "part of 27 octets", two_parts, short_part, "EBMS:0102", "as4.tag", 200 },
    { "part of no octet", two_parts, no_part_octets, "EBMS:0102", "as4.tag", 200 },
    { "tag cut", two_parts, cut_tag, "EBMS:0102", "as4.tag", 200 },
    { "late bit in a large part", add_big, flip_late, "EBMS:0102", "as4.tag", 200 },
    { "garbage for a key", two_parts, garbage_key, "EBMS:0102", "as4.tag", 200 },
    { "another key", two_parts, other_key, "EBMS:0102", "as4.tag", 200 },
    { "a key of 32 octets for AES-128", two_parts, long_key, "EBMS:0102", "as4.tag", 200 },
    { "key under another's certificate", two_parts, key_for_another, "EBMS:0102", "as4.tag", 200 },
    { "key under a label", two_parts, labelled_key, "EBMS:0102", "as4.tag", 200 },
    { "not our certificate", two_parts, not_our_certificate, "EBMS:0102", "pki.no-such-cert", 200 },
    { "digest of other octets", two_parts, other_plain, "EBMS:0102", "xmlsig.digest", 200 },
    { "the same with status 500", two_parts, flip_tag_500, "EBMS:0102", "as4.tag", 500 },

    { "expired certificate", expired_key, NULL, "EBMS:0101", "pki.expired", 200 },
    { "ECDSA", ec_key, NULL, NULL, NULL, 0 },
    { "ECDSA in DER", ec_key, der_signature, "EBMS:0101", "xmlsig.value", 200 },
    { "PKIPath", pkipath, NULL, NULL, NULL, 0 },
    { "PKIPath in wrong order", pkipath, turn_path, "EBMS:0101", "pki.path-form", 200 },
    { "SKI of nobody", ski, other_ski, "EBMS:0101", "pki.no-such-cert", 200 },
    { "SKI where BST is agreed", ski_against_bst, NULL, "EBMS:0103", "sec.policy", 200 },

    { "no close delimiter", two_parts, no_close, "EBMS:0007", "mime.no-close", 400 },
    { "boundary too long", two_parts, long_boundary, "EBMS:0007", "mime.boundary", 400 },
    { "start to nowhere", two_parts, start_nowhere, "EBMS:0007", "mime.start", 400 },
    { "no start, other letters, no quotes", two_parts, bare_type, NULL, NULL, 0 },
    { "root without Content-ID", two_parts, no_root_id, NULL, NULL, 0 },
    { "root part text/xml", two_parts, root_of_soap11, "EBMS:0008", "soap.version", 400 },
    { "another media type", two_parts, no_media, "EBMS:0008", "as4.media", 415 },
    { "18 headers", two_parts, many_headers, "EBMS:0007", "mime.too-many-headers", 400 },
    { "8 KiB of headers", two_parts, long_header, "EBMS:0007", "mime.headers-too-large", 400 },
    { "header without colon", two_parts, no_colon, "EBMS:0007", "mime.header", 400 },
    { "NUL in a header", two_parts, nul_in_header, "EBMS:0007", "mime.nul", 400 },
    { "Content-ID twice, brackets apart", two_parts, duplicate_id, "EBMS:0007", "mime.duplicate-id", 400 },
    { "Content-ID without brackets", two_parts, id_without_brackets, NULL, NULL, 0 },
    { "transfer encoding x-gzip", two_parts, zip_encoding, "EBMS:0007", "mime.encoding", 400 },
    { "nested multipart", two_parts, nested, "EBMS:0007", "mime.nested", 400 },
    { "stray part", two_parts, stray_part, "EBMS:0007", "mime.stray-part", 200 },
    { "stray part without id", two_parts, stray_without_id, "EBMS:0007", "mime.stray-part", 200 },
    { "34 parts", two_parts, too_many_parts, "EBMS:0007", "mime.too-many-parts", 0 },
    { "part missing", two_parts, drop_part, "EBMS:0011", "eb.payload", 200 },
    { "parts in other order", two_parts, turn_parts, NULL, NULL, 0 },
    { "base64 part", two_parts, base64_part, NULL, NULL, 0 },
    { "base64 with junk", two_parts, base64_junk, "EBMS:0007", "mime.base64", 400 },
    { "empty part", empty_part, NULL, NULL, NULL, 0 },
    { "root part over 1 MiB", two_parts, large_root, "EBMS:0009", "xml.too-large", 400 },
    { "65 levels", two_parts, deep, "EBMS:0009", "xml.too-deep", 400 },
    { "20,001 nodes", two_parts, many_nodes, "EBMS:0009", "xml.too-many-nodes", 400 },

    { "gzip made elsewhere", good_gzip, NULL, NULL, NULL, 0 },
    { "zeros", zeros, NULL, "EBMS:0303", "gzip.ratio", 200 },
    { "gzip in gzip, unpacked once", gzip_twice, NULL, NULL, NULL, 0 },
    { "two members", two_members, NULL, "EBMS:0303", "gzip.trailing", 200 },
    { "octet behind the trailer", after_trailer, NULL, "EBMS:0303", "gzip.trailing", 200 },
    { "wrong checksum", wrong_crc, NULL, "EBMS:0303", "gzip.damaged", 200 },
    { "wrong length", wrong_length, NULL, "EBMS:0303", "gzip.damaged", 200 },
    { "truncated gzip", truncated_gzip, NULL, "EBMS:0303", "gzip.truncated", 200 },
    { "raw deflate", raw_deflate, NULL, "EBMS:0303", "gzip.not-gzip", 200 },
    { "zlib", zlib_form, NULL, "EBMS:0303", "gzip.not-gzip", 200 },
    { "part over its cap", part_cap, NULL, "EBMS:0303", "gzip.too-large", 200 },
    { "parts over the message's cap", message_cap, NULL, "EBMS:0303", "gzip.too-large", 200 },
    { "parts that meet the cap", message_cap_met, NULL, NULL, NULL, 0 },

    { "other label, strict", strict, other_label, "EBMS:0003", "eb.value", 200 },
    { "other label, not strict", two_parts, other_label, NULL, NULL, 0 },
    { "block that must be understood", two_parts, understood, "EBMS:0009", "soap.must-understand", 500 },
    { "pull request", two_parts, pull, "EBMS:0002", "eb.feature", 200 },
    { "older than 90 days", two_parts, too_old, "EBMS:0003", "eb.value", 200 },
    { "90 days old", two_parts, old_enough, NULL, NULL, 0 },
    { "more than an hour ahead", two_parts, too_new, "EBMS:0003", "eb.value", 200 },
    { "an hour ahead", two_parts, new_enough, NULL, NULL, 0 },
    { "a copy is being taken", two_parts, busy, "EBMS:0004", "as4.busy", 503 },
    { "the store is away", two_parts, store_away, "EBMS:0004", "test.store", 503 },
    { "same id, other content", two_parts, other_content, "EBMS:0004", "as4.id-reused", 200 },
};
/* clang-format on */

static void scene_init(struct scene *s)
{
    *s = (struct scene){ 0 };
    letter_init(&s->l);
    receiver_init(&s->r, GW_B);
}

static void scene_free(struct scene *s)
{
    receiver_free(&s->r);
    letter_free(&s->l);
    mem_free(&s->owned_type);
}

static void prepare(struct scene *s, const struct attack *row)
{
    scene_init(s);
    row->before(s);
    letter_pack(&s->l);
    if (row->after != NULL)
        row->after(s);
}

static void receive_scene(struct scene *s, struct as4_inbound *in)
{
    const char *type =
        s->content_type != NULL ? s->content_type : s->l.package->content_type;

    receive_wire(&s->r, s->l.wire.data, s->l.wire.len, type, in);
}

static void test_attack(void **state)
{
    const struct attack *row = *state;
    struct as4_inbound in;
    struct scene s;

    prepare(&s, row);
    receive_scene(&s, &in);
    if (row->ebms == NULL && in.verdict != AS4_TAKEN)
        fail_msg("%s: %s", in.refusal.local.code, in.refusal.local.text);
    if (row->ebms != NULL) {
        assert_int_equal(in.verdict, AS4_REFUSED);
        if (strcmp(as4_fault(in.refusal.code)->code, row->ebms) != 0 ||
            strcmp(in.refusal.local.code, row->local) != 0)
            fail_msg("%s for %s: %s", as4_fault(in.refusal.code)->code,
                     in.refusal.local.code, in.refusal.local.text);
        if (row->http_status != 0)
            assert_int_equal(in.refusal.http_status, row->http_status);
    }
    as4_inbound_free(&in);
    scene_free(&s);
}

/* --- one answer for every failure of decryption -------------------------------------------------- */

/* Ids and times are the only things that differ. */
static void blank_out(char *text, const char *from, const char *to)
{
    char *at = text;

    while ((at = strstr(at, from)) != NULL) {
        char *end;

        at += strlen(from);
        end = strstr(at, to);
        memset(at, '.', (size_t)(end - at));
    }
}

static char *answer_to(const struct attack *row)
{
    AUTO(as4_answer_free) struct as4_answer answer = { 0 };
    struct err err = { 0 };
    struct as4_inbound in;
    struct scene s;
    char *text;

    prepare(&s, row);
    receive_scene(&s, &in);
    assert_int_equal(in.verdict, AS4_REFUSED);
    assert_true(in.refusal.sender_known);
    assert_true(as4_fault_answer(&in.refusal, NULL, "gw-b.example", NOW, &answer, &err));
    text = mem_printf("%d %s %s", answer.http_status, answer.content_type,
                      buf_str(&answer.body));
    blank_out(text, "MessageId>", "@");
    blank_out(text, "refToMessageInError=\"", "@");
    blank_out(text, "wsu:Id=\"", "\"");
    as4_inbound_free(&in);
    scene_free(&s);
    return text;
}

static void test_one_answer_for_all(void **state)
{
    AUTO(mem_free) char *first = NULL;
    unsigned compared = 0;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(attacks); i++) {
        AUTO(mem_free) char *text = NULL;

        if (!text_eq(attacks[i].ebms, "EBMS:0102") || attacks[i].http_status != 200)
            continue;
        text = answer_to(&attacks[i]);
        if (first == NULL)
            first = TAKE(text);
        else
            assert_string_equal(text, first);
        compared++;
    }
    assert_true(compared >= 13);
}

/* The private key works for nobody whose signature does not hold. */
static bool no_unwrap(struct signer *s, const char *key, struct oaep oaep,
                      const void *wrapped, size_t wrapped_len, void *out, size_t out_len,
                      bool *ret_genuine, struct err *err)
{
    (void)s, (void)key, (void)oaep, (void)wrapped, (void)wrapped_len, (void)out,
        (void)out_len;
    (void)ret_genuine;
    err_set(err, ERR_BUG, "test.unwrap", "the key was used");
    fail_msg("the key was used before the signature was checked");
    return false;
}

static void test_no_key_before_the_gate(void **state)
{
    static const struct signer_ops ops = { .unwrap = no_unwrap };
    struct signer guard = { &ops };
    struct as4_inbound in;
    struct scene s;

    (void)state;
    scene_init(&s);
    letter_two_parts(&s.l);
    letter_pack(&s.l);
    s.r.gate.signer = &guard;
    assert_true(edit(&s.l.wire, "case-1", "case-2"));
    receive_scene(&s, &in);
    assert_int_equal(in.verdict, AS4_REFUSED);
    assert_int_equal(in.refusal.code, AS4_FAILED_AUTHENTICATION);
    assert_int_equal(s.r.asked, 0);
    as4_inbound_free(&in);
    scene_free(&s);
}

/* --- a signed Timestamp ------------------------------------------------------------------------- */

#define TIMESTAMP(until) \
    "<wsu:Timestamp " \
    "wsu:Id=\"TS\"><wsu:Created>2026-11-24T00:00:00Z</wsu:Created><wsu:Expires>" until \
    "</wsu:Expires></wsu:Timestamp></wsse:Security>"

static void signed_timestamp(struct scene *s, const char *timestamp)
{
    const char *open = "<ds:Reference URI=\"#";
    char *from = memmem(s->l.wire.data, s->l.wire.len, open, strlen(open));
    AUTO(mem_free)
    char *one = mem_strndup(from, (size_t)(strstr(from, "</ds:Reference>") - from) + 15);
    AUTO(buf_free) struct buf two = BUF_INIT(4096);
    AUTO(buf_free) struct buf put = BUF_INIT(4096);

    buf_adds(&two, open);
    buf_adds(&two, "TS");
    buf_adds(&two, strchr(one + strlen(open), '"'));
    buf_adds(&put, one);
    buf_adds(&put, two.data);
    assert_true(edit(&s->l.wire, one, buf_str(&put)));
    assert_true(edit(&s->l.wire, "</wsse:Security>", timestamp));
    resign(&s->l.wire, gateways[GW_A].keys[KEY_SIGN_2048]);
}

static void timestamp_case(const char *timestamp, bool agreed, enum as4_verdict want)
{
    struct as4_inbound in;
    struct scene s;

    scene_init(&s);
    letter_two_parts(&s.l);
    letter_pack(&s.l);
    signed_timestamp(&s, timestamp);
    s.r.pmodes[0].security.extra_signed_accept = agreed;
    receive_scene(&s, &in);
    assert_int_equal(in.verdict, want);
    if (want == AS4_REFUSED) {
        assert_int_equal(in.refusal.code, AS4_FAILED_AUTHENTICATION);
        assert_string_equal(in.refusal.local.code, "sec.grammar");
    }
    as4_inbound_free(&in);
    scene_free(&s);
}

static void test_signed_timestamp(void **state)
{
    (void)state;
    timestamp_case(TIMESTAMP("2026-11-24T00:05:00Z"), true, AS4_TAKEN);
    timestamp_case(TIMESTAMP("2026-11-24T00:05:00Z"), false, AS4_REFUSED);
    timestamp_case(TIMESTAMP("2026-11-23T23:59:59Z"), true, AS4_REFUSED);
    timestamp_case(TIMESTAMP("soon"), true, AS4_REFUSED);
}

/* --- replay ------------------------------------------------------------------------------------- */

static void remember(struct scene *s, const struct as4_inbound *in)
{
    s->r.remembers = true;
    snprintf(s->r.message_id, sizeof s->r.message_id, "%s",
             in->message->user->message_id);
    memcpy(s->r.fingerprint, in->message->fingerprint, AS4_FINGERPRINT);
}

static void test_same_message_again(void **state)
{
    struct as4_inbound in;
    struct scene s;

    (void)state;
    scene_init(&s);
    letter_two_parts(&s.l);
    letter_pack(&s.l);
    receive_scene(&s, &in);
    assert_int_equal(in.verdict, AS4_TAKEN);
    remember(&s, &in);
    as4_inbound_free(&in);
    for (int i = 0; i < 2; i++) {
        receive_scene(&s, &in);
        assert_int_equal(in.verdict, AS4_DUPLICATE);
        assert_null(in.message);
        assert_string_equal(buf_str(&in.receipt), "the stored receipt");
        assert_string_equal(in.message_id, s.r.message_id);
        as4_inbound_free(&in);
    }
    scene_free(&s);
}

static void test_resigned_retry(void **state)
{
    struct as4_inbound in;
    struct scene s;

    (void)state;
    scene_init(&s);
    letter_two_parts(&s.l);
    letter_pack(&s.l);
    other_content(&s);
    receive_scene(&s, &in);
    assert_int_equal(in.verdict, AS4_REFUSED);
    assert_non_null(in.refusal.detail);
    as4_inbound_free(&in);
    s.r.pmodes[0].resigned_retry_accept = true;
    receive_scene(&s, &in);
    assert_int_equal(in.verdict, AS4_DUPLICATE);
    as4_inbound_free(&in);
    scene_free(&s);
}

static void test_stray_signal_gets_no_error(void **state)
{
    static const char *const bodies[] = { "example-8/receipt.xml",
                                          "example-8/error.xml" };
    struct receiver r;

    (void)state;
    receiver_init(&r, GW_B);
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        AUTO(buf_free) struct buf text = BUF_INIT(1u << 20);
        struct as4_inbound in;

        load_golden(bodies[i], &text);
        receive_wire(&r, text.data, text.len, "application/soap+xml; charset=UTF-8", &in);
        assert_int_equal(in.verdict, AS4_SILENT);
        as4_inbound_free(&in);
        assert_true(edit(&text, "<eb:Timestamp>", "<eb:Wrong/><eb:Timestamp>"));
        receive_wire(&r, text.data, text.len, "application/soap+xml", &in);
        assert_int_equal(in.verdict, AS4_SILENT);
        as4_inbound_free(&in);
    }
    receiver_free(&r);
}

/* Hostile octets: never taken, never a crash. */
static void test_random_octets(void **state)
{
    uint64_t dice = 20261124;
    struct as4_inbound in;
    struct scene s;

    (void)state;
    scene_init(&s);
    letter_two_parts(&s.l);
    letter_pack(&s.l);
    for (int i = 0; i < 300; i++) {
        AUTO(mem_free) char *copy = mem_dup(s.l.wire.data, s.l.wire.len);

        for (int j = 0; j < 3; j++) {
            dice = dice * 6364136223846793005u + 1442695040888963407u;
            copy[(dice >> 20) % s.l.wire.len] ^= (char)(1u << (dice >> 61));
        }
        receive_wire(&s.r, copy, s.l.wire.len, s.l.package->content_type, &in);
        if (in.verdict ==
            AS4_TAKEN) /* only what nobody signs or reads may have changed */
            assert_true(as4_digests_equal(&in.message->digests, &s.l.package->digests));
        as4_inbound_free(&in);
        source_free(&s.r.body);
    }
    scene_free(&s);
}

int main(void)
{
    struct CMUnitTest tests[COUNT_OF(attacks) + 7] = {
        cmocka_unit_test(test_one_answer_for_all),
        cmocka_unit_test(test_no_key_before_the_gate),
        cmocka_unit_test(test_same_message_again),
        cmocka_unit_test(test_resigned_retry),
        cmocka_unit_test(test_stray_signal_gets_no_error),
        cmocka_unit_test(test_random_octets),
        cmocka_unit_test(test_signed_timestamp),
    };

    for (size_t i = 0; i < COUNT_OF(attacks); i++)
        tests[i + 7] = (struct CMUnitTest){ .name = attacks[i].name,
                                            .test_func = test_attack,
                                            .initial_state = &attacks[i] };
    return cmocka_run_group_tests(tests, as4_setup, as4_teardown);
}

/*
 * mime_part.c - one part: its headers read and judged, its content opened, its head written.
 *
 * Headers we do not know are kept and mean nothing (senders add Content-Description and the
 * like). What would change where the content is or what it is - nesting, messages, a location
 * to resolve, a transfer encoding that is not the identity or base64 - is refused by name.
 */
#include "format/mime.h"

#include <inttypes.h>
#include <string.h>

#include "base/body.h"
#include "base/buf.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/mime_private.h"

/* --- headers ----------------------------------------------------------------------------- */

void mime_part_free(struct mime_part *part)
{
    for (size_t i = 0; i < part->header_count; i++) {
        mem_free(&part->headers[i].name);
        mem_free(&part->headers[i].value);
    }
    mem_free(&part->headers);
    mime_type_free(&part->type);
    mem_free(&part->id);
    *part = (struct mime_part){ 0 };
}

const char *mime_part_header(const struct mime_part *part, const char *name)
{
    for (size_t i = 0; i < part->header_count; i++)
        if (str_is_nocase(str_of(part->headers[i].name), name))
            return part->headers[i].value;
    return NULL;
}

char *mime_id_normal(const char *id)
{
    struct str s = str_trim(str_of(id));

    if (s.len >= 2 && s.ptr[0] == '<' && s.ptr[s.len - 1] == '>')
        s = str_trim((struct str){ s.ptr + 1, s.len - 2 });
    return mem_strndup(s.ptr, s.len);
}

/* One line without its end; CRLF or LF. */
static bool next_line(struct str *rest, struct str *ret)
{
    if (rest->len == 0 || !str_next(rest, '\n', ret))
        return false;
    if (ret->len > 0 && ret->ptr[ret->len - 1] == '\r')
        ret->len--;
    return true;
}

static bool is_folded(struct str rest)
{
    return rest.len > 0 && (rest.ptr[0] == ' ' || rest.ptr[0] == '\t');
}

static bool header_error(struct err *err)
{
    return err_set(err, ERR_REJECT, "mime.header",
                   "a part has a header line without a name and a colon");
}

/* A field name is one or more printable ASCII characters, no blank before the colon. */
static bool is_name(struct str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] <= ' ' || name.ptr[i] >= 0x7F)
            return false;
    return name.len > 0;
}

static bool add_header(struct mime_part *part, struct str line, struct str *rest,
                       const struct mime_limits *limits, struct err *err)
{
    AUTO(buf_free) struct buf value = BUF_INIT(limits->header_octets);
    struct mime_header *header;
    struct str name, text = line;

    if (part->header_count == limits->headers)
        return err_set(err, ERR_REJECT, "mime.too-many-headers",
                       "a part has over %u headers", limits->headers);
    if (!str_next(&text, ':', &name) || text.ptr == NULL || !is_name(name))
        return header_error(err);
    text = str_trim(text);
    buf_add(&value, text.ptr, text.len);
    while (is_folded(*rest) && next_line(rest, &line)) {
        text = str_trim(line);
        if (text.len > 0)
            buf_addf(&value, " " STR_FMT, STR_ARG(text));
    }
    header = &part->headers[part->header_count++];
    header->name = mem_strndup(name.ptr, name.len);
    header->value = buf_detach(&value);
    return true;
}

static bool read_headers(struct str text, const struct mime_limits *limits,
                         struct mime_part *part, struct err *err)
{
    struct str rest = text, line;

    part->headers = mem_array(limits->headers, sizeof *part->headers);
    while (next_line(&rest, &line))
        if (line.len > 0 && !add_header(part, line, &rest, limits, err))
            return false;
    return true;
}

/* The three that decide how a part is read may stand once each. */
static bool check_single(const struct mime_part *part, struct err *err)
{
    static const char *const single[] = { "content-type", "content-id",
                                          "content-transfer-encoding" };

    for (size_t i = 0; i < COUNT_OF(single); i++) {
        unsigned count = 0;

        for (size_t j = 0; j < part->header_count; j++)
            count += str_is_nocase(str_of(part->headers[j].name), single[i]);
        if (count > 1)
            return err_set(err, ERR_REJECT, "mime.header", "a part has %u headers %s",
                           count, single[i]);
    }
    return true;
}

static bool take_encoding(struct mime_part *part, struct err *err)
{
    static const char *const identity[] = { "binary", "8bit", "7bit", "" };
    struct str encoding = str_of(mime_part_header(part, "content-transfer-encoding"));

    part->base64 = str_is_nocase(encoding, "base64");
    for (size_t i = 0; i < COUNT_OF(identity); i++)
        if (str_is_nocase(encoding, identity[i]))
            return true;
    return part->base64 ||
           err_set(
               err, ERR_REJECT, "mime.encoding",
               "a part has a Content-Transfer-Encoding other than binary, 8bit, 7bit and "
               "base64");
}

static bool take_type(struct mime_part *part, struct err *err)
{
    const char *type = mime_part_header(part, "content-type");

    if (type == NULL) {
        part->type.type = mem_strdup("");
        return true;
    }
    if (!mime_type_parse(type, &part->type, err))
        return false;
    if (text_starts(part->type.type, "multipart/") ||
        text_starts(part->type.type, "message/"))
        return err_set(err, ERR_REJECT, "mime.nested",
                       "a part is itself a multipart or a message");
    return true;
}

bool mime_part_headers(struct str text, const struct mime_limits *limits,
                       struct mime_part *part, struct err *err)
{
    const char *id;

    if (memchr(text.ptr, '\0', text.len) != NULL)
        return err_set(err, ERR_REJECT, "mime.nul", "a part's headers hold a NUL octet");
    if (!read_headers(text, limits, part, err) || !check_single(part, err) ||
        !take_type(part, err) || !take_encoding(part, err))
        return false;
    if (mime_part_header(part, "content-location") != NULL)
        return err_set(
            err, ERR_REJECT, "mime.location",
            "a part has a Content-Location; parts are named by Content-ID only");
    id = mime_part_header(part, "content-id");
    if (id != NULL)
        part->id = mime_id_normal(id);
    return true;
}

/* --- content ----------------------------------------------------------------------------- */

/* The decoded view of a base64 part. */
struct base64_source {
    struct source source;
    const struct source *body;
    uint64_t offset, length;
};

struct base64_reader {
    struct reader reader;
    struct source *range;
    struct reader *inner;
    struct buf text;  /* characters that make no group of four yet */
    struct buf ready; /* decoded, not yet handed on */
    bool padded;
};

static bool junk(struct err *err)
{
    return err_set(err, ERR_REJECT, "mime.base64", "something stands behind the padding");
}

/* Takes white space out. Behind padding nothing may follow. */
static bool keep_characters(struct base64_reader *b, const char *piece, size_t len,
                            struct err *err)
{
    for (size_t i = 0; i < len; i++) {
        if (memchr(" \t\r\n", piece[i], 4) != NULL)
            continue;
        if (b->padded && piece[i] != '=')
            return junk(err);
        b->padded = b->padded || piece[i] == '=';
        buf_addc(&b->text, piece[i]);
    }
    return buf_check(&b->text, "base64", err);
}

static bool decode_groups(struct base64_reader *b, bool last, struct err *err)
{
    size_t len = last ? b->text.len : b->text.len / 4 * 4;

    if (!base64_decode(buf_str(&b->text), len, &b->ready, err)) {
        err->code = "mime.base64";
        return false;
    }
    buf_remove_head(&b->text, len);
    return true;
}

static bool fill(struct base64_reader *b, bool *ret_end, struct err *err)
{
    char piece[4096];
    size_t got;

    if (!reader_read(b->inner, piece, sizeof piece, &got, err) ||
        !keep_characters(b, piece, got, err) || !decode_groups(b, got == 0, err))
        return err_context(err, "reading a base64 part");
    *ret_end = got == 0;
    return true;
}

static bool base64_read(struct reader *r, void *out, size_t len, size_t *ret_got,
                        struct err *err)
{
    struct base64_reader *b = (struct base64_reader *)r;
    bool end = false;

    while (b->ready.len == 0 && !end)
        if (!fill(b, &end, err))
            return false;
    if (len > b->ready.len)
        len = b->ready.len;
    memcpy(out, buf_str(&b->ready), len);
    buf_remove_head(&b->ready, len);
    *ret_got = len;
    return true;
}

static void base64_close(struct reader **r)
{
    struct base64_reader *b = (struct base64_reader *)*r;

    reader_close(&b->inner);
    source_free(&b->range);
    buf_free(&b->text);
    buf_free(&b->ready);
    mem_free(r);
}

static bool base64_open(const struct source *s, struct reader **ret, struct err *err)
{
    const struct base64_source *of = (const struct base64_source *)s;
    struct base64_reader *b = mem_alloc(sizeof *b);
    AUTO(reader_close) struct reader *made = &b->reader;

    *b = (struct base64_reader){
        .reader = { base64_read, base64_close },
        .range = source_of_range(of->body, of->offset, of->length),
        .text = BUF_SECRET_INIT(8192),
        .ready = BUF_SECRET_INIT(8192),
    };
    if (!source_open(b->range, &b->inner, err))
        return false;
    *ret = TAKE(made);
    return true;
}

static void base64_free(struct source **s)
{
    mem_free(s);
}

static bool count_octets(struct source *s, struct err *err)
{
    AUTO(reader_close) struct reader *r = NULL;
    char piece[4096];
    size_t got = 1;

    if (!source_open(s, &r, err))
        return false;
    while (got > 0) {
        if (!reader_read(r, piece, sizeof piece, &got, err))
            return false;
        s->size += got;
    }
    return true;
}

struct source *mime_part_open(const struct source *body, const struct mime_part *part,
                              struct err *err)
{
    AUTO(source_free) struct source *made = NULL;
    struct base64_source *s;

    if (!part->base64)
        return source_of_range(body, part->offset, part->length);
    s = mem_alloc(sizeof *s);
    *s = (struct base64_source){
        { base64_open, base64_free, 0 }, body, part->offset, part->length
    };
    made = &s->source;
    return count_octets(made, err) ? TAKE(made) : NULL;
}

/* --- writing ----------------------------------------------------------------------------- */

void mime_boundary_make(char out[MIME_BOUNDARY_TEXT])
{
    unsigned char octets[16];
    AUTO(buf_free) struct buf hex = BUF_INIT(32);

    random_octets(octets, sizeof octets);
    hex_add(&hex, octets, sizeof octets);
    memcpy(out, "MIMEBoundary-", 13);
    memcpy(out + 13, hex.data, 33);
}

void mime_type_add(struct buf *out, const char *root_type, const char *start_id,
                   const char *boundary)
{
    buf_addf(out, "multipart/related; type=\"%s\"; start=\"<%s>\"; boundary=\"%s\"",
             root_type, start_id, boundary);
}

void mime_part_head_add(struct buf *out, const char *boundary, bool first,
                        const char *content_type, const char *id)
{
    buf_addf(out,
             "%s--%s\r\nContent-Type: %s\r\nContent-Transfer-Encoding: binary\r\n"
             "Content-ID: <%s>\r\n\r\n",
             first ? "" : "\r\n", boundary, content_type, id);
}

void mime_close_add(struct buf *out, const char *boundary)
{
    buf_addf(out, "\r\n--%s--\r\n", boundary);
}

/*
 * name.c - reads a distinguished name from text and compares it with one in a certificate.
 *
 * Products write the same issuer in many ways, so the text is parsed into an X509_NAME and the
 * names are compared in OpenSSL's canonical form (all string types as UTF-8, letter case and
 * runs of blanks folded). RFC 2253 text begins with the last relative name, so the list is
 * built backwards. Values are kept as they are: no limits on the length of an attribute, since
 * the other side of the comparison has none.
 */
#include "pki/name.h"

#include <string.h>

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

#include "base/buf.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/str.h"

/* One attribute-value pair; `joined` with the pair before it in a multi-valued name ("+"). */
struct part {
    ASN1_OBJECT *type;
    int tag;
    size_t from, len; /* of the value, in the parser's buffer */
    bool joined;
};

struct parser {
    const char *at;
    struct buf values;
    struct part parts[NAME_PARTS_MAX];
    size_t count;
};

static void parser_free(struct parser *p)
{
    for (size_t i = 0; i < p->count; i++)
        ASN1_OBJECT_free(p->parts[i].type);
    buf_free(&p->values);
}

/* Names of attributes that differ between products, or from OpenSSL's own. */
static int nid_of(struct str name)
{
    static const struct {
        const char *name;
        int nid;
    } names[] = {
        { "CN", NID_commonName },
        { "C", NID_countryName },
        { "L", NID_localityName },
        { "ST", NID_stateOrProvinceName },
        { "S", NID_stateOrProvinceName },
        { "SP", NID_stateOrProvinceName },
        { "O", NID_organizationName },
        { "OU", NID_organizationalUnitName },
        { "STREET", NID_streetAddress },
        { "DC", NID_domainComponent },
        { "UID", NID_userId },
        { "E", NID_pkcs9_emailAddress },
        { "EMAIL", NID_pkcs9_emailAddress },
        { "EMAILADDRESS", NID_pkcs9_emailAddress },
        { "SERIALNUMBER", NID_serialNumber },
        { "SN", NID_surname },
        { "SURNAME", NID_surname },
        { "GN", NID_givenName },
        { "GIVENNAME", NID_givenName },
        { "T", NID_title },
        { "TITLE", NID_title },
        { "INITIALS", NID_initials },
        { "GENERATION", NID_generationQualifier },
        { "GENERATIONQUALIFIER", NID_generationQualifier },
        { "DNQ", NID_dnQualifier },
        { "DNQUALIFIER", NID_dnQualifier },
        { "POSTALCODE", NID_postalCode },
        { "PSEUDONYM", NID_pseudonym },
        { "ORGANIZATIONIDENTIFIER", NID_organizationIdentifier },
    };

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (str_is_nocase(name, names[i].name))
            return names[i].nid;
    return NID_undef;
}

static ASN1_OBJECT *type_of(struct str name)
{
    char text[128];
    int nid = nid_of(name);

    if (nid != NID_undef)
        return OBJ_nid2obj(nid);
    if (name.len > 4 && str_is_nocase((struct str){ name.ptr, 4 }, "OID."))
        name = (struct str){ name.ptr + 4, name.len - 4 };
    if (name.len == 0 || name.len >= sizeof text)
        return NULL;
    memcpy(text, name.ptr, name.len);
    text[name.len] = '\0';
    return OBJ_txt2obj(text, 0);
}

static void skip_blanks(struct parser *p)
{
    while (*p->at == ' ' || *p->at == '\t' || *p->at == '\r' || *p->at == '\n')
        p->at++;
}

static bool read_type(struct parser *p, struct part *part)
{
    const char *from;

    skip_blanks(p);
    from = p->at;
    p->at += strcspn(p->at, "=,;+\"\\# \t\r\n");
    part->type = type_of((struct str){ from, (size_t)(p->at - from) });
    skip_blanks(p);
    if (part->type == NULL || *p->at != '=')
        return false;
    p->at++;
    skip_blanks(p);
    return true;
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c == '\0' ? NULL : strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c);

    return at == NULL ? -1 : (int)(at - digits);
}

/* After a backslash: two hexadecimal digits, or any one character as it is. */
static bool read_escape(struct parser *p)
{
    int high = hex_digit(p->at[0]), low = high < 0 ? -1 : hex_digit(p->at[1]);

    if (high >= 0 && low >= 0) {
        p->at += 2;
        return buf_addc(&p->values, (char)(high << 4 | low));
    }
    return *p->at != '\0' && buf_addc(&p->values, *p->at++);
}

static bool read_quoted(struct parser *p)
{
    for (p->at++; *p->at != '"';) {
        if (*p->at == '\0')
            return false;
        if (*p->at == '\\' ? (p->at++, !read_escape(p)) : !buf_addc(&p->values, *p->at++))
            return false;
    }
    p->at++;
    return true;
}

/* Blanks at the end do not count unless they are escaped. */
static bool read_plain(struct parser *p)
{
    size_t kept = p->values.len;

    while (*p->at != '\0' && strchr(",;+", *p->at) == NULL) {
        bool blank = *p->at == ' ' || *p->at == '\t' || *p->at == '\r' || *p->at == '\n';

        if (*p->at == '"' || *p->at == '=')
            return false;
        if (*p->at == '\\' ? (p->at++, !read_escape(p)) : !buf_addc(&p->values, *p->at++))
            return false;
        if (!blank)
            kept = p->values.len;
    }
    p->values.len = kept;
    return true;
}

/* "#" and the hexadecimal octets of one DER string. */
static bool read_hex(struct parser *p, struct part *part)
{
    AUTO(buf_free) struct buf der = BUF_INIT(NAME_TEXT_MAX);
    size_t digits = strspn(++p->at, "0123456789abcdefABCDEF");
    const unsigned char *at;
    long len;
    int tag, class, flags;
    struct err ignored;

    if (digits == 0 || !hex_decode(p->at, digits, &der, &ignored))
        return false;
    p->at += digits;
    at = (const unsigned char *)der.data;
    flags = ASN1_get_object(&at, &len, &tag, &class, (long)der.len);
    if ((flags & (0x80 | V_ASN1_CONSTRUCTED)) != 0 || class != V_ASN1_UNIVERSAL ||
        (size_t)((const char *)at - der.data) + (size_t)len != der.len)
        return false;
    part->tag = tag;
    return buf_add(&p->values, at, (size_t)len) || len == 0;
}

static bool read_value(struct parser *p, struct part *part)
{
    bool good;

    part->tag = V_ASN1_UTF8STRING;
    part->from = p->values.len;
    if (*p->at == '#')
        good = read_hex(p, part);
    else if (*p->at == '"')
        good = read_quoted(p);
    else
        good = read_plain(p);
    part->len = p->values.len - part->from;
    skip_blanks(p);
    return good;
}

static bool read_name(struct parser *p)
{
    bool joined = false;

    for (;;) {
        struct part *part;

        if (p->count == NAME_PARTS_MAX)
            return false;
        part = &p->parts[p->count++];
        part->joined = joined;
        if (!read_type(p, part) || !read_value(p, part))
            return false;
        if (*p->at == '\0')
            return true;
        if (strchr(",;+", *p->at) == NULL)
            return false;
        joined = *p->at++ == '+';
    }
}

/* The pairs of one relative name, which begins at `first` and ends before `end`. */
static bool add_relative(const struct parser *p, size_t first, size_t end,
                         X509_NAME *name)
{
    for (size_t i = first; i < end; i++) {
        const struct part *part = &p->parts[i];
        const char *value = buf_str(&p->values) + part->from;

        if (X509_NAME_add_entry_by_OBJ(name, part->type, part->tag,
                                       (const unsigned char *)value, (int)part->len, -1,
                                       i == first ? 0 : -1) != 1)
            return false;
    }
    return true;
}

static bool build(const struct parser *p, X509_NAME *name)
{
    size_t end = p->count;

    while (end > 0) {
        size_t first = end - 1;

        while (first > 0 && p->parts[first].joined)
            first--;
        if (!add_relative(p, first, end, name))
            return false;
        end = first;
    }
    return true;
}

X509_NAME *name_parse(const char *text)
{
    AUTO(parser_free) struct parser p = { .at = text, .values = BUF_INIT(NAME_TEXT_MAX) };
    X509_NAME *name = NULL;

    if (text == NULL || strlen(text) > NAME_TEXT_MAX || !read_name(&p)) {
        ERR_clear_error();
        return NULL;
    }
    name = X509_NAME_new();
    if (name != NULL && !build(&p, name)) {
        X509_NAME_free(name);
        name = NULL;
    }
    ERR_clear_error();
    return name;
}

bool name_is(const X509_NAME *name, const char *text)
{
    X509_NAME *other = name_parse(text);
    bool same = other != NULL && X509_NAME_cmp(name, other) == 0;

    X509_NAME_free(other);
    ERR_clear_error();
    return same;
}

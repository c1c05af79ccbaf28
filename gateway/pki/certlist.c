/*
 * certlist.c - several certificates: PEM files, look-up by what a message says of one, PKIPath.
 *
 * A look-up that fits two different certificates is refused: a message must not leave us a
 * choice. Errors of files are ERR_CONFIG and name the path, errors of octets are ERR_REJECT.
 */
#include "pki/cert.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

void certlist_add(struct certlist *list, struct cert *cert)
{
    list->items = mem_grow(list->items, list->count, &list->cap, sizeof *list->items);
    list->items[list->count++] = cert_ref(cert);
}

static void cut_to(struct certlist *list, size_t count)
{
    while (list->count > count)
        cert_free(&list->items[--list->count]);
}

void certlist_free(struct certlist *list)
{
    cut_to(list, 0);
    mem_free(&list->items);
    list->cap = 0;
}

/* --- files -------------------------------------------------------------------------------- */

static bool file_fault(struct err *err, const char *path)
{
    err->kind = ERR_CONFIG;
    return err_context(err, "%s", path);
}

static bool add_x509(struct certlist *list, X509 *x509, struct err *err)
{
    AUTO(cert_free) struct cert *cert = cert_of_x509(x509, err);

    if (cert == NULL)
        return false;
    certlist_add(list, cert);
    return true;
}

static bool no_more(void)
{
    unsigned long last = ERR_peek_last_error();

    return ERR_GET_LIB(last) == ERR_LIB_PEM &&
           ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
}

static bool read_pem(BIO *bio, struct certlist *list, struct err *err)
{
    for (size_t n = 0;; n++) {
        X509 *x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        bool good, end = x509 == NULL && no_more();

        ERR_clear_error();
        if (end && n > 0)
            return true;
        if (end)
            return err_set(err, ERR_CONFIG, "pki.cert-count", "no PEM certificate in it");
        if (x509 == NULL)
            return err_set(err, ERR_CONFIG, "pki.cert-form",
                           "certificate %zu of it is not well-formed", n + 1);
        good = n < CERT_MANY_MAX ? add_x509(list, x509, err)
                                 : err_set(err, ERR_CONFIG, "pki.cert-count",
                                           "over %d certificates in it", CERT_MANY_MAX);
        X509_free(x509);
        if (!good)
            return false;
    }
}

bool certlist_load(const char *path, struct certlist *list, struct err *err)
{
    AUTO(buf_free) struct buf text = BUF_INIT(CERT_FILE_MAX);
    size_t before = list->count;
    BIO *bio;
    bool good;

    if (!file_read(path, &text, err))
        return false;
    bio = BIO_new_mem_buf(buf_str(&text), (int)text.len);
    if (bio == NULL)
        return err_set(err, ERR_RETRY, "pki.cert-form", "%s: out of memory", path);
    good = read_pem(bio, list, err);
    BIO_free(bio);
    if (good)
        return true;
    cut_to(list, before);
    return file_fault(err, path);
}

struct cert *cert_load(const char *path, struct err *err)
{
    AUTO(certlist_free) struct certlist list = { 0 };

    if (!certlist_load(path, &list, err))
        return NULL;
    if (list.count != 1) {
        err_set(err, ERR_CONFIG, "pki.cert-count", "%s: %zu certificates, expected one",
                path, list.count);
        return NULL;
    }
    return cert_ref(list.items[0]);
}

/* --- look-up ------------------------------------------------------------------------------ */

typedef bool cert_fits(const struct cert *cert, const void *wanted);

static struct cert *the_one(const struct certlist *list, cert_fits *fits,
                            const void *wanted, const char *what, struct err *err)
{
    struct cert *found = NULL;

    for (size_t i = 0; i < list->count; i++) {
        if (!fits(list->items[i], wanted))
            continue;
        if (found != NULL && !cert_same(found, list->items[i])) {
            err_set(err, ERR_REJECT, "pki.ambiguous",
                    "%s fits more than one configured certificate", what);
            return NULL;
        }
        found = list->items[i];
    }
    if (found == NULL)
        err_set(err, ERR_REJECT, "pki.no-such-cert",
                "%s fits none of the %zu configured certificates", what, list->count);
    return found;
}

static bool same_octets(struct str a, struct str b)
{
    return a.len == b.len && a.len > 0 && memcmp(a.ptr, b.ptr, a.len) == 0;
}

static bool fits_der(const struct cert *cert, const void *wanted)
{
    return same_octets(cert_der(cert), *(const struct str *)wanted);
}

struct cert *certlist_by_der(const struct certlist *list, struct str der, struct err *err)
{
    return the_one(list, fits_der, &der, "the certificate in the message", err);
}

static bool fits_ski(const struct cert *cert, const void *wanted)
{
    return same_octets(cert_ski(cert), *(const struct str *)wanted);
}

struct cert *certlist_by_ski(const struct certlist *list, struct str ski, struct err *err)
{
    return the_one(list, fits_ski, &ski, "the subject key identifier", err);
}

static bool fits_thumbprint(const struct cert *cert, const void *wanted)
{
    return same_octets(cert_thumbprint(cert), *(const struct str *)wanted);
}

struct cert *certlist_by_thumbprint(const struct certlist *list, struct str sha1,
                                    struct err *err)
{
    return the_one(list, fits_thumbprint, &sha1, "the thumbprint", err);
}

struct issuer_serial {
    const char *issuer;
    struct str serial;
};

static bool fits_issuer_serial(const struct cert *cert, const void *wanted)
{
    const struct issuer_serial *w = wanted;

    return str_is(w->serial, cert_serial(cert)) && cert_issuer_is(cert, w->issuer);
}

struct cert *certlist_by_issuer_serial(const struct certlist *list, const char *issuer,
                                       const char *serial, struct err *err)
{
    struct issuer_serial wanted = { issuer, str_trim(str_of(serial)) };

    return the_one(list, fits_issuer_serial, &wanted, "issuer and serial number", err);
}

/* --- PKIPath ------------------------------------------------------------------------------ */

static bool path_fault(struct err *err, const char *what)
{
    return err_set(err, ERR_REJECT, "pki.path-form", "PKIPath: %s", what);
}

/* The content of the one SEQUENCE in definite, minimal length. */
static bool open_sequence(const unsigned char **at, const unsigned char *end,
                          struct err *err)
{
    const unsigned char *from = *at;
    long len;
    int tag, class, flags = ASN1_get_object(at, &len, &tag, &class, end - from);
    int header = (int)(*at - from);

    ERR_clear_error();
    if ((flags & 0x80) != 0 || flags != V_ASN1_CONSTRUCTED || tag != V_ASN1_SEQUENCE ||
        class != V_ASN1_UNIVERSAL)
        return path_fault(err, "not a SEQUENCE");
    if (*at + len != end || header != ASN1_object_size(1, (int)len, tag) - (int)len)
        return path_fault(err, "its length is not that of the octets");
    return true;
}

static bool issued_by(const struct cert *cert, const struct cert *ca)
{
    return X509_NAME_cmp(X509_get_issuer_name(cert_x509(cert)),
                         X509_get_subject_name(cert_x509(ca))) == 0;
}

static bool read_path_item(const unsigned char **at, const unsigned char *end,
                           struct certlist *path, struct err *err)
{
    const unsigned char *from = *at;
    X509 *x509 = d2i_X509(NULL, at, end - from);
    AUTO(cert_free) struct cert *cert = NULL;

    X509_free(x509);
    ERR_clear_error();
    if (x509 == NULL)
        return path_fault(err, "something in it is no certificate");
    cert = cert_of_der(from, (size_t)(*at - from), err);
    if (cert == NULL)
        return err_context(err, "PKIPath");
    if (path->count == CERT_PATH_MAX)
        return path_fault(err, "over 6 certificates");
    if (path->count > 0 && !issued_by(cert, path->items[path->count - 1]))
        return path_fault(err, "a certificate is not issued by the one before it");
    certlist_add(path, cert);
    return true;
}

bool cert_path_read(const void *der, size_t len, struct certlist *list, struct err *err)
{
    const unsigned char *at = der, *end = at + len;
    AUTO(certlist_free) struct certlist path = { 0 };

    if (len > CERT_PATH_MAX * CERT_OCTETS_MAX)
        return path_fault(err, "too large");
    if (!open_sequence(&at, end, err))
        return false;
    while (at < end)
        if (!read_path_item(&at, end, &path, err))
            return false;
    if (path.count == 0)
        return path_fault(err, "empty");
    for (size_t i = 0; i < path.count; i++)
        certlist_add(list, path.items[i]);
    return true;
}

void cert_path_write(const struct certlist *list, struct buf *out)
{
    size_t len = 0;
    unsigned char head[16], *at = head;

    for (size_t i = 0; i < list->count; i++)
        len += cert_der(list->items[i]).len;
    ASN1_put_object(&at, 1, (int)len, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
    buf_add(out, head, (size_t)(at - head));
    for (size_t i = 0; i < list->count; i++)
        buf_add(out, cert_der(list->items[i]).ptr, cert_der(list->items[i]).len);
}
